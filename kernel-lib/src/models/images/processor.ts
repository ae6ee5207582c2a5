import { assertInteger } from "../../base/check";
import { ConfigError, ShapeError } from "../../base/errors";
import type { RasterImage } from "../../base/types";
import { roundHalfToEven } from "../../compute/safetensors-header";
import { resizeBicubic } from "./resize";

/** How colours become numbers: (byte · rescale - mean) / std, per channel. */
export interface PixelScale {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Default 1 / 255. */
  readonly rescale: number;
}

/** What a Qwen2-VL preprocessor_config.json says. */
export interface QwenImageConfig extends PixelScale {
  readonly patchSize: number;
  readonly temporalPatchSize: number;
  readonly mergeSize: number;
  /** Bounds of width · height after resizing. */
  readonly minPixels: number;
  readonly maxPixels: number;
}

/** What a CLIP preprocessor_config.json says: the shorter edge is resized, then the centre is cut out. */
export interface ClipImageConfig extends PixelScale {
  readonly shortestEdge: number;
  readonly cropHeight: number;
  readonly cropWidth: number;
  /** Where the cut starts when the margin is odd: transformers rounds down, torchvision half to even. Default "down". */
  readonly cropRounding?: "down" | "halfToEven";
}

/** One image as a vision tower reads it. */
export interface QwenPatches {
  /** [gridH · gridW, channels · temporalPatchSize · patchSize · patchSize], in blocks of mergeSize x mergeSize patches */
  readonly patches: Float32Array;
  /** Patches along time, height and width. */
  readonly gridThw: readonly [1, number, number];
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

/**
 * Cuts an image into the patches Qwen2-VL reads, in its order; a still image fills all frames of a patch.
 *
 * @throws ConfigError as smartResize. ShapeError when the image's data does not fit its size.
 */
export function qwenPatches(image: RasterImage, config: QwenImageConfig): QwenPatches {
  const { patchSize, temporalPatchSize, mergeSize } = config;
  const size = smartResize(image.height, image.width, { ...config, factor: patchSize * mergeSize });
  const pixels = scalePixels(resizeBicubic(toRgb(image), size.width, size.height), config); // [H, W, 3]
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

/** Patch positions block by block: the patches of a block become one token. */
function* blockOrder(gridH: number, gridW: number, mergeSize: number): Generator<[number, number]> {
  for (let blockRow = 0; blockRow < gridH; blockRow += mergeSize)
    for (let blockColumn = 0; blockColumn < gridW; blockColumn += mergeSize)
      for (let row = blockRow; row < blockRow + mergeSize; row++)
        for (let column = blockColumn; column < blockColumn + mergeSize; column++) yield [row, column];
}

/**
 * Resizes, crops and scales images for a CLIP vision tower.
 *
 * @returns pixels [B, cropHeight, cropWidth, 3].
 * @throws ConfigError when the crop is larger than the resized image.
 */
export function clipPixelValues(images: readonly RasterImage[], config: ClipImageConfig): Float32Array {
  const size = config.cropHeight * config.cropWidth * 3;
  const values = new Float32Array(images.length * size);
  images.forEach((image, i) => {
    values.set(
      scalePixels(cropCentre(resizeShortestEdge(toRgb(image), config.shortestEdge), config), config),
      i * size,
    );
  });
  return values;
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

function resizeShortestEdge(image: RasterImage, edge: number): RasterImage {
  const scale = (length: number) => Math.trunc((edge * length) / Math.min(image.width, image.height));
  return resizeBicubic(image, scale(image.width), scale(image.height));
}

function cropCentre(image: RasterImage, { cropHeight, cropWidth, cropRounding }: ClipImageConfig): RasterImage {
  if (image.width === cropWidth && image.height === cropHeight) return image;
  if (image.width < cropWidth || image.height < cropHeight)
    throw new ConfigError(
      `clipPixelValues: the crop must fit into the resized image of ${image.width} x ${image.height}; got ${cropWidth} x ${cropHeight}. Set crop_size to at most size in preprocessor_config.json.`,
      { cropHeight, cropWidth },
    );
  const round = cropRounding === "halfToEven" ? roundHalfToEven : Math.floor;
  const [top, left] = [round((image.height - cropHeight) / 2), round((image.width - cropWidth) / 2)];
  const data = new Uint8Array(cropHeight * cropWidth * 3);
  for (let row = 0; row < cropHeight; row++) {
    const start = ((top + row) * image.width + left) * 3;
    data.set(image.data.subarray(start, start + cropWidth * 3), row * cropWidth * 3);
  }
  return { width: cropWidth, height: cropHeight, channels: 3, data };
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
