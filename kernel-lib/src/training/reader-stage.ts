import * as tf from "@tensorflow/tfjs-core";
import { assertInRange, assertInteger, assertOneOf } from "../base/check";
import { DataError } from "../base/errors";
import type { Random } from "../base/random";
import type { Control, Example, Passage, RasterImage } from "../base/types";
import { answerNll } from "../losses/answer-nll";
import { attachLora, type LoraAdapter, startDropout } from "../models/lora/lora";
import { readerLogits } from "../models/vision-language/logits";
import type { VisionLanguageModel } from "../models/vision-language/model";
import { collatePrompts, type PromptBatch } from "../models/vision-language/prompt-batch";
import { promptTokensOf } from "../reader/prompt";
import type { ReadPair } from "../reader/reader";
import { createBatchOrder, type LoopOptions, type LoopResult, type Trainee, trainLoop } from "./loop";
import { cosineSchedule } from "./schedule";

/** Options of the reader stage; the paper's value stands behind each. */
export interface ReaderStageOptions {
  /** Optimiser steps (paper: 2,160, 15 epochs). */
  readonly steps: number;
  /** Prompts per micro-batch (paper: 3 for Qwen2-VL). */
  readonly batchSize: number;
  /** Micro-batches per step (paper: 8). Default 1. */
  readonly accumulation?: number;
  /** Highest learning rate (paper: 1e-4; a small model wants more). */
  readonly learningRate: number;
  /** Share of the steps that warm up. Default 0.1 (paper). */
  readonly warmupShare?: number;
  /** Rank and alpha of LoRA. Defaults 8 and 16. */
  readonly rank?: number;
  readonly alpha?: number;
  /** Share of each module's inputs that is hidden from its adapter in training, as in PEFT. Default 0 (PEFT's; the paper names none). */
  readonly dropout?: number;
  /** Whether the vision tower gets adapters. Default "trained" (paper). */
  readonly vision?: "trained" | "frozen";
  /** Shifts and noise on training pictures; null for none (paper). Default null. */
  readonly augment?: AugmentOptions | null;
  /** Default 0.01. */
  readonly weightDecay?: number;
  /** Default 1. */
  readonly clipNorm?: number;
  /** Steps between evaluations. */
  readonly evaluateEvery: number;
}

export interface AugmentOptions {
  /** Passes over the training questions that see their pictures as they are. Default 0. */
  readonly afterPasses?: number;
  /** Largest shift in each direction, pixels; the border is repeated. Default 2. */
  readonly maxShift?: number;
  /** Standard deviation of the noise on each byte, in grey levels of 255. Default 5. */
  readonly noise?: number;
}

/** A question with the candidates it may be read with; none for closed-book. */
export interface ReadableExample {
  readonly example: Example;
  readonly passages: readonly Passage[];
}

export interface ReaderStageInputs {
  /** Gets an adapter; its own weights do not change. */
  readonly model: VisionLanguageModel;
  readonly train: readonly ReadableExample[];
  readonly validation: readonly ReadableExample[];
  /** Of an earlier training, attached to the model: what the training goes on with. Default a fresh one. */
  readonly adapter?: LoraAdapter;
  readonly seed: number;
  readonly stateFile?: string;
  readonly control?: Control;
}

const STAGE = "reader";
const VALIDATION_BATCH = 48;
const TEXT_MODEL = /(^|\.)language_model\.|(^|\.)model\.layers\./;

/**
 * Stage 1: LoRA fine-tuning of the reader on the answers to its training questions, each read with one of its retrieved
 * candidates, drawn anew at every step (closed-book: with none).
 *
 * Paper: arXiv 2508.17394v3, reader fine-tuning: L = -Σ_d Σ_k log p(a_d | z_k ∘ q_d); LoRA on all linear layers, vision tower
 * included; AdamW, cosine with 10 % warm-up. Deviation: one random candidate per example and step instead of the sum over k.
 * Memory: the caller owns the returned adapter, which holds the values of the best validation likelihood.
 *
 * @throws DataError without examples. NumericError on a diverging loss. InterruptedError on abort.
 */
