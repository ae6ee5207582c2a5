import { assertSameLength } from "../base/check";
import type { Example, Matrix, Passage } from "../base/types";
import type { LabelJudgement } from "./losses/reveal-marginal";

/** Queries of one split with their frozen embeddings. */
export interface QuerySet {
  readonly examples: readonly Example[];
  /** [n, D], L2-normalised. */
  readonly frozen: Matrix;
}

/** The corpus as one head sees it: the passages and that head's frozen view of them, row by row. */
export interface CorpusView {
  readonly passages: readonly Passage[];
  /** [N, D], L2-normalised. */
  readonly embeddings: Matrix;
}

/** What the reader says about B queries with K candidates each; matrices are [B, K]. */
export interface ReaderJudgement {
  /** Contrastive preference: log-probability of the true label among the labels (nats); of the whole answer with "tokens". */
  readonly gold: Matrix;
  /** Log-likelihood of the true answer over the whole vocabulary (nats). */
  readonly answerLogLikelihood: Matrix;
  /** Probability of the true label among the labels; of the whole answer with "tokens". */
  readonly trueProbability: Matrix;
  /** The logits behind `gold`; null where there are no labels. */
  readonly labels: LabelJudgement | null;
  /** How far each candidate moves the answer from the closed-book one (nats); null unless it was asked for. */
  readonly reliance: Matrix | null;
}

/** Rows of a matrix, copied: [rows.length, cols]. */
export function takeRows(matrix: Matrix, rows: readonly number[]): Matrix {
  const { cols } = matrix;
  const data = new Float32Array(rows.length * cols);
  rows.forEach((row, i) => {
    data.set(matrix.data.subarray(row * cols, (row + 1) * cols), i * cols);
  });
  return { data, rows: rows.length, cols };
}

/** Inner products of each query with its own candidates. Shapes: queries [B, D], candidates B lists of K rows of [N, D] -> [B, K]. */
export function candidateScores(
  queries: Matrix,
  embeddings: Matrix,
  candidates: readonly (readonly number[])[],
): Matrix {
  assertSameLength("candidateScores: candidates", candidates.length, queries.rows);
  const numCandidates = candidates[0]?.length ?? 0;
  const data = new Float32Array(queries.rows * numCandidates);
  candidates.forEach((rows, b) => {
    rows.forEach((row, k) => {
      let sum = 0;
      for (let d = 0; d < queries.cols; d++) {
        sum += queries.data[b * queries.cols + d]! * embeddings.data[row * queries.cols + d]!;
      }
      data[b * numCandidates + k] = sum;
    });
  });
  return { data, rows: queries.rows, cols: numCandidates };
}
