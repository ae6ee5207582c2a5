import { assertOneOf, assertSameLength } from "../base/check";
import { DataError } from "../base/errors";
import type { Control, Example, Matrix, Passage } from "../base/types";
import { readerReliance } from "../losses/attention-distillation";
import { type PreferenceSoftmax, readerPreference } from "../losses/reader-preference";
import type { LabelJudgement } from "../losses/reveal-marginal";
import type { CachedScores } from "../reader/cached-scores";
import type { LabelScores, ReadPair } from "../reader/reader";

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

/**
 * What the reader is asked about a candidate. "labels": which label it prefers (paper); of examples without labels, how likely it is
 * to write the true answer, token by token: the reference code's way for open questions. "tokens": that, of every example.
 */
export const PREFERENCES = ["labels", "tokens"] as const;
export type Preference = (typeof PREFERENCES)[number];

export interface JudgeOptions {
  /** Default "labels" (paper). "tokens" needs scores made by createOwnAnswerScores. */
  readonly preference?: Preference;
  /** Default "once" (paper); "twice" is the reference code's. Of "labels" only. */
  readonly softmax?: PreferenceSoftmax;
  /** "read": each query is read closed-book too, for `reliance`. Of "labels" only. Default "skip". */
  readonly closedBook?: "read" | "skip";
  readonly control?: Control | undefined;
}

/**
 * Asks the (frozen, cached) reader about every (query, candidate) pair.
 *
 * Several true labels: gold is the mean of each label's preference over the labels that are not true (`readerPreference`),
 * answerLogLikelihood the mean over the true labels. No label: both are the log-likelihood of the example's own answer.
 *
 * @param scores of createCachedScores, or of createOwnAnswerScores with "tokens".
 * @throws DataError when an example has no label and is to be read closed-book.
 */
export async function judgeCandidates(
  scores: CachedScores,
  examples: readonly Example[],
  candidates: readonly (readonly Passage[])[],
  options: JudgeOptions = {},
): Promise<ReaderJudgement> {
  const { preference = "labels", closedBook = "skip", control } = options;
  assertOneOf("judgeCandidates: preference", preference, PREFERENCES);
  assertOneOf("judgeCandidates: closedBook", closedBook, ["read", "skip"]);
  const pairs = examples.flatMap((example, b) => candidates[b]!.map((passage) => ({ example, passage })));
  const found = await scores.score(pairs, control);
  if (preference === "tokens") return judgeTokens(found, examples.length);
  if (closedBook === "read") assertLabelled("judgeCandidates", examples);
  const shape = { rows: examples.length, cols: pairs.length / examples.length };
  const alone = closedBook === "read" ? await readAlone(scores, examples, control) : null;
  return judgeLabels({ pairs, found, alone }, shape, options.softmax ?? "once");
}

/** Throws DataError on an example without a label, for what contrasts labels only. */
export function assertLabelled(where: string, examples: readonly Example[]): void {
  const without = examples.find(({ labels }) => labels.length === 0);
  if (without === undefined) return;
  throw new DataError(
    `${where}: examples must have at least one label; ${without.id} has none. Take another loss, or turn open questions into closed ones.`,
    { id: without.id },
  );
}

async function readAlone(
  scores: CachedScores,
  examples: readonly Example[],
  control: Control | undefined,
): Promise<LabelScores[]> {
  return scores.score(
    examples.map((example): ReadPair => ({ example, passage: null })),
    control,
  );
}

interface Readings {
  readonly pairs: readonly { readonly example: Example }[];
  readonly found: readonly LabelScores[];
  /** Closed-book, one per example. */
  readonly alone: readonly LabelScores[] | null;
}

function judgeLabels(
  { pairs, found, alone }: Readings,
  { rows, cols }: { readonly rows: number; readonly cols: number },
  softmax: PreferenceSoftmax,
): ReaderJudgement {
  const labelsOf = (i: number): readonly number[] => pairs[i]!.example.labels;
  const matrix = (value: (scores: LabelScores, i: number) => number): Matrix => {
    return { data: Float32Array.from(found, value), rows, cols };
  };
  const numLabels = found[0]!.logits.length;
  const labelLogits = new Float32Array(found.length * numLabels);
  found.forEach(({ logits }, i) => {
    labelLogits.set(logits, i * numLabels);
  });
  const preferenceOf = ({ logits, logLikelihoods }: LabelScores, i: number, how: PreferenceSoftmax): number =>
    labelsOf(i).length === 0 ? logLikelihoods[0]! : readerPreference(logits, labelsOf(i), how);
  return {
    gold: matrix((each, i) => preferenceOf(each, i, softmax)),
    answerLogLikelihood: matrix(({ logLikelihoods }, i) => meanAt(logLikelihoods, labelsOf(i))),
    trueProbability: matrix((each, i) => Math.exp(preferenceOf(each, i, "once"))),
    labels: { labelLogits, numLabels, trueLabels: Array.from({ length: rows }, (_, b) => labelsOf(b * cols)) },
    reliance:
      alone === null ? null : matrix(({ logits }, i) => readerReliance(logits, alone[Math.floor(i / cols)]!.logits)),
  };
}

function judgeTokens(found: readonly LabelScores[], rows: number): ReaderJudgement {
  const data = Float32Array.from(found, ({ logLikelihoods }) => logLikelihoods[0]!);
  const answerLogLikelihood: Matrix = { data, rows, cols: data.length / rows };
  return {
    gold: answerLogLikelihood,
    answerLogLikelihood,
    trueProbability: { ...answerLogLikelihood, data: data.map(Math.exp) },
    labels: null,
    reliance: null,
  };
}

/** Mean of the values at these places; of none, the first value: the score of an example's own answer. */
function meanAt(values: ArrayLike<number>, places: readonly number[]): number {
  if (places.length === 0) return values[0]!;
  return places.reduce((sum, place) => sum + values[place]!, 0) / places.length;
}
