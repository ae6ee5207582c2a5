import * as tf from "@tensorflow/tfjs-core";
import { ConfigError } from "../../base/errors";
import type { Control, RasterImage } from "../../base/types";
import { roundHalfToEven } from "../../compute/half-floats";
import { type PixelScale, scalePixels, toRgb } from "../images/pixels";
import { resizeBicubic } from "../images/resize";
import type { TextTokenizer } from "../text/tokenizer";
import type { EncoderTexts } from "./encoder";

/** What an encoder's preprocessor_config.json says: the picture is resized, then the centre is cut out. */
export interface EncoderImageConfig extends PixelScale {
  /** Pixels that the shorter edge is resized to, proportions kept. */
  readonly shortestEdge: number;
  /** The size that pictures are stretched to instead, whatever their proportions. Default: none. */
  readonly stretchTo?: { readonly height: number; readonly width: number };
  readonly cropHeight: number;
  readonly cropWidth: number;
  /** Where the cut starts when the margin is odd: transformers rounds down, torchvision half to even. Default "down". */
  readonly cropRounding?: "down" | "halfToEven";
}

function resize(image: RasterImage, { shortestEdge, stretchTo }: EncoderImageConfig): RasterImage {
  if (stretchTo !== undefined) return resizeBicubic(image, stretchTo.width, stretchTo.height);
  const scale = (length: number) => Math.trunc((shortestEdge * length) / Math.min(image.width, image.height));
  return resizeBicubic(image, scale(image.width), scale(image.height));
}

function cropCentre(image: RasterImage, { cropHeight, cropWidth, cropRounding }: EncoderImageConfig): RasterImage {
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

/**
 * Resizes, crops and scales images for an encoder's image tower.
 *
 * @returns pixels [B, cropHeight, cropWidth, 3]; the caller disposes them.
 * @throws ConfigError when the crop is larger than the resized image.
 */
export function encoderPixels(images: readonly RasterImage[], config: EncoderImageConfig): tf.Tensor4D {
  const { cropHeight, cropWidth } = config;
  const size = cropHeight * cropWidth * 3;
  const values = new Float32Array(images.length * size);
  images.forEach((image, i) => {
    values.set(scalePixels(cropCentre(toRgb(resize(image, config)), config), config), i * size);
  });
  return tf.tensor4d(values, [images.length, cropHeight, cropWidth, 3]);
}

/** Lays texts of different length into one block of rows. `endOf` names the column of a row's last token. */
export function padTexts(
  rows: readonly (readonly number[])[],
  padTokenId: number,
  endOf: (row: readonly number[]) => number,
): EncoderTexts {
  const columns = rows.reduce((most, ids) => Math.max(most, ids.length), 1);
  const ids = new Int32Array(rows.length * columns).fill(padTokenId);
  rows.forEach((row, i) => {
    ids.set(row, i * columns);
  });
  return { rows: rows.length, columns, ids, ends: Int32Array.from(rows, endOf) };
}

/** Says how many texts are longer than the model reads, if any. */
export function warnOfCuts(encoded: readonly (readonly number[])[], maxPositions: number, control: Control): void {
  const cut = encoded.filter((ids) => ids.length > maxPositions).length;
  if (cut === 0) return;
  const message = `${cut} of ${encoded.length} texts are longer than ${maxPositions} tokens and were cut.`;
  control.onWarn?.("text-cut", message, { cut, maxPositions });
}

/**
 * Texts as a BERT reads them. A text that is too long is cut before its last token, [SEP].
 *
 * @param control.onWarn called with code "text-cut" and the number of cut texts.
 */
export function textsToLast(
  { maxPositions, padTokenId, tokenizer }: TextLimits,
  texts: readonly string[],
  control: Control = {},
): EncoderTexts {
  const encoded = texts.map((text) => tokenizer.encode(text));
  warnOfCuts(encoded, maxPositions, control);
  const rows = encoded.map((ids) =>
    ids.length > maxPositions ? [...ids.slice(0, maxPositions - 1), ids[ids.length - 1]!] : ids,
  );
  return padTexts(rows, padTokenId, (row) => row.length - 1);
}

/** How a text tower wants its texts. */
interface TextLimits {
  /** Tokens of a text that are read. */
  readonly maxPositions: number;
  readonly padTokenId: number;
  readonly tokenizer: TextTokenizer;
}
