import * as tf from "@tensorflow/tfjs-core";
import type { Control, RasterImage } from "../../base/types";
import { type ClipImageConfig, clipPixelValues } from "../images/processor";
import type { TextTokenizer } from "../text/tokenizer";
import type { ClipConfig } from "./config";
import type { ClipTexts } from "./model";

export { encodeImages, encodeTexts } from "../dual-encoder";

/** Images as the vision tower reads them, [B, H, W, 3]; the caller disposes it. */
export function clipPixels(
  { imageConfig }: { readonly imageConfig: ClipImageConfig },
  images: readonly RasterImage[],
): tf.Tensor4D {
  const { cropHeight, cropWidth } = imageConfig;
  return tf.tensor4d(clipPixelValues(images, imageConfig), [images.length, cropHeight, cropWidth, 3]);
}

/**
 * Texts as the text tower reads them. A text that is too long is cut before its end token.
 *
 * @param control.onWarn called with code "text-cut" and the number of cut texts.
 */
export function clipTexts(
  { config, tokenizer }: { readonly config: ClipConfig; readonly tokenizer: TextTokenizer },
  texts: readonly string[],
  control: Control = {},
): ClipTexts {
  const { maxPositions, endTokenId, padTokenId } = config.text;
  const encoded = texts.map((text) => tokenizer.encode(text));
  const rows = encoded.map((ids) => endWith(ids, endTokenId, maxPositions));
  warnOfCuts(encoded, maxPositions, control);
  return padTexts(rows, padTokenId, (row) => row.indexOf(endTokenId));
}

/** Lays texts of different length into one block of rows. `endOf` names the column of a row's last token. */
export function padTexts(
  rows: readonly (readonly number[])[],
  padTokenId: number,
  endOf: (row: readonly number[]) => number,
): ClipTexts {
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

/** The ids with an end token, cut so that it fits. */
function endWith(ids: readonly number[], endTokenId: number, maxPositions: number): number[] {
  const fitting = ids.slice(0, maxPositions);
  if (fitting.includes(endTokenId)) return fitting;
  return [...ids.slice(0, maxPositions - 1), endTokenId];
}
