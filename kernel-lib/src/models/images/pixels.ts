import { ShapeError } from "../../base/errors";
import type { RasterImage } from "../../base/types";
import type { FieldSource, Fields } from "../weights/fields";

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
  advice: "Copy the file from the model again.",
};

/** Reads mean, deviation and rescale factor as transformers writes them. @throws DataError naming the field. */
export function parsePixelScale(fields: Fields): PixelScale {
  return {
    mean: fields.numbers("image_mean", 3),
    std: fields.numbers("image_std", 3),
    rescale: fields.number("rescale_factor", 1 / 255),
  };
}

/** Three equal channels for a grey image; a colour image as it is. */
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

/** Colours as numbers, [height, width, 3], by a processor's scale. */
export function scalePixels(image: RasterImage, { mean, std, rescale }: PixelScale): Float32Array {
  // a byte has 256 values, so the division is done once per value and channel
  const scaled = mean.map((_, channel) =>
    Float32Array.from({ length: 256 }, (_, byte) => (byte * rescale - mean[channel]!) / std[channel]!),
  );
  const [red, green, blue] = scaled as [Float32Array, Float32Array, Float32Array];
  const values = new Float32Array(image.data.length);
  for (let i = 0; i < values.length; i += 3) {
    values[i] = red[image.data[i]!]!;
    values[i + 1] = green[image.data[i + 1]!]!;
    values[i + 2] = blue[image.data[i + 2]!]!;
  }
  return values;
}
