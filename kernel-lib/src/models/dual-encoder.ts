import { setImmediate as yieldToEvents } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { assertNotInterrupted } from "../base/check";
import type { Control, Matrix, RasterImage } from "../base/types";
import type { ClipTexts } from "./clip/model";
import { createParameterStore, type ParameterStore } from "./weights/parameters";

/** How a model turns pictures and texts into one space: all that index, retriever and pre-training ask of it. */
export interface DualTowers {
  /** Columns of an embedding. */
  readonly width: number;
  /** Images as the image tower reads them, [B, H, W, 3]; the caller disposes it. */
  pixels(images: readonly RasterImage[]): tf.Tensor4D;
  /** Texts as the text tower reads them; what is too long is cut, and said as "text-cut". */
  texts(texts: readonly string[], control?: Control): ClipTexts;
  /** [B, H, W, 3] -> [B, D], rows of length 1. Differentiable; `parameters` may hold the image tower's weights alone. */
  imageEmbeddings(parameters: ParameterStore, pixels: tf.Tensor4D): tf.Tensor2D;
  /** B texts -> [B, D], rows of length 1. Differentiable. */
  textEmbeddings(parameters: ParameterStore, texts: ClipTexts): tf.Tensor2D;
  /** Whether a weight is the image tower's; its projection is. */
  isImageWeight(name: string): boolean;
}

/** A model of pictures and texts in one space: a CLIP or a Jina-CLIP. `logit_scale` is among its weights. */
export interface DualEncoder {
  readonly kind: "clip" | "jina-clip";
  readonly parameters: ParameterStore;
  readonly towers: DualTowers;
  /** Frees the weights. */
  dispose(): void;
}

/** Copies the image tower's weights, all trainable; the model's own stay as they are. The caller disposes the copy. */
export function copyImageWeights({ parameters, towers }: Pick<DualEncoder, "parameters" | "towers">): ParameterStore {
  const copy = createParameterStore([...parameters.entries()].filter(([name]) => towers.isImageWeight(name)));
  copy.unfreeze();
  return copy;
}

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
