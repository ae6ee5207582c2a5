import type { Matrix } from "../base/types";

/** Signs of a healthy or collapsing retriever, logged beside the loss. */
export interface RetrieverHealth {
  /** Mean entropy of the target over the K candidates (nats; ln K = indifferent). */
  readonly targetEntropy: number;
  /** Mean entropy of the retriever over the K candidates (nats). */
  readonly retrieverEntropy: number;
  /** Mean of exp(target entropy): how many candidates the reader's preference is spread over. */
  readonly effectiveCandidates: number;
  /** Share of the learned head's best `numTop` of K that are among the frozen head's. 1 = nothing moved. */
  readonly frozenOverlap: number;
  /** Mean of 1 - cosine between learned and frozen query embeddings. 0 = nothing moved. */
  readonly drift: number;
  /** 1 - length of the mean of the learned query embeddings. 0 = every query looks the same: collapse. */
  readonly spread: number;
}

export interface HealthInputs {
  /** [B, K], rows sum to 1. */
  readonly target: Matrix;
  /** [B, K], rows sum to 1. */
  readonly retriever: Matrix;
  /** [B, K], inner products of the frozen query embedding with the same candidates. */
  readonly frozenScores: Matrix;
  /** [B, D], L2-normalised. */
  readonly learned: Matrix;
  /** [B, D], L2-normalised. */
  readonly frozen: Matrix;
  /** Size of the compared tops; at most K. */
  readonly numTop: number;
}

/** Entropy of each row, nats. */
export function rowEntropies(probabilities: Matrix): Float64Array {
  const { rows, cols, data } = probabilities;
  return Float64Array.from({ length: rows }, (_, row) => {
    let entropy = 0;
    for (let col = 0; col < cols; col++) {
      const p = data[row * cols + col]!;
      if (p > 0) entropy -= p * Math.log(p);
    }
    return entropy;
  });
}

/** Columns of a row's largest values, best first; ties by position. */
export function topColumns(matrix: Matrix, row: number, count: number): number[] {
  const values = matrix.data.subarray(row * matrix.cols, (row + 1) * matrix.cols);
  const order = Array.from(values, (_, col) => col).sort((a, b) => values[b]! - values[a]! || a - b);
  return order.slice(0, count);
}

/** Measures the health of one evaluated batch of queries. */
export function measureRetrieverHealth(inputs: HealthInputs): RetrieverHealth {
  const { target, retriever, frozenScores, learned, frozen } = inputs;
  const targetEntropies = rowEntropies(target);
  const numTop = Math.min(inputs.numTop, target.cols);
  let shared = 0;
  let drift = 0;
  for (let row = 0; row < target.rows; row++) {
    const before = new Set(topColumns(frozenScores, row, numTop));
    shared += topColumns(retriever, row, numTop).filter((col) => before.has(col)).length / numTop;
    let cosine = 0;
    for (let d = 0; d < frozen.cols; d++)
      cosine += learned.data[row * frozen.cols + d]! * frozen.data[row * frozen.cols + d]!;
    drift += 1 - cosine;
  }
  return {
    targetEntropy: mean(targetEntropies),
    retrieverEntropy: mean(rowEntropies(retriever)),
    effectiveCandidates: mean(targetEntropies.map(Math.exp)),
    frozenOverlap: shared / target.rows,
    drift: drift / target.rows,
    spread: 1 - Math.hypot(...meanRow(learned)),
  };
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function meanRow({ data, rows, cols }: Matrix): Float64Array {
  const sums = new Float64Array(cols);
  data.forEach((value, i) => {
    sums[i % cols]! += value / rows;
  });
  return sums;
}
