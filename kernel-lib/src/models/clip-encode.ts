import { setImmediate as yieldToEvents } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { assertNotInterrupted } from "../base/check";
import type { Control, Matrix, RasterImage } from "../base/types";
import type { Clip } from "./clip";
import { type ClipTexts, clipImageEmbeddings, clipTextEmbeddings } from "./clip-towers";
import { clipPixelValues } from "./image-processor";

/** Images and texts per pass: large enough to keep two cores busy, small enough to stop within a second. */
const BATCH = 64;

/** Images as the vision tower reads them, [B, H, W, 3]; the caller disposes it. */
export function clipPixels(clip: Pick<Clip, "imageConfig">, images: readonly RasterImage[]): tf.Tensor4D {
  const { cropHeight, cropWidth } = clip.imageConfig;
  return tf.tensor4d(clipPixelValues(images, clip.imageConfig), [images.length, cropHeight, cropWidth, 3]);
}

/**
 * Texts as the text tower reads them. A text that is too long is cut before its end token.
 *
 * @param control.onWarn called with code "text-cut" and the number of cut texts.
 */
export function clipTexts(clip: Clip, texts: readonly string[], control: Control = {}): ClipTexts {
  const { maxPositions, endTokenId, padTokenId } = clip.config.text;
  const encoded = texts.map((text) => clip.tokenizer.encode(text));
  const rows = encoded.map((ids) => endWith(ids, endTokenId, maxPositions));
  const cut = encoded.filter((ids) => ids.length > maxPositions).length;
  if (cut > 0)
    control.onWarn?.(
      "text-cut",
      `${cut} of ${texts.length} texts are longer than ${maxPositions} tokens and were cut.`,
      {
        cut,
        maxPositions,
      },
    );
  const columns = rows.reduce((most, ids) => Math.max(most, ids.length), 1);
  const ids = new Int32Array(rows.length * columns).fill(padTokenId);
  rows.forEach((row, i) => {
    ids.set(row, i * columns);
  });
  return { rows: rows.length, columns, ids, ends: Int32Array.from(rows, (row) => row.indexOf(endTokenId)) };
}

/** The ids with an end token, cut so that it fits. */
function endWith(ids: readonly number[], endTokenId: number, maxPositions: number): number[] {
  const fitting = ids.slice(0, maxPositions);
  if (fitting.includes(endTokenId)) return fitting;
  return [...ids.slice(0, maxPositions - 1), endTokenId];
}

/**
 * Embeds images without a gradient, in batches.
 *
 * @returns [images, D], rows of length 1.
 * @throws InterruptedError when the signal is aborted.
 */
export function encodeImages(clip: Clip, images: readonly RasterImage[], control: Control = {}): Promise<Matrix> {
  return inBatches(clip, images, { stage: "encode images", control }, (batch) =>
    clipImageEmbeddings(clip, clipPixels(clip, batch)),
  );
}

/**
 * Embeds texts without a gradient, in batches.
 *
 * @returns [texts, D], rows of length 1.
 * @throws InterruptedError when the signal is aborted.
 */
export function encodeTexts(clip: Clip, texts: readonly string[], control: Control = {}): Promise<Matrix> {
  return inBatches(clip, texts, { stage: "encode texts", control }, (batch) =>
    clipTextEmbeddings(clip, clipTexts(clip, batch, control)),
  );
}

async function inBatches<T>(
  clip: Clip,
  items: readonly T[],
  { stage, control }: { readonly stage: string; readonly control: Control },
  embed: (batch: readonly T[]) => tf.Tensor2D,
): Promise<Matrix> {
  const cols = clip.config.projectionSize;
  const data = new Float32Array(items.length * cols);
  for (let start = 0; start < items.length; start += BATCH) {
    assertNotInterrupted(stage, control.signal);
    const batch = items.slice(start, start + BATCH);
    data.set(
      tf.tidy(() => embed(batch).dataSync()),
      start * cols,
    );
    control.onProgress?.({ stage, done: start + batch.length, total: items.length });
    await yieldToEvents();
  }
  return { data, rows: items.length, cols };
}
