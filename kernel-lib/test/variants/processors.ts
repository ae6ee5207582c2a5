import * as fc from "fast-check";
import type { RasterImage } from "../../src/base/types";
import { parseClipImageConfig } from "../../src/models/clip/processor";
import { encoderPixels } from "../../src/models/dual-encoder/processor";
import { parsePixtralImageConfig, pixtralPatches, pixtralSize } from "../../src/models/pixtral/processor";
import { parseQwen2VlImageConfig, qwenPatches } from "../../src/models/qwen2-vl/processor";
import type { JsonObject } from "../../src/models/weights/fields";
import { formatOf } from "./format";

const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const COMMON = {
  do_normalize: pick(true, false),
  do_rescale: pick(true, true, false),
  do_resize: pick(...new Array<boolean>(15).fill(true), false),
  do_convert_rgb: pick(...new Array<boolean>(15).fill(true), false),
  resample: pick(...new Array<number>(15).fill(3), 2),
  rescale_factor: pick(1 / 255, 0.5, 0.01),
  image_mean: pick<unknown>([0.48145466, 0.4578275, 0.40821073], [0.5, 0.4, 0.3], 0.5),
  image_std: pick<unknown>([0.26862954, 0.26130258, 0.27577711], [0.5, 0.4, 0.3], 0.25),
  image_processor_type: pick("CLIPImageProcessor"),
  feature_extractor_type: pick("CLIPFeatureExtractor"),
  processor_class: pick("CLIPProcessor"),
  input_data_format: pick(null),
};
const some = <T extends Record<string, unknown>>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<JsonObject>;

const clipFields = some({
  ...COMMON,
  size: pick<unknown>(
    6,
    { shortest_edge: 6 },
    { height: 6, width: 6 },
    { height: 7, width: 6 },
    { shortest_edge: 6, longest_edge: 9 },
  ),
  do_center_crop: pick(true, true, false),
  crop_size: pick<unknown>(6, { height: 6, width: 6 }, 5, { height: 4, width: 6 }, 9),
  default_to_square: pick(false),
}).map((fields) => ({ size: 6, crop_size: 6, ...fields }));
const qwenFields = some({
  ...COMMON,
  min_pixels: pick(64, 256),
  max_pixels: pick(256, 1024),
  size: pick<unknown>({ shortest_edge: 64, longest_edge: 512 }, { shortest_edge: 256, longest_edge: 256 }),
  merge_size: pick(2, 1),
  temporal_patch_size: pick(2, 1),
}).map((fields) => ({ patch_size: 4, max_pixels: 1024, min_pixels: 64, ...fields }));
const qwenBySize = some({ ...COMMON, merge_size: pick(2, 1) }).map((fields) => ({
  patch_size: 4,
  size: { shortest_edge: 64, longest_edge: 512 },
  ...fields,
}));
const pixtralFields = some({
  ...COMMON,
  size: pick<unknown>({ longest_edge: 16 }, { height: 16, width: 16 }, 16, { longest_edge: 13 }),
  patch_size: pick<unknown>(4, { height: 4, width: 4 }, { height: 4, width: 2 }),
}).map((fields) => ({ patch_size: 4, size: { longest_edge: 16 }, ...fields }));

// a side of 1, 3 or 4 might be taken for the colours
const side = fc.integer({ min: 5, max: 24 });
const specs = fc
  .record({
    seed: fc.nat(2 ** 31),
    size: fc.tuple(side, side),
    from: fc.oneof(
      fc.record({ model: fc.constant("clip" as const), fields: clipFields }),
      fc.record({ model: fc.constant("qwen2-vl" as const), fields: fc.oneof(qwenFields, qwenBySize) }),
      fc.record({ model: fc.constant("pixtral" as const), fields: pixtralFields }),
    ),
  })
  .map(({ from, ...rest }) => ({ ...rest, ...from }));

interface Pixels {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}
type Read = (image: RasterImage, fields: JsonObject, answer: Pixels) => ArrayLike<number>;

/** [3, H, W] as [H, W, 3]. */
function channelsLast({ shape, values }: Pixels): number[] {
  const [, channels, height, width] = shape as [number, number, number, number];
  return Array.from({ length: values.length }, (_, at) => {
    const [pixel, channel] = [Math.floor(at / channels), at % channels];
    return values[channel * height * width + pixel]!;
  });
}

/** Patches as [H, W, 3]. */
function unpatched(patches: Float32Array, image: RasterImage, fields: JsonObject): number[] {
  const config = parsePixtralImageConfig(fields);
  const { height, width } = pixtralSize(image.height, image.width, config);
  const { patchSize: edge } = config;
  return Array.from({ length: height * width * 3 }, (_, at) => {
    const [x, y, channel] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width), at % 3];
    const patch = Math.floor(y / edge) * (width / edge) + Math.floor(x / edge);
    return patches[((patch * 3 + channel) * edge + (y % edge)) * edge + (x % edge)]!;
  });
}

const READ: Readonly<Record<string, Read>> = {
  clip: (image, fields) => {
    const pixels = encoderPixels([image], parseClipImageConfig(fields));
    const values = pixels.dataSync();
    pixels.dispose();
    return values;
  },
  "qwen2-vl": (image, fields) => qwenPatches(image, parseQwen2VlImageConfig(fields)).patches,
  pixtral: (image, fields) => unpatched(pixtralPatches(image, parsePixtralImageConfig(fields)), image, fields),
};

export const PROCESSOR = formatOf<{ model: string; size: readonly [number, number]; fields: JsonObject }, Pixels>({
  name: "processor",
  specs,
  compare: ({ spec, files, answer }) => {
    const [width, height] = spec.size;
    const image: RasterImage = { width, height, channels: 3, data: Uint8Array.from(files.get("picture")!) };
    const found = READ[spec.model]!(image, spec.fields, answer);
    const expected = spec.model === "qwen2-vl" ? answer.values : channelsLast(answer);
    if (found.length !== expected.length) return `${found.length} values, expected ${expected.length}`;
    const at = expected.findIndex((value, i) => Math.abs(value - found[i]!) > 1e-5 * Math.max(1, Math.abs(value)));
    return at < 0 ? null : `value ${at} is ${found[at]}, expected ${expected[at]}`;
  },
});