export async function trainReader(
  inputs: ReaderStageInputs,
  options: ReaderStageOptions,
): Promise<LoopResult & { readonly adapter: LoraAdapter }> {
  checkInputs(inputs, options);
  const { rank = 8, alpha = 16, dropout = 0, vision = "trained" } = options;
  const targets = vision === "trained" ? "all-linear" : TEXT_MODEL;
  const { model, seed } = inputs;
  const adapter = inputs.adapter ?? attachLora(model.parameters, { rank, alpha, dropout, targets, seed });
  try {
    const result = await trainLoop(createTrainee(inputs, options, adapter), loopOptions(inputs, options));
    return { ...result, adapter };
  } catch (error) {
    adapter.dispose();
    throw error;
  }
}

/** A micro-batch, and what its dropout is drawn from. */
interface ReaderBatch {
  readonly prompts: PromptBatch;
  readonly random: Random;
}

function createTrainee(
  inputs: ReaderStageInputs,
  options: ReaderStageOptions,
  adapter: LoraAdapter,
): Trainee<ReaderBatch> {
  const { model, train } = inputs;
  const numExamples = train.length;
  const { batchSize, accumulation = 1 } = options;
  const order = createBatchOrder({
    numExamples,
    batchSize: batchSize * accumulation,
    seed: `${inputs.seed}/${STAGE}/order`,
  });
  const validation = collateValidation(inputs);
  return {
    stage: STAGE,
    variables: adapter.variables,
    prepare: async (step, random, micro) => {
      const rows = order(step).slice(micro * batchSize, (micro + 1) * batchSize);
      const augment = augmentAt((step * accumulation + micro) * batchSize, inputs, options);
      const pairs = rows.map((row) => drawPair(train[row]!, random, augment));
      return { prompts: collate(model, pairs), random: random.fork("dropout") };
    },
    loss: ({ prompts, random }) => {
      const endDropout = startDropout(model.parameters, adapter, random);
      try {
        return promptNll(model, prompts);
      } finally {
        endDropout();
      }
    },
    release: () => {},
    evaluate: async () => {
      const loss = await meanNll(model, validation);
      return { score: -loss, values: { loss } };
    },
  };
}

/**
 * The loss of stage 1: L = -Σ log p_theta(a | z ∘ q) over the tokens of the batch's answers, mean over the answers.
 *
 * Shapes: a batch of B prompts with answers -> scalar (nats per answer). Gradient: to whatever of the model learns.
 */
export function promptNll(model: VisionLanguageModel, prompts: PromptBatch): tf.Scalar {
  const { positions, targets } = prompts.answers!;
  return answerNll(readerLogits(model, prompts, positions), targets, prompts.rows);
}

/** Prompts with their answers behind them, padded on the right. */
function collate(model: VisionLanguageModel, pairs: readonly ReadPair[]): PromptBatch {
  const prompts = pairs.map((pair) => promptTokensOf(model, pair));
  return collatePrompts(model, prompts, { side: "right", answers: pairs.map(({ example }) => example.answer) });
}

/** Every validation question with each of its candidates, batched once. */
function collateValidation({ model, validation }: ReaderStageInputs): PromptBatch[] {
  const pairs = validation.flatMap(({ example, passages }): ReadPair[] =>
    passages.length === 0 ? [{ example, passage: null }] : passages.map((passage) => ({ example, passage })),
  );
  const batches: PromptBatch[] = [];
  for (let from = 0; from < pairs.length; from += VALIDATION_BATCH) {
    batches.push(collate(model, pairs.slice(from, from + VALIDATION_BATCH)));
  }
  return batches;
}

