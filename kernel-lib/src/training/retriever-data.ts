import { assertSameLength } from "../base/check";
import { softmax } from "../base/softmax";
import type { Control, Example, Matrix, Passage } from "../base/types";
import type { CachedScores } from "../reader/cached-scores";
import { type PreferenceSoftmax, readerPreference } from "./losses/reader-preference";

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

/** What the reader says about B queries with K candidates each; all [B, K]. */
export interface ReaderJudgement {
  /** Contrastive preference: log-probability of the true label among the labels (nats). */
  readonly gold: Matrix;
  /** Log-likelihood of the true answer over the whole vocabulary (nats). */
  readonly answerLogLikelihood: Matrix;
  /** Probability of the true label among the labels. */
  readonly trueProbability: Matrix;
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

/** Asks the (frozen, cached) reader about every (query, candidate) pair. */
export async function judgeCandidates(
  scores: CachedScores,
  examples: readonly Example[],
  candidates: readonly (readonly Passage[])[],
  options: { readonly softmax?: PreferenceSoftmax; readonly control?: Control | undefined } = {},
): Promise<ReaderJudgement> {
  const pairs = examples.flatMap((example, b) => candidates[b]!.map((passage) => ({ example, passage })));
  const found = await scores.score(pairs, options.control);
  const trueLabel = (i: number): number => pairs[i]!.example.labels[0]!;
  const rows = examples.length;
  const cols = pairs.length / rows;
  const matrix = (value: (i: number) => number): Matrix => ({
    data: Float32Array.from(found, (_, i) => value(i)),
    rows,
    cols,
  });
  return {
    gold: matrix((i) => readerPreference(found[i]!.logits, trueLabel(i), options.softmax)),
    answerLogLikelihood: matrix((i) => found[i]!.logLikelihoods[trueLabel(i)]!),
    trueProbability: matrix((i) => softmax(found[i]!.logits)[trueLabel(i)]!),
  };
}
