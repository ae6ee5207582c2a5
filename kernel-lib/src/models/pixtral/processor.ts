import { assertInteger } from "../../base/check";
import type { RasterImage } from "../../base/types";
import { closeImageConfig, IMAGE_CONFIG, type PixelScale, parsePixelScale, scalePixels, toRgb } from "../images/pixels";
import { resizeBicubic } from "../images/resize";
import type { ImageProcessor, PatchGrid } from "../vision-language/model";
import { Fields, type JsonObject } from "../weights/fields";
import { processorFields } from "../weights/model-folder";

/**
 * Mistral's chat format as Pixtral reads it: [INST] around a user's turn, [IMG] for an image, the answer right after
 * [/INST] and closed by the end token. A system turn opens the user turn that follows it.
 */
export const PIXTRAL_CHAT_TEMPLATE = `{{- bos_token }}{%- set held = namespace(text='') %}
{%- for message in messages %}
{%- if message.role == 'system' %}{%- set held.text = message.content + '\\n\\n' %}
{%- elif message.role == 'user' %}{{- '[INST]' + held.text }}{%- set held.text = '' %}
{%- if message.content is string %}{{- message.content }}
{%- else %}{%- for part in message.content %}{%- if part.type == 'image' %}{{- '[IMG]' }}{%- else %}{{- part.text }}{%- endif %}{%- endfor %}
{%- endif %}{{- '[/INST]' }}
{%- else %}{{- message.content + eos_token }}
{%- endif %}
{%- endfor %}`;

/** What a Pixtral preprocessor_config.json says. */
export interface PixtralImageConfig extends PixelScale {
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Longest side an image keeps; larger ones are shrunk. */
  readonly longestEdge: number;
}

/**
 * Reads the content of a Pixtral preprocessor_config.json. `patch_size` is a number or { height, width }, `size` a number,
 * { longest_edge } or { height, width }, both sides the same. What is left out is as transformers has it.
 *
 * @throws DataError naming the field.
 */
export function parsePixtralImageConfig(json: JsonObject): PixtralImageConfig {
  const fields = new Fields(json, IMAGE_CONFIG);
  fields.only("do_center_crop", false);
  const config: PixtralImageConfig = {
    ...parsePixelScale(fields),
    patchSize: squareSide(fields, "patch_size", 16),
    longestEdge: squareSide(fields, "size", 1024),
  };
  closeImageConfig(fields);
  return config;
}

/** A number, or an object with `longest_edge` or with two sides that are the same. */
function squareSide(fields: Fields, name: string, fallback: number): number {
  if (typeof fields.value(name) !== "object") return fields.size(name, fallback);
  const sides = fields.section(name);
  const longest = sides.value("longest_edge") === undefined ? null : sides.size("longest_edge");
  const [height, width] = longest === null ? [sides.size("height"), sides.size("width")] : [longest, longest];
  if (height !== width) throw sides.wrong("width", `the height, ${height}`);
  sides.refuseOthers();
  return height;
}

/** The content of a preprocessor_config.json that transformers reads as a PixtralImageProcessor. */
export function pixtralImageJson(config: PixtralImageConfig): JsonObject {
  const { patchSize } = config;
  return {
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: config.mean,
    image_processor_type: "PixtralImageProcessor",
    image_std: config.std,
    patch_size: { height: patchSize, width: patchSize },
    processor_class: "PixtralProcessor",
    resample: 3,
    rescale_factor: config.rescale,
    size: { longest_edge: config.longestEdge },
  };
}

/** The three tokens an image is written with. */
export interface PixtralTokens {
  readonly image: string;
  readonly imageBreak: string;
  readonly imageEnd: string;
}

/** Pixtral's own names of them. */
export const PIXTRAL_TOKENS: PixtralTokens = { image: "[IMG]", imageBreak: "[IMG_BREAK]", imageEnd: "[IMG_END]" };

/**
 * Reads them from the content of a processor_config.json.
 *
 * @param patchSize of the image processor: the two count patches alike.
 * @throws DataError naming the field.
 */
