import { setImmediate as yieldToEvents } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { assertNotInterrupted, assertShape } from "../../base/check";
import type { Control, Matrix, RasterImage } from "../../base/types";
import { crossEntropy } from "../../compute/ops/cross-entropy";
import type { JsonObject } from "../weights/fields";
import { processorFields, readCheckpoint, requirePart, writeCheckpoint } from "../weights/model-folder";
import { createParameterStore, type ParameterStore, type WeightArray } from "../weights/parameters";

/** Texts as token ids, padded to one length: B rows, L columns. Plain arrays. */
export interface EncoderTexts {
  readonly rows: number;
  readonly columns: number;
  /** [B, L] */
  readonly ids: Int32Array;
  /** [B]: column of each text's end token, where it is read out. */
  readonly ends: Int32Array;
}

/** How a model turns images and texts into one space: all that index, retriever and pre-training ask of it. */
export interface DualTowers {
  /** Columns of an embedding. */
  readonly width: number;
  /** Images as the image tower reads them, [B, H, W, 3]; the caller disposes it. */
  pixels(images: readonly RasterImage[]): tf.Tensor4D;
  /** Texts as the text tower reads them; what is too long is cut, and said as "text-cut". */
  texts(texts: readonly string[], control?: Control): EncoderTexts;
  /** [B, H, W, 3] -> [B, D], rows of length 1. Differentiable; `parameters` may hold the image tower's weights alone. */
  imageEmbeddings(parameters: ParameterStore, pixels: tf.Tensor4D): tf.Tensor2D;
  /** B texts -> [B, D], rows of length 1. Differentiable. */
  textEmbeddings(parameters: ParameterStore, texts: EncoderTexts): tf.Tensor2D;
  /** Whether a weight is the image tower's; its projection is. */
  isImageWeight(name: string): boolean;
}

/** A model of images and texts in one space. `logit_scale` is among its weights. */
export interface DualEncoder {
  /** Of which architecture it is, as `registry.ts` lists it. */
  readonly kind: string;
  readonly parameters: ParameterStore;
  readonly towers: DualTowers;
  /** Frees the weights. */
  dispose(): void;
}

/** The JSON files an encoder consists of beside its weights, kept to be written again. */
export interface EncoderParts {
  /** config.json */
  readonly config: JsonObject;
  /** tokenizer.json */
  readonly tokenizer: JsonObject;
  /** tokenizer_config.json. Default: none. */
  readonly tokenizerConfig?: JsonObject | null;
  /** preprocessor_config.json */
  readonly preprocessor: JsonObject;
}

/**
 * Reads what an encoder's folder holds.
 *
 * @param where who asks, for errors.
 * @throws DataError when a file is missing or broken.
 */
export function readEncoderFolder(
  where: string,
  folder: string,
): { parts: EncoderParts; weights: ReadonlyMap<string, WeightArray> } {
  const checkpoint = readCheckpoint(folder);
  const { config, tokenizerConfig, weights } = checkpoint;
  const tokenizer = requirePart(where, checkpoint, "tokenizer");
  processorFields(where, checkpoint.processor ?? {}).refuseOthers();
  return {
    weights,
    parts: { config, tokenizer, tokenizerConfig, preprocessor: requirePart(where, checkpoint, "preprocessor") },
  };
}

/** Writes an encoder's folder, which `readEncoderFolder` and the published implementation read. */
export function writeEncoderFolder(
  { parts, parameters }: DualEncoder & { readonly parts: EncoderParts },
  folder: string,
): void {
  writeCheckpoint(folder, { tokenizerConfig: null, ...parts, weights: parameters.entries(), chatTemplate: null });
}

/** One architecture of encoders: a row of `registry.ts`. */
export interface EncoderArchitecture<Model extends DualEncoder = DualEncoder> {
  readonly family: "encoder";
  /** As in its models. */
  readonly kind: string;
  /** For people, e.g. "Jina-CLIP". */
  readonly name: string;
  /** `model_type` of its config.json; "open_clip" of a folder in open_clip's layout, which has none. */
  readonly modelType: string;
  load(folder: string): Model;
  save(model: Model, folder: string): void;
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

/**
 * Symmetric contrastive loss (InfoNCE, as CLIP): each image picks its text among the batch, and each text its image.
 *
 * Shapes: images and texts [B, D] of length 1, row i of both belongs together; logitScale [] is the logarithm of the
 * inverse temperature -> scalar (nats). Gradient: flows to all three.
 *
 * @throws ShapeError when the two shapes differ.
 */
export function contrastiveLoss(images: tf.Tensor2D, texts: tf.Tensor2D, logitScale: tf.Tensor): tf.Scalar {
  assertShape("contrastiveLoss: texts", texts.shape, images.shape);
  return tf.tidy(() => {
    const logits = tf.mul(tf.matMul(images, texts, false, true), tf.exp(logitScale)) as tf.Tensor2D; // [B, B]
    const own = Int32Array.from({ length: images.shape[0] }, (_, row) => row);
    const sum = tf.add(tf.mean(crossEntropy(logits, own)), tf.mean(crossEntropy(tf.transpose(logits), own)));
    return tf.mul(sum, 0.5) as tf.Scalar;
  });
}
