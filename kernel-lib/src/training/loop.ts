import { setImmediate as yieldToEvents } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { assertInteger, assertNotInterrupted } from "../base/check";
import { NumericError } from "../base/errors";
import { createRandom, type Random } from "../base/random";
import type { Control, CurvePoint } from "../base/types";
import { type AdamW, type AdamWOptions, clippingScale, createAdamW, globalNorm } from "../compute/adamw";
import type { Schedule } from "./schedule";
import { copyValues, readTrainingState, restoreValues, type TrainingState, writeTrainingState } from "./training-state";

/**
 * Which examples step `step` sees: epochs of shuffled indices cut into batches, without gaps between epochs.
 *
 * A pure function of (seed, step): nothing has to be stored to resume.
 *
 * @example createBatchOrder({ numExamples: 5, batchSize: 2, seed: "s" })(0)   // two of 0 … 4
 */
export function createBatchOrder(options: {
  readonly numExamples: number;
  readonly batchSize: number;
  readonly seed: number | string;
}): (step: number) => number[] {
  const { numExamples, batchSize, seed } = options;
  const random = createRandom(seed);
  const all = Array.from({ length: numExamples }, (_, index) => index);
  const epochs = new Map<number, number[]>();
  const epochOrder = (epoch: number): number[] => {
    const known = epochs.get(epoch);
    if (known !== undefined) return known;
    if (epochs.size > 2) epochs.clear();
    const order = random.fork(`epoch ${epoch}`).shuffle(all);
    epochs.set(epoch, order);
    return order;
  };
  return (step) =>
    Array.from({ length: batchSize }, (_, i) => {
      const position = step * batchSize + i;
      return epochOrder(Math.floor(position / numExamples))[position % numExamples]!;
    });
}

/** What validation says of the current weights: `score` decides the best checkpoint (higher is better). */
export interface Evaluation {
  readonly score: number;
  /** Named numbers worth a curve: likelihood, entropy, drift … */
  readonly values: Readonly<Record<string, number>>;
}

/** What is trained. The loop knows nothing else of the model. */
export interface Trainee<Batch> {
  /** Names the curve points, progress and errors. */
  readonly stage: string;
  /** What learns; the loop restores the best values into them. */
  readonly variables: readonly tf.Variable[];
  /** Draws micro-batch `micro` of a step from `random`, which depends on seed, step and `micro` only. Tensors in it live until `release`. */
  prepare(step: number, random: Random, micro: number): Promise<Batch>;
  /** Mean loss over the micro-batch, a scalar; runs inside a gradient tape. */
  loss(batch: Batch): tf.Scalar;
  release(batch: Batch): void;
  evaluate(step: number): Promise<Evaluation>;
  /** State beyond the variables that a resumed training needs (plain JSON). */
  saveExtra?(): unknown;
  restoreExtra?(extra: unknown): void;
}

export interface LoopOptions {
  readonly steps: number;
  readonly schedule: Schedule;
  readonly seed: number | string;
  /** Optimiser steps between evaluations; one more is made before the first and after the last step. */
  readonly evaluateEvery: number;
  readonly adamw?: AdamWOptions;
  /** Micro-batches per optimiser step. Default 1. */
  readonly accumulation?: number;
  /** Gradients longer than this are shortened to it. Default: no clipping. */
  readonly clipNorm?: number;
  /** Where resumable state is kept, one file written at every evaluation. Default: nowhere. */
  readonly stateFile?: string;
  readonly control?: Control;
}

export interface LoopResult {
  /** Training loss and everything the evaluations reported. */
  readonly curve: readonly CurvePoint[];
  readonly bestStep: number;
  readonly bestScore: number;
}

/** The numbers that change while training, apart from the weights. */
interface Progress {
  step: number;
  curve: CurvePoint[];
  best: { step: number; score: number; values: Float32Array[] } | null;
  /** Sum and count of the step losses since the last evaluation. */
  lossSum: number;
  lossCount: number;
}

/**
 * Trains `trainee.variables` and leaves the best evaluated values in them, those of step 0 included.
 *
 * Random draws depend on (seed, step, micro-batch) only, never on a running stream, so a training that is interrupted and
 * called again with the same `stateFile` gives the same bits as an undisturbed one.
 * Memory: disposes what it creates; the variables stay the caller's.
 *
 * @throws NumericError naming the step when loss or gradient is NaN or infinite. InterruptedError when the signal is aborted;
 * DataError when `stateFile` belongs to another training.
 */
export async function trainLoop<Batch>(trainee: Trainee<Batch>, options: LoopOptions): Promise<LoopResult> {
  assertInteger("trainLoop: steps", options.steps, 1);
  assertInteger("trainLoop: evaluateEvery", options.evaluateEvery, 1);
  const random = createRandom(options.seed).fork(trainee.stage);
  const optimiser = createAdamW(trainee.variables, options.adamw);
  try {
    const progress = (await resume(trainee, optimiser, options)) ?? (await begin(trainee, optimiser, options));
    while (progress.step < options.steps) {
      assertNotInterrupted(`trainLoop (${trainee.stage})`, options.control?.signal);
      const loss = await takeStep(trainee, optimiser, options, { step: progress.step, random });
      progress.step += 1;
      progress.lossSum += loss;
      progress.lossCount += 1;
      const due = progress.step % options.evaluateEvery === 0 || progress.step === options.steps;
      if (due) await evaluate(trainee, optimiser, options, progress);
      report(trainee.stage, options, progress, loss);
      await yieldToEvents();
    }
    const best = progress.best!;
    restoreValues(trainee.variables, best.values);
    return { curve: progress.curve, bestStep: best.step, bestScore: best.score };
  } finally {
    optimiser.dispose();
  }
}

