import { ShapeError } from "../../base/errors";
import type { RasterImage } from "../../base/types";
import { type FieldSource, type Fields, wordsOf } from "../weights/fields";

/** How colours become numbers: (byte · rescale - mean) / std, per channel. */
export interface PixelScale {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Default 1 / 255. */
  readonly rescale: number;
}

/** Who reads a preprocessor_config.json. */
export const IMAGE_CONFIG: FieldSource = {
  where: "parseImageConfig",
  file: "preprocessor_config.json",
  advice: "Use a model whose pictures are prepared as the published ones.",
};

/** What OpenAI's CLIP scales by, and the classes of CLIP, Qwen2-VL and Pixtral where a file leaves them out. */
export const CLIP_MEAN: readonly number[] = [0.48145466, 0.4578275, 0.40821073];
export const CLIP_STD: readonly number[] = [0.26862954, 0.26130258, 0.27577711];

/** Pillow's number for the bicubic filter. */
const BICUBIC = 3;

/**
 * Reads how colours become numbers, as transformers' image processors do. What is left out is CLIP's; a step that is switched
 * off leaves numbers as they are.
 *
 * @throws DataError naming the field: one that is wrong, or a way of resizing or converting that is not built.
 */
export function parsePixelScale(fields: Fields): PixelScale {
  fields.only("do_resize", true);
  fields.only("do_convert_rgb", true);
  fields.only("resample", BICUBIC);
  const rescale = fields.number("rescale_factor", 1 / 255);
  const colours = (field: string, fallback: readonly number[]): number[] => {
    const value = fields.value(field);
    return typeof value === "number" ? [value, value, value] : fields.numbers(field, 3, fallback);
  };
  const [mean, std] = [colours("image_mean", CLIP_MEAN), colours("image_std", CLIP_STD)];
  if (std.includes(0)) throw fields.wrong("image_std", "numbers other than 0");
  const kept = fields.flag("do_normalize", "on") ? { mean, std } : { mean: [0, 0, 0], std: [1, 1, 1] };
  return { ...kept, rescale: fields.flag("do_rescale", "on") ? rescale : 1 };
}

/** Names of code and of kinds of arrays, and what groups pictures, which changes none of them. */
const IMAGE_IRRELEVANT = wordsOf(`
  _processor_class _valid_processor_keys auto_map backend data_format default_to_square device disable_grouping do_pad
  feature_extractor_type image_processor_type image_seq_length input_data_format processor_class return_tensors
  transformers_version
`);

/** Says that a preprocessor_config.json is read: other fields are refused by name and value. */
export function closeImageConfig(fields: Fields): void {
  fields.ignore(IMAGE_IRRELEVANT);
  fields.refuseOthers();
}

/** Three equal channels for a grey image; a colour image as it is. After resizing, not before: channels are resized each by itself. */
export function toRgb(image: RasterImage): RasterImage {
  if (image.data.length !== image.width * image.height * image.channels)
    throw new ShapeError(
      `toRgb: image.data must have ${image.width} x ${image.height} x ${image.channels} values; got ${image.data.length}.`,
      { length: image.data.length },
    );
  if (image.channels === 3) return image;
  const data = new Uint8Array(image.data.length * 3);
  for (let i = 0; i < data.length; i++) data[i] = image.data[Math.floor(i / 3)]!;
  return { ...image, channels: 3, data };
}

const scales = new WeakMap<PixelScale, readonly Float32Array[]>();

/** What each of the 256 values of a byte becomes, by channel: worked out once for a processor. */
function scaledBytes(scale: PixelScale): readonly Float32Array[] {
  const { mean, std, rescale } = scale;
  const known = scales.get(scale);
  if (known !== undefined) return known;
  const scaled = mean.map((_, channel) =>
    Float32Array.from({ length: 256 }, (_, byte) => (byte * rescale - mean[channel]!) / std[channel]!),
  );
  scales.set(scale, scaled);
  return scaled;
}

/** Colours as numbers, [height, width, 3], by a processor's scale. */
export function scalePixels(image: RasterImage, scale: PixelScale): Float32Array {
  const [red, green, blue] = scaledBytes(scale) as [Float32Array, Float32Array, Float32Array];
  const values = new Float32Array(image.data.length);
  for (let i = 0; i < values.length; i += 3) {
    values[i] = red[image.data[i]!]!;
    values[i + 1] = green[image.data[i + 1]!]!;
    values[i + 2] = blue[image.data[i + 2]!]!;
  }
  return values;
}
