import { setImmediate as yieldToEvents } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { assertNotInterrupted } from "../base/check";
import type { Control, Matrix, RasterImage } from "../base/types";
import type { DualEncoder } from "./dual-encoder";

/** Images and texts per pass: large enough to keep two cores busy, small enough to stop within a second. */
const BATCH = 64;

/**
 * Embeds images without a gradient, in batches.
 *
 * @returns [images, D], rows of length 1.
 * @throws InterruptedError when the signal is aborted.
 */
export function encodeImages(
  { parameters, towers }: DualEncoder,
  images: readonly RasterImage[],
  control: Control = {},
): Promise<Matrix> {
  return inBatches(images, { stage: "encode images", cols: towers.width, control }, (batch) =>
    towers.imageEmbeddings(parameters, towers.pixels(batch)),
  );
}

/**
 * Embeds texts without a gradient, in batches.
 *
 * @returns [texts, D], rows of length 1.
 * @throws InterruptedError when the signal is aborted.
 */
export function encodeTexts(
  { parameters, towers }: DualEncoder,
  texts: readonly string[],
  control: Control = {},
): Promise<Matrix> {
  return inBatches(texts, { stage: "encode texts", cols: towers.width, control }, (batch) =>
    towers.textEmbeddings(parameters, towers.texts(batch, control)),
  );
}

async function inBatches<T>(
  items: readonly T[],
  { stage, cols, control }: { readonly stage: string; readonly cols: number; readonly control: Control },
  embed: (batch: readonly T[]) => tf.Tensor2D,
): Promise<Matrix> {
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