async function begin<B>(trainee: Trainee<B>, optimiser: AdamW, options: LoopOptions): Promise<Progress> {
  const progress: Progress = { step: 0, curve: [], best: null, lossSum: 0, lossCount: 0 };
  await evaluate(trainee, optimiser, options, progress);
  return progress;
}

async function resume<B>(trainee: Trainee<B>, optimiser: AdamW, options: LoopOptions): Promise<Progress | null> {
  if (options.stateFile === undefined) return null;
  const state = await readTrainingState(options.stateFile, trainee.stage, trainee.variables);
  if (state === null) return null;
  restoreValues(trainee.variables, state.values);
  optimiser.restore(state.optimiser);
  trainee.restoreExtra?.(state.extra);
  const best = { step: state.bestStep, score: state.bestScore, values: state.bestValues };
  return { step: state.step, curve: [...state.curve], best, lossSum: 0, lossCount: 0 };
}

async function evaluate<B>(
  trainee: Trainee<B>,
  optimiser: AdamW,
  options: LoopOptions,
  progress: Progress,
): Promise<void> {
  const { stage, variables } = trainee;
  const { step } = progress;
  const { score, values } = await trainee.evaluate(step);
  if (!Number.isFinite(score)) throw failure(stage, step, "the validation score", score);
  if (progress.lossCount > 0) {
    const value = progress.lossSum / progress.lossCount;
    progress.curve.push({ stage, step, split: "train", metric: "loss", value });
  }
  for (const [metric, value] of Object.entries(values)) {
    progress.curve.push({ stage, step, split: "validation", metric, value });
  }
  progress.lossSum = 0;
  progress.lossCount = 0;
  if (progress.best === null || score > progress.best.score) {
    progress.best = { step, score, values: copyValues(variables) };
  }
  if (options.stateFile !== undefined)
    await writeTrainingState(options.stateFile, stateOf(trainee, optimiser, progress));
}

function stateOf<B>(trainee: Trainee<B>, optimiser: AdamW, progress: Progress): TrainingState {
  const best = progress.best!;
  return {
    stage: trainee.stage,
    step: progress.step,
    values: copyValues(trainee.variables),
    optimiser: optimiser.state(),
    bestStep: best.step,
    bestScore: best.score,
    bestValues: best.values,
    curve: progress.curve,
    extra: trainee.saveExtra?.() ?? null,
  };
}

/** One optimiser step; returns the mean loss of its micro-batches. */
async function takeStep<B>(
  trainee: Trainee<B>,
  optimiser: AdamW,
  options: LoopOptions,
  at: { step: number; random: Random },
): Promise<number> {
  const { accumulation = 1 } = options;
  let sum: tf.Tensor[] | null = null;
  let lossSum = 0;
  for (let micro = 0; micro < accumulation; micro++) {
    const batch = await trainee.prepare(at.step, at.random.fork(`step ${at.step}.${micro}`), micro);
    try {
      const { loss, gradients } = gradientsOf(trainee, batch);
      lossSum += loss;
      sum = addTo(sum, gradients, accumulation);
    } finally {
      trainee.release(batch);
    }
  }
  const loss = lossSum / accumulation;
  if (!Number.isFinite(loss)) {
    tf.dispose(sum!);
    throw failure(trainee.stage, at.step, "the loss", loss);
  }
  applyGradients(trainee.stage, optimiser, sum!, { ...options, step: at.step });
  return loss;
}

function gradientsOf<B>(trainee: Trainee<B>, batch: B): { loss: number; gradients: tf.Tensor[] } {
  const { value, grads } = tf.variableGrads(() => trainee.loss(batch), [...trainee.variables]);
  const loss = value.dataSync()[0]!;
  value.dispose();
  return { loss, gradients: trainee.variables.map((variable) => grads[variable.name]!) };
}

/** sum + gradients / count; takes over both. */
function addTo(sum: tf.Tensor[] | null, gradients: tf.Tensor[], count: number): tf.Tensor[] {
  if (count === 1) return gradients;
  const next = gradients.map((gradient, i) =>
    tf.tidy(() => {
      const share = tf.div(gradient, count);
      return sum === null ? share : tf.add(sum[i]!, share);
    }),
  );
  tf.dispose(gradients);
  if (sum !== null) tf.dispose(sum);
  return next;
}

function applyGradients(
  stage: string,
  optimiser: AdamW,
  gradients: tf.Tensor[],
  options: LoopOptions & { step: number },
): void {
  const { step, clipNorm = Number.POSITIVE_INFINITY } = options;
  try {
    const norm = globalNorm(gradients);
    if (!Number.isFinite(norm)) throw failure(stage, step, "the gradient's norm", norm);
    optimiser.step(gradients, options.schedule(step), clippingScale(norm, clipNorm));
  } finally {
    tf.dispose(gradients);
  }
}

function failure(stage: string, step: number, what: string, value: number): NumericError {
  return new NumericError(
    `trainLoop: ${what} of ${stage} must be finite; got ${value} at step ${step}. Lower the learning rate or clip the gradient.`,
    { stage, step, value },
  );
}

function report(stage: string, options: LoopOptions, progress: Progress, loss: number): void {
  const latest = progress.curve.filter((point) => point.split === "validation").at(-1);
  const values = latest === undefined ? { loss } : { loss, [latest.metric]: latest.value };
  options.control?.onProgress?.({ stage, done: progress.step, total: options.steps, values });
}