export function parsePixtralTokens(json: JsonObject, patchSize: number): PixtralTokens {
  const fields = processorFields("loadPixtral", json);
  fields.only("spatial_merge_size", 1);
  fields.only("patch_size", patchSize);
  const tokens = {
    image: fields.text("image_token", PIXTRAL_TOKENS.image),
    imageBreak: fields.text("image_break_token", PIXTRAL_TOKENS.imageBreak),
    imageEnd: fields.text("image_end_token", PIXTRAL_TOKENS.imageEnd),
  };
  fields.refuseOthers();
  return tokens;
}

/** The content of a processor_config.json that transformers reads as a PixtralProcessor. */
export function pixtralProcessorJson(tokens: PixtralTokens, imageConfig: PixtralImageConfig): JsonObject {
  return {
    image_break_token: tokens.imageBreak,
    image_end_token: tokens.imageEnd,
    image_processor: pixtralImageJson(imageConfig),
    image_token: tokens.image,
    patch_size: imageConfig.patchSize,
    processor_class: "PixtralProcessor",
    spatial_merge_size: 1,
  };
}

/**
 * The size Pixtral resizes to: at most `longestEdge` on both sides with proportions kept, then up to whole patches.
 *
 * @throws ConfigError when a side is no positive whole number.
 * @example pixtralSize(20, 30, { patchSize: 16, longestEdge: 1024 })   // { height: 32, width: 32 }
 */
export function pixtralSize(
  height: number,
  width: number,
  { patchSize, longestEdge }: Pick<PixtralImageConfig, "patchSize" | "longestEdge">,
): { height: number; width: number } {
  assertInteger("pixtralSize: height", height, 1);
  assertInteger("pixtralSize: width", width, 1);
  const ratio = Math.max(height / longestEdge, width / longestEdge, 1);
  const wholePatches = (side: number): number => {
    const kept = ratio > 1 ? Math.floor(side / ratio) : side;
    return (Math.floor((kept - 1) / patchSize) + 1) * patchSize;
  };
  return { height: wholePatches(height), width: wholePatches(width) };
}

/**
 * Resizes, scales and cuts an image into the patches Pixtral reads, row by row.
 *
 * @returns [height / patchSize * width / patchSize, channels * patchSize * patchSize]
 * @throws ConfigError as pixtralSize. ShapeError when the image's data does not fit its size.
 */
export function pixtralPatches(image: RasterImage, config: PixtralImageConfig): Float32Array {
  const { patchSize } = config;
  const size = pixtralSize(image.height, image.width, config);
  const pixels = scalePixels(toRgb(resizeBicubic(image, size.width, size.height)), config); // [H, W, 3]
  const patches = new Float32Array(pixels.length);
  let at = 0;
  for (let top = 0; top < size.height; top += patchSize)
    for (let left = 0; left < size.width; left += patchSize)
      for (let channel = 0; channel < 3; channel++)
        for (let y = top; y < top + patchSize; y++) {
          const start = (y * size.width + left) * 3 + channel;
          for (let x = 0; x < patchSize; x++) patches[at++] = pixels[start + 3 * x]!;
        }
  return patches;
}

/** Ids of the tokens an image is written with. */
interface PixtralTokenIds {
  readonly imageTokenId: number;
  /** Stands after every row of patches but the last. */
  readonly breakTokenId: number;
  /** Stands after the last row. */
  readonly endTokenId: number;
}

/** How Pixtral turns images into patches and placeholders: one token per patch, a mark after every row. */
export function pixtralImageProcessor(config: PixtralImageConfig, ids: PixtralTokenIds): ImageProcessor {
  return {
    gridOf: (image) => {
      const { height, width } = pixtralSize(image.height, image.width, config);
      return { frames: 1, height: height / config.patchSize, width: width / config.patchSize };
    },
    patchesOf: (image) => pixtralPatches(image, config),
    tokensOf: (grid: PatchGrid) => grid.height * grid.width,
    placeholdersOf: (grid) =>
      Array.from({ length: grid.height }, (_, row) => [
        ...new Array<number>(grid.width).fill(ids.imageTokenId),
        row + 1 < grid.height ? ids.breakTokenId : ids.endTokenId,
      ]).flat(),
  };
}