/** How pictures are augmented after so many were shown; null where they are not, or not yet. */
function augmentAt(
  numShown: number,
  { train }: ReaderStageInputs,
  { augment = null }: ReaderStageOptions,
): AugmentOptions | null {
  if (augment === null) return null;
  return numShown < (augment.afterPasses ?? 0) * train.length ? null : augment;
}

/** Mean loss over all validation prompts, nats per answer. */
async function meanNll(model: VisionLanguageModel, batches: readonly PromptBatch[]): Promise<number> {
  let sum = 0;
  let rows = 0;
  for (const batch of batches) {
    const loss = tf.tidy(() => promptNll(model, batch));
    sum += ((await loss.data()) as Float32Array)[0]! * batch.rows;
    rows += batch.rows;
    loss.dispose();
  }
  return sum / rows;
}

/** A question with one of its passages, both pictures augmented where that is asked for. */
function drawPair({ example, passages }: ReadableExample, random: Random, augment: AugmentOptions | null): ReadPair {
  const passage = passages.length === 0 ? null : random.pick(passages);
  if (augment === null) return { example, passage };
  return {
    example: { ...example, image: augmentImage(example.image, random, augment) },
    passage: passage === null ? null : { ...passage, image: augmentImage(passage.image, random, augment) },
  };
}

/**
 * A picture moved by a few pixels and with noise, so that a small training set is not learnt by heart.
 *
 * @throws ConfigError when an option is out of range.
 * @example augmentImage(example.image, random)   // another RasterImage of the same size
 */
export function augmentImage(image: RasterImage, random: Random, options: AugmentOptions = {}): RasterImage {
  const { maxShift = 2, noise = 5 } = options;
  assertInteger("augmentImage: maxShift", maxShift, 0);
  assertInRange("augmentImage: noise", noise, 0, 255);
  const { width, height, channels } = image;
  const shiftX = random.integer(2 * maxShift + 1) - maxShift;
  const shiftY = random.integer(2 * maxShift + 1) - maxShift;
  const data = new Uint8Array(image.data.length);
  for (let y = 0; y < height; y++) {
    const fromY = Math.min(height - 1, Math.max(0, y - shiftY));
    for (let x = 0; x < width; x++) {
      const fromX = Math.min(width - 1, Math.max(0, x - shiftX));
      for (let c = 0; c < channels; c++) {
        const value = image.data[(fromY * width + fromX) * channels + c]!;
        const noisy = noise === 0 ? value : value + random.normal(0, noise);
        data[(y * width + x) * channels + c] = Math.min(255, Math.max(0, Math.round(noisy)));
      }
    }
  }
  return { width, height, channels, data };
}

function checkInputs({ train, validation }: ReaderStageInputs, options: ReaderStageOptions): void {
  assertInteger("trainReader: batchSize", options.batchSize, 1);
  assertInteger("trainReader: augment.afterPasses", options.augment?.afterPasses ?? 0, 0);
  assertOneOf("trainReader: vision", options.vision ?? "trained", ["trained", "frozen"]);
  for (const [split, examples] of Object.entries({ train, validation })) {
    if (examples.length > 0) continue;
    throw new DataError(`trainReader: ${split} must hold at least one example; got none.`, { split });
  }
}

function loopOptions(inputs: ReaderStageInputs, options: ReaderStageOptions): LoopOptions {
  const { steps, learningRate, warmupShare = 0.1, evaluateEvery, accumulation, clipNorm = 1 } = options;
  return {
    steps,
    evaluateEvery,
    clipNorm,
    schedule: cosineSchedule({
      learningRate,
      steps,
      warmupSteps: Math.min(steps - 1, Math.round(steps * warmupShare)),
    }),
    seed: inputs.seed,
    adamw: { weightDecay: options.weightDecay ?? 0.01 },
    ...(accumulation === undefined ? {} : { accumulation }),
    ...(inputs.stateFile === undefined ? {} : { stateFile: inputs.stateFile }),
    ...(inputs.control === undefined ? {} : { control: inputs.control }),
  };
}
