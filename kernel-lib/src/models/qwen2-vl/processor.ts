import { assertInteger } from "../../base/check";
import { ConfigError } from "../../base/errors";
import type { RasterImage } from "../../base/types";
import { roundHalfToEven } from "../../compute/half-floats";
import { closeImageConfig, IMAGE_CONFIG, type PixelScale, parsePixelScale, scalePixels, toRgb } from "../images/pixels";
import { resizeBicubic } from "../images/resize";
import type { ImageProcessor, PatchGrid } from "../vision-language/model";
import { Fields, type JsonObject } from "../weights/fields";
import type { Qwen2VlConfig } from "./config";

/** Wraps each turn in <|im_start|>role … <|im_end|> and each picture in vision marks; no default system turn. */
export const QWEN2_VL_CHAT_TEMPLATE = `{% for message in messages %}<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;

/** What a Qwen2-VL preprocessor_config.json says. */
export interface Qwen2VlImageConfig extends PixelScale {
  readonly patchSize: number;
  readonly temporalPatchSize: number;
  readonly mergeSize: number;
  /** Bounds of width · height after resizing. */
  readonly minPixels: number;
  readonly maxPixels: number;
}

/**
 * Reads the content of a Qwen2-VL preprocessor_config.json. `min_pixels` and `max_pixels` go before `size`, whose edges mean the
 * same numbers. What is left out is as transformers has it.
 *
 * @throws DataError naming the field.
 */
export function parseQwen2VlImageConfig(json: JsonObject): Qwen2VlImageConfig {
  const fields = new Fields(json, IMAGE_CONFIG);
  fields.only("do_center_crop", false);
  const size = fields.section("size", { shortest_edge: 56 * 56, longest_edge: 28 * 28 * 1280 });
  const bound = (name: string, edge: string): number => {
    if (fields.value(name) === undefined) return size.size(edge);
    size.ignore([name, edge]); // the field itself wins
    return fields.size(name);
  };
  const config: Qwen2VlImageConfig = {
    ...parsePixelScale(fields),
    patchSize: fields.size("patch_size", 14),
    temporalPatchSize: fields.size("temporal_patch_size", 2),
    mergeSize: fields.size("merge_size", 2),
    minPixels: bound("min_pixels", "shortest_edge"),
    maxPixels: bound("max_pixels", "longest_edge"),
  };
  size.refuseOthers();
  closeImageConfig(fields);
  return config;
}

/** The content of a preprocessor_config.json that transformers reads as a Qwen2VLImageProcessor. */
export function qwen2VlImageJson(config: Qwen2VlImageConfig): JsonObject {
  return {
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: config.mean,
    image_processor_type: "Qwen2VLImageProcessor",
    image_std: config.std,
    max_pixels: config.maxPixels,
    merge_size: config.mergeSize,
    min_pixels: config.minPixels,
    patch_size: config.patchSize,
    processor_class: "Qwen2VLProcessor",
    resample: 3,
    rescale_factor: config.rescale,
    size: { longest_edge: config.maxPixels, shortest_edge: config.minPixels },
    temporal_patch_size: config.temporalPatchSize,
  };
}

/**
 * The size Qwen2-VL resizes to: multiples of `factor`, area within [minPixels, maxPixels], proportions kept as far as possible.
 *
 * @throws ConfigError when a side is no positive whole number, or one is more than 200 times the other.
 * @example smartResize(28, 28, { factor: 8, minPixels: 1024, maxPixels: 1024 })   // { height: 32, width: 32 }
 */
export function smartResize(
  height: number,
  width: number,
  { factor, minPixels, maxPixels }: { factor: number; minPixels: number; maxPixels: number },
): { height: number; width: number } {
  assertInteger("smartResize: height", height, 1);
  assertInteger("smartResize: width", width, 1);
  if (Math.max(height, width) > 200 * Math.min(height, width))
    throw new ConfigError(
      `smartResize: one side must be at most 200 times the other; got ${height} x ${width}. Crop the image.`,
      { height, width },
    );
  const fit = (round: (value: number) => number, scale: number) => ({
    height: round((height * scale) / factor) * factor,
    width: round((width * scale) / factor) * factor,
  });
  const near = fit(roundHalfToEven, 1);
  if (near.height * near.width > maxPixels) {
    const shrink = Math.sqrt((height * width) / maxPixels);
    const side = (length: number) => Math.max(factor, Math.floor(length / shrink / factor) * factor);
    return { height: side(height), width: side(width) };
  }
  return near.height * near.width < minPixels ? fit(Math.ceil, Math.sqrt(minPixels / (height * width))) : near;
}

/** Patch positions block by block: the patches of a block become one token. */
function* blockOrder(gridH: number, gridW: number, mergeSize: number): Generator<[number, number]> {
  for (let blockRow = 0; blockRow < gridH; blockRow += mergeSize)
    for (let blockColumn = 0; blockColumn < gridW; blockColumn += mergeSize)
      for (let row = blockRow; row < blockRow + mergeSize; row++)
        for (let column = blockColumn; column < blockColumn + mergeSize; column++) yield [row, column];
}

/** One image as a vision tower reads it. */
export interface QwenPatches {
  /** [gridH · gridW, channels · temporalPatchSize · patchSize · patchSize], in blocks of mergeSize x mergeSize patches */
  readonly patches: Float32Array;
  /** Patches along time, height and width. */
  readonly gridThw: readonly [1, number, number];
}

/**
 * Cuts an image into the patches Qwen2-VL reads, in its order; a still image fills all frames of a patch.
 *
 * @throws ConfigError as smartResize. ShapeError when the image's data does not fit its size.
 */
export function qwenPatches(image: RasterImage, config: Qwen2VlImageConfig): QwenPatches {
  const { patchSize, temporalPatchSize, mergeSize } = config;
  const size = smartResize(image.height, image.width, { ...config, factor: patchSize * mergeSize });
  const pixels = scalePixels(toRgb(resizeBicubic(image, size.width, size.height)), config); // [H, W, 3]
  const [gridH, gridW] = [size.height / patchSize, size.width / patchSize];
  const patches = new Float32Array(pixels.length * temporalPatchSize);
  let at = 0;
  for (const [row, column] of blockOrder(gridH, gridW, mergeSize)) {
    for (let channel = 0; channel < 3; channel++) {
      for (let frame = 0; frame < temporalPatchSize; frame++) {
        for (let y = row * patchSize; y < (row + 1) * patchSize; y++) {
          const start = (y * size.width + column * patchSize) * 3 + channel;
          for (let x = 0; x < patchSize; x++) patches[at++] = pixels[start + x * 3]!;
        }
      }
    }
  }
  return { patches, gridThw: [1, gridH, gridW] };
}

/** Number of text-model tokens an image becomes. */
export function tokensOf(grid: PatchGrid, spatialMergeSize: number): number {
  return (grid.frames * grid.height * grid.width) / spatialMergeSize ** 2;
}

/** How Qwen2-VL turns images into patches and placeholders: smart resize, squares of patches, one placeholder a token. */
export function qwen2VlImageProcessor(
  { imageTokenId, vision }: Qwen2VlConfig,
  imageConfig: Qwen2VlImageConfig,
): ImageProcessor {
  const { patchSize, mergeSize } = imageConfig;
  const count = (grid: PatchGrid): number => tokensOf(grid, vision.spatialMergeSize);
  return {
    gridOf: ({ height, width }) => {
      const size = smartResize(height, width, { ...imageConfig, factor: patchSize * mergeSize });
      return { frames: 1, height: size.height / patchSize, width: size.width / patchSize };
    },
    patchesOf: (image) => qwenPatches(image, imageConfig).patches,
    tokensOf: count,
    placeholdersOf: (grid) => new Array<number>(count(grid)).fill(imageTokenId),
  };
}
