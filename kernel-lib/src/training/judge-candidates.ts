import { assertOneOf } from "../base/check";
import { DataError } from "../base/errors";
import type { Control, Example, Matrix, Passage } from "../base/types";
import { type PreferenceSoftmax, readerPreference } from "../losses/contrastive-kl";
import type { LabelJudgement, ReaderJudgement, ReaderNeed } from "../losses/retriever-loss";
import type { LabelScores } from "../reader/reader";
import type { CachedScores } from "../reader/score-cache";

/**
 * What the reader is asked about a candidate. "labels": which label it prefers (paper); of examples without labels, how likely it is
 * to write the true answer, token by token: the reference code's way for open questions. "tokens": that, of every example.
 */
export const PREFERENCES = ["labels", "tokens"] as const;
export type Preference = (typeof PREFERENCES)[number];

export interface JudgeOptions {
  /** What the loss needs of the reader. Default: what every judgement holds. "closedBook" costs one more reading of each query. */
  readonly needs?: readonly ReaderNeed[];
  /** Default "labels" (paper). "tokens" needs scores made by createOwnAnswerScores. */
  readonly preference?: Preference;
  /** Default "once" (paper); "twice" is the reference code's. Of "labels" only. */
  readonly softmax?: PreferenceSoftmax;
  readonly control?: Control | undefined;
}

/** What the reader said, and what validation reads of it. */
export interface CandidateJudgement extends ReaderJudgement {
  /** Probability of the true label among the labels, [B, K]; of the whole answer with "tokens". */
  readonly trueProbability: Matrix;
}

/**
 * Asks the (frozen, cached) reader about every (query, candidate) pair.
 *
 * Several true labels: the preference is the mean of each label's over the labels that are not true (`readerPreference`),
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
): Promise<CandidateJudgement> {
  const { needs = [], preference = "labels", softmax = "once", control } = options;
  assertOneOf("judgeCandidates: preference", preference, PREFERENCES);
  const pairs = examples.flatMap((example, b) => candidates[b]!.map((passage) => ({ example, passage })));
  const found = await scores.score(pairs, control);
  const cols = pairs.length / examples.length;
  if (preference === "tokens") return judgeOwnAnswers(found, examples.length, cols);
  const closedBook = needs.includes("closedBook") ? await readClosedBook(scores, examples, control) : null;
  return { ...judgeLabels(found, examples, { cols, softmax }), closedBook };
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

/** Mean logits of the labels without any passage, [B, C]. */
async function readClosedBook(
  scores: CachedScores,
  examples: readonly Example[],
  control: Control | undefined,
): Promise<Matrix> {
  assertLabelled("judgeCandidates", examples);
  const alone = await scores.score(
    examples.map((example) => ({ example, passage: null })),
    control,
  );
  return { data: concatenateLogits(alone), rows: alone.length, cols: alone[0]!.logits.length };
}

function judgeLabels(
  found: readonly LabelScores[],
  examples: readonly Example[],
  { cols, softmax }: { readonly cols: number; readonly softmax: PreferenceSoftmax },
): Omit<CandidateJudgement, "closedBook"> {
  const rows = examples.length;
  const trueLabelsOf = (i: number): readonly number[] => examples[Math.floor(i / cols)]!.labels;
  const valuesOf = (value: (scores: LabelScores, trueLabels: readonly number[]) => number): number[] =>
    found.map((each, i) => value(each, trueLabelsOf(i)));
  const matrix = (values: readonly number[]): Matrix => ({ data: Float32Array.from(values), rows, cols });
  const preferenceOf = ({ logits, logLikelihoods }: LabelScores, labels: readonly number[], how: PreferenceSoftmax) =>
    labels.length === 0 ? logLikelihoods[0]! : readerPreference(logits, labels, how);
  const labels: LabelJudgement = {
    labelLogits: concatenateLogits(found),
    numLabels: found[0]!.logits.length,
    trueLabels: examples.map((example) => example.labels),
  };
  const once = valuesOf((each, trueLabels) => preferenceOf(each, trueLabels, "once"));
  const preferred = softmax === "once" ? once : valuesOf((each, trueLabels) => preferenceOf(each, trueLabels, softmax));
  return {
    preference: matrix(preferred),
    answerLogLikelihood: matrix(valuesOf(({ logLikelihoods }, trueLabels) => meanAt(logLikelihoods, trueLabels))),
    trueProbability: matrix(once.map(Math.exp)),
    labels,
  };
}

function judgeOwnAnswers(found: readonly LabelScores[], rows: number, cols: number): CandidateJudgement {
  const data = Float32Array.from(found, ({ logLikelihoods }) => logLikelihoods[0]!);
  const answerLogLikelihood: Matrix = { data, rows, cols };
  return {
    preference: answerLogLikelihood,
    answerLogLikelihood,
    trueProbability: { data: data.map(Math.exp), rows, cols },
    labels: null,
    closedBook: null,
  };
}

/** n readings with C labels -> [n, C], row-major. */
function concatenateLogits(found: readonly LabelScores[]): Float32Array {
  const numLabels = found[0]!.logits.length;
  const data = new Float32Array(found.length * numLabels);
  found.forEach(({ logits }, i) => {
    data.set(logits, i * numLabels);
  });
  return data;
}

/** Mean of the values at these places; of none, the first value: the score of an example's own answer. */
function meanAt(values: ArrayLike<number>, places: readonly number[]): number {
  if (places.length === 0) return values[0]!;
  return places.reduce((sum, place) => sum + values[place]!, 0) / places.length;
}
