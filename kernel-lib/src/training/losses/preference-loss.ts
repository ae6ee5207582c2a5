import { assertFinite, assertInRange, assertSameLength } from "../../base/check";
import { ShapeError } from "../../base/errors";
import { logSoftmax } from "../../base/softmax";
import type { Matrix } from "../../base/types";

/** "batchMean": mean over the B queries (paper). "codeMean": the reference code's mean over all B * K entries. */
export type Reduction = "batchMean" | "codeMean";

/** What a loss between the reader's preference and the retriever says about one batch. Shapes [B, K], row-major. */
export interface PreferenceLoss {
  /** Nats, reduced over the batch. */
  readonly value: number;
  /** d value / d scores; the target is a constant. */
  readonly gradient: Matrix;
  /** The distribution the retriever is drawn to; rows sum to 1. */
  readonly target: Matrix;
  /** The retriever's own distribution, softmax(scores / temperature). */
  readonly retriever: Matrix;
}

export interface KlOptions {
  /** Softmax temperature of the scores, > 0, no unit. */
  readonly temperature: number;
  readonly reduction: Reduction;
}

/** Throws unless `scores` and `other` are finite matrices of one non-empty shape. */
export function assertPair(where: string, scores: Matrix, name: string, other: Matrix): void {
  if (scores.rows < 1 || scores.cols < 1 || scores.rows !== other.rows || scores.cols !== other.cols) {
    throw new ShapeError(
      `${where}: scores and ${name} must have one shape [B, K] with B, K >= 1; got [${scores.rows}, ${scores.cols}] and [${other.rows}, ${other.cols}]. Pass one row per query and one column per candidate.`,
      { scores: [scores.rows, scores.cols], [name]: [other.rows, other.cols] },
    );
  }
  assertSameLength(`${where}: scores.data`, scores.data.length, scores.rows * scores.cols);
  assertSameLength(`${where}: ${name}.data`, other.data.length, scores.rows * scores.cols);
  assertFinite(`${where}: scores`, scores.data);
  assertFinite(`${where}: ${name}`, other.data);
}

/**
 * KL(target ‖ softmax(scores / temperature)) and its gradient for the scores, row by row in 64 bits.
 *
 * @param targetLog natural logarithm of row b's target given that row's retriever log-probabilities, [K].
 */
export function klToRetriever(
  scores: Matrix,
  targetLog: (row: number, retrieverLog: Float64Array) => Float64Array,
  options: KlOptions,
): PreferenceLoss {
  assertInRange("klToRetriever: temperature", options.temperature, 1e-6, 1e6);
  const { rows, cols } = scores;
  const divisor = options.reduction === "codeMean" ? rows * cols : rows;
  const gradient = new Float32Array(rows * cols);
  const target = new Float32Array(rows * cols);
  const retriever = new Float32Array(rows * cols);
  let sum = 0;
  for (let b = 0; b < rows; b++) {
    const retrieverLog = logSoftmax(scores.data.subarray(b * cols, (b + 1) * cols), options.temperature); // [K]
    const wantedLog = targetLog(b, retrieverLog); // [K]
    for (let k = 0; k < cols; k++) {
      const wanted = Math.exp(wantedLog[k]!);
      const found = Math.exp(retrieverLog[k]!);
      if (wanted > 0) sum += wanted * (wantedLog[k]! - retrieverLog[k]!);
      gradient[b * cols + k] = (found - wanted) / (options.temperature * divisor);
      target[b * cols + k] = wanted;
      retriever[b * cols + k] = found;
    }
  }
  const asMatrix = (data: Float32Array): Matrix => ({ data, rows, cols });
  return {
    value: sum / divisor,
    gradient: asMatrix(gradient),
    target: asMatrix(target),
    retriever: asMatrix(retriever),
  };
}
