import * as tf from "@tensorflow/tfjs-core";
import { assertFinite, assertInRange, assertKnownKeys, assertOneOf, assertSameLength } from "../base/check";
import { ShapeError } from "../base/errors";
import { logSoftmax } from "../base/softmax";
import type { Matrix } from "../base/types";
import { runFused } from "../compute/fused-op";

/** "batchMean": mean over the B queries (paper). "dividedByK": the reference code's mean over all B * K entries. */
export const REDUCTIONS = ["batchMean", "dividedByK"] as const;
export type Reduction = (typeof REDUCTIONS)[number];

/** What a loss between the reader's preference and the retriever says about one batch. Shapes [B, K], row-major. */
export interface PreferenceLoss {
  /** Nats, reduced over the batch. */
  readonly value: number;
  /** d value / d scores; what the reader said is a constant. */
  readonly gradient: Matrix;
  /** The distribution the retriever is drawn to; rows sum to 1. */
  readonly target: Matrix;
  /** The retriever's own distribution, softmax(scores / temperature). */
  readonly retriever: Matrix;
}

/** Options of every loss of the retriever stage. */
export interface PreferenceLossOptions {
  /** Temperature of the retriever's softmax, > 0, no unit. Default 1 (paper). */
  readonly temperature?: number;
  /** Default "batchMean" (paper). */
  readonly reduction?: Reduction;
}

/** Options of the losses with a target made of what the reader said. */
export interface DistillationOptions extends PreferenceLossOptions {
  /** Temperature of the softmax that makes the reader's scores a distribution, > 0, no unit. Default 1 (paper). */
  readonly targetTemperature?: number;
}

const DISTILLATION_KEYS = ["temperature", "reduction", "targetTemperature"] as const;
type Resolved = Required<DistillationOptions>;

/** Checks the options that losses share, refuses unknown ones, and fills in the defaults. */
export function resolveLossOptions(
  where: string,
  options: DistillationOptions,
  ownKeys: readonly string[] = DISTILLATION_KEYS,
): Resolved {
  assertKnownKeys(where, options, ownKeys);
  const { temperature = 1, reduction = "batchMean", targetTemperature = 1 } = options;
  assertInRange(`${where}: temperature`, temperature, 1e-6, 1e6);
  assertInRange(`${where}: targetTemperature`, targetTemperature, 1e-6, 1e6);
  assertOneOf(`${where}: reduction`, reduction, REDUCTIONS);
  return { temperature, reduction, targetTemperature };
}

/** Throws unless a matrix is finite, not empty, and holds rows * cols values. */
export function assertMatrix(where: string, name: string, matrix: Matrix): void {
  const { rows, cols, data } = matrix;
  if (rows < 1 || cols < 1) {
    throw new ShapeError(
      `${where}: ${name} must have shape [B, K] with B, K >= 1; got [${rows}, ${cols}]. Pass one row per query and one column per candidate.`,
      { [name]: [rows, cols] },
    );
  }
  assertSameLength(`${where}: ${name}.data`, data.length, rows * cols);
  assertFinite(`${where}: ${name}`, data);
}

/** Throws unless `scores` and `other` are finite matrices of one non-empty shape. */
export function assertPair(where: string, scores: Matrix, name: string, other: Matrix): void {
  if (scores.rows !== other.rows || scores.cols !== other.cols) {
    throw new ShapeError(
      `${where}: scores and ${name} must have one shape [B, K]; got [${scores.rows}, ${scores.cols}] and [${other.rows}, ${other.cols}]. Pass one row per query and one column per candidate.`,
      { scores: [scores.rows, scores.cols], [name]: [other.rows, other.cols] },
    );
  }
  assertMatrix(where, "scores", scores);
  assertMatrix(where, name, other);
}

/** A view of one row of a matrix. */
export function rowOf({ data, cols }: Matrix, row: number): Float32Array {
  return data.subarray(row * cols, (row + 1) * cols);
}

/** The loss of one query. All [K]. */
export interface RowLoss {
  readonly value: number;
  /** Natural logarithm of the distribution the retriever is drawn to. */
  readonly targetLog: Float64Array;
  /** d value / d (scores / temperature). */
  readonly gradient: Float64Array;
}

/**
 * A loss on scores, row by row in 64 bits: sum over rows of `rowLoss`, reduced.
 *
 * @param rowLoss the loss of row b given that row's retriever log-probabilities, [K].
 */
export function lossByRow(
  scores: Matrix,
  options: Required<PreferenceLossOptions>,
  rowLoss: (row: number, retrieverLog: Float64Array) => RowLoss,
): PreferenceLoss {
  const { rows, cols } = scores;
  const divisor = options.reduction === "dividedByK" ? rows * cols : rows;
  const [gradient, target, retriever] = [0, 1, 2].map(() => new Float32Array(rows * cols)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  let sum = 0;
  for (let b = 0; b < rows; b++) {
    const retrieverLog = logSoftmax(rowOf(scores, b), options.temperature); // [K]
    const loss = rowLoss(b, retrieverLog);
    sum += loss.value;
    gradient.set(
      loss.gradient.map((value) => value / (options.temperature * divisor)),
      b * cols,
    );
    target.set(loss.targetLog.map(Math.exp), b * cols);
    retriever.set(retrieverLog.map(Math.exp), b * cols);
  }
  const asMatrix = (data: Float32Array): Matrix => ({ data, rows, cols });
  return {
    value: sum / divisor,
    gradient: asMatrix(gradient),
    target: asMatrix(target),
    retriever: asMatrix(retriever),
  };
}

/**
 * KL(target ‖ softmax(scores / temperature)) and its gradient for the scores.
 *
 * @param targetLog natural logarithm of row b's target given that row's retriever log-probabilities, [K].
 */
export function klToRetriever(
  scores: Matrix,
  options: Required<PreferenceLossOptions>,
  targetLog: (row: number, retrieverLog: Float64Array) => Float64Array,
): PreferenceLoss {
  return lossByRow(scores, options, (row, retrieverLog) => {
    const wantedLog = targetLog(row, retrieverLog); // [K]
    let value = 0;
    wantedLog.forEach((log, k) => {
      const wanted = Math.exp(log);
      if (wanted > 0) value += wanted * (log - retrieverLog[k]!);
    });
    const gradient = retrieverLog.map((log, k) => Math.exp(log) - Math.exp(wantedLog[k]!)); // [K]
    return { value, targetLog: wantedLog, gradient };
  });
}

/**
 * A hand-written loss on scores, as an operation of the gradient tape.
 *
 * Shapes: scores [B, K] -> scalar (nats).
 * Gradient: the loss's own, to scores only.
 *
 * @param evaluate e.g. `(scores) => contrastiveKl(scores, gold)`.
 */
export function preferenceLossOp(scores: tf.Tensor2D, evaluate: (scores: Matrix) => PreferenceLoss): tf.Scalar {
  const [rows, cols] = scores.shape;
  return runFused<tf.Scalar>({
    inputs: { scores },
    forward: (save) => {
      const loss = evaluate({ data: scores.dataSync() as Float32Array, rows, cols });
      save([tf.tensor2d(loss.gradient.data, [rows, cols])]);
      return tf.scalar(loss.value);
    },
    backward: (dy, [gradient]) => ({ scores: () => tf.mul(gradient!, dy) }),
  });
}
