import * as tf from "@tensorflow/tfjs-core";
import { assertFinite, assertInRange, assertKnownKeys, assertOneOf, assertSameLength } from "../base/check";
import { ConfigError, ShapeError } from "../base/errors";
import { logSoftmax } from "../base/softmax";
import type { Matrix } from "../base/types";
import { runFused } from "../compute/ops/fused-op";

/*
 * What a loss of the retriever stage is: an object that says its name, what it needs of the reader, which options it takes, and
 * how its value and gradient follow from the scores and from what the reader said. Below it stands what all of them share.
 */

/** Every label's logits, as the reader gave them for K candidates of B queries with C labels. */
export interface LabelJudgement {
  /** Mean logits of the labels, [B, K, C], row-major. */
  readonly labelLogits: Float32Array;
  /** C. */
  readonly numLabels: number;
  /** The true labels of each query, [B]. */
  readonly trueLabels: readonly (readonly number[])[];
}

/** What the reader said about K candidates of B queries. A loss needs some of it; null is what was not asked for. */
export interface ReaderJudgement {
  /** How strongly the reader, given a candidate, prefers the true answer to the others, [B, K] (nats). */
  readonly preference: Matrix;
  /** Log-likelihood of the true answer over the whole vocabulary, [B, K] (nats). */
  readonly answerLogLikelihood: Matrix;
  /** The logits behind the preference; only of questions with labels. */
  readonly labels: LabelJudgement | null;
  /** Mean logits of the labels without any passage, [B, C]: one more reading of each query; only of questions with labels. */
  readonly closedBook: Matrix | null;
}

/** A part of what the reader said, by its name. */
export type ReaderNeed = keyof ReaderJudgement;
type Judged = { readonly [Need in ReaderNeed]: NonNullable<ReaderJudgement[Need]> };

/** Parts that only questions with labels have; the others any question has, in the form of its written answer. */
const OF_LABELS: readonly ReaderNeed[] = ["labels", "closedBook"];

/** An option of a loss: its default, and the check that a given value passes. */
export interface LossOption<T = unknown> {
  readonly byDefault: T;
  /** Throws ConfigError naming `where`. */
  readonly check: (where: string, value: unknown) => void;
}

type LossOptionTable = Readonly<Record<string, LossOption>>;

/** Options as a caller gives them: each may be left out. */
export type OptionsOf<Table extends LossOptionTable> = {
  readonly [Name in keyof Table]?: Table[Name]["byDefault"] | undefined;
};

/** A loss between what the reader said and the retriever's scores. Listed once, in losses.ts. */
export interface RetrieverLoss<Need extends ReaderNeed = ReaderNeed, Table extends LossOptionTable = LossOptionTable> {
  /** How options and tables call it. */
  readonly name: string;
  /** What it asks of the reader. From this follows on which questions it can be used: see `needsLabels`. */
  readonly needs: readonly Need[];
  readonly options: Table;
  /** Shapes: scores [B, K] -> see LossResult. What the reader said is a constant. */
  evaluate(scores: Matrix, judgement: Pick<Judged, Need>, options: OptionsOf<Table>): LossResult;
}

/** Value and gradient of a loss for one batch. Matrices [B, K], row-major. */
export interface LossResult {
  /** Nats, reduced over the batch. */
  readonly value: number;
  /** d value / d scores. */
  readonly gradient: Matrix;
  /** The distribution the retriever is drawn to; rows sum to 1. */
  readonly target: Matrix;
  /** The retriever's own distribution, softmax(scores / temperature). */
  readonly retriever: Matrix;
}

/** Whether a loss can only be used where every question has labels: it contrasts them. */
export function needsLabels({ needs }: Pick<RetrieverLoss, "needs">): boolean {
  return needs.some((need) => OF_LABELS.includes(need));
}

/** A loss with its options settled: what a training holds. */
export interface SettledLoss {
  readonly name: string;
  readonly needs: readonly ReaderNeed[];
  /** @throws ConfigError when the judgement lacks what the loss needs. */
  evaluate(scores: Matrix, judgement: ReaderJudgement): LossResult;
}

/**
 * A loss with its options checked and filled in.
 *
 * @throws ConfigError on an unknown option, or a value that an option does not take.
 * @example settleLoss(contrastiveLoss, { prior: "off" }).evaluate(scores, judgement).value
 */
export function settleLoss<Need extends ReaderNeed, Table extends LossOptionTable>(
  loss: RetrieverLoss<Need, Table>,
  options: OptionsOf<Table> = {},
): SettledLoss {
  const { name, needs } = loss;
  const settled = settleOptions(`loss "${name}"`, loss.options, options);
  return {
    name,
    needs,
    evaluate: (scores, judgement) => {
      for (const need of needs) {
        if (judgement[need] !== null) continue;
        throw new ConfigError(
          `loss "${name}": judgement must hold ${need}; got none. Judge with judgeCandidates({ needs: ["${need}"], preference: "labels" }).`,
          { loss: name, need },
        );
      }
      return loss.evaluate(scores, judgement as Judged, settled);
    },
  };
}

/** Options that are checked, none unknown, with the defaults of what was left out. */
export function settleOptions<Table extends LossOptionTable>(
  where: string,
  table: Table,
  options: OptionsOf<Table>,
): { readonly [Name in keyof Table]: Table[Name]["byDefault"] } {
  assertKnownKeys(where, options, Object.keys(table));
  const given: Readonly<Record<string, unknown>> = options;
  const settled = Object.entries(table).map(([name, { byDefault, check }]) => {
    const value = given[name] === undefined ? byDefault : given[name];
    check(`${where}: ${name}`, value);
    return [name, value];
  });
  return Object.fromEntries(settled) as { [Name in keyof Table]: Table[Name]["byDefault"] };
}

/** An option that is one of some words. */
export function oneOf<const Words extends readonly string[]>(
  words: Words,
  byDefault: Words[number],
): LossOption<Words[number]> {
  return { byDefault, check: (where, value) => assertOneOf(where, value, words) };
}

/** The temperature of a softmax: > 0, no unit. Default 1 (paper). */
const temperature: LossOption<number> = {
  byDefault: 1,
  check: (where, value) => assertInRange(where, value, 1e-6, 1e6),
};

/** "batchMean": mean over the B queries (paper). "dividedByK": the reference code's mean over all B * K entries. */
export const REDUCTIONS = ["batchMean", "dividedByK"] as const;
export type Reduction = (typeof REDUCTIONS)[number];

/** Options of every loss of the retriever stage. */
export const LOSS_OPTIONS = {
  /** Temperature of the retriever's softmax, > 0, no unit. Default 1 (paper). */
  temperature,
  /** Default "batchMean" (paper); "dividedByK" is the reference code's. */
  reduction: oneOf(REDUCTIONS, "batchMean"),
} as const;

/** Options of the losses with a target made of what the reader said. */
export const DISTILLATION_OPTIONS = {
  ...LOSS_OPTIONS,
  /** Temperature of the softmax that makes the reader's scores a distribution, > 0, no unit. Default 1 (paper). */
  targetTemperature: temperature,
} as const;

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
  options: { readonly temperature: number; readonly reduction: Reduction },
  rowLoss: (row: number, retrieverLog: Float64Array) => RowLoss,
): LossResult {
  const { rows, cols } = scores;
  const divisor = options.reduction === "dividedByK" ? rows * cols : rows;
  const zeros = (): Matrix => ({ data: new Float32Array(rows * cols), rows, cols });
  const [gradient, target, retriever] = [zeros(), zeros(), zeros()];
  let sum = 0;
  for (let b = 0; b < rows; b++) {
    const retrieverLog = logSoftmax(rowOf(scores, b), options.temperature); // [K]
    const loss = rowLoss(b, retrieverLog);
    sum += loss.value;
    gradient.data.set(
      loss.gradient.map((value) => value / (options.temperature * divisor)),
      b * cols,
    );
    target.data.set(loss.targetLog.map(Math.exp), b * cols);
    retriever.data.set(retrieverLog.map(Math.exp), b * cols);
  }
  return { value: sum / divisor, gradient, target, retriever };
}

/** A view of one row of a matrix. */
export function rowOf({ data, cols }: Matrix, row: number): Float32Array {
  return data.subarray(row * cols, (row + 1) * cols);
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

/**
 * A loss on scores as an operation of the gradient tape, with the gradient that the loss itself computes.
 *
 * Shapes: scores [B, K] -> scalar (nats).
 *
 * @param evaluate e.g. `(scores) => loss.evaluate(scores, judgement)`.
 */
export function retrieverLossOp(scores: tf.Tensor2D, evaluate: (scores: Matrix) => LossResult): tf.Scalar {
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
