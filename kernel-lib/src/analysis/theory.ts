import { assertInRange, assertInteger, assertKnownKeys } from "../base/check";
import { ConfigError, DataError } from "../base/errors";
import { mean, sum } from "../base/numbers";
import type { Corpus, Prediction, Task } from "../base/types";
import { exampleOf, examplesById, passageOf, passagesById } from "../data/by-id";
import type { PictureFacts } from "../phantoms/phantom";
import { captionReader } from "../systems/caption-vote";
import type { RetrievedList } from "./agreement";

// Why a trained retriever helps, as a toy that can be checked. A reader that believes captions is right with a passage of the
// question's own pattern, and with another one as often as such passages happen to have the same diagnosis (q). With m the share of own
// passages a reading is right in m + (1 - m) q; training raises m; a vote over several readings hides part of it; and what the picture
// tells by itself needs no passage. Everything is measured without asking what the reader answers.

/** What a believing reader is told. Shares lie in [0, 1]. */
export interface ToldShares {
  /** m: share of the readings whose passage shows the question's own pattern, each drawn by itself; or their number, question by question. */
  readonly same: number | readonly number[];
  /** q: how often a passage of another pattern tells the right answer all the same. */
  readonly otherAgreement: number;
  /** How often a passage of the own pattern tells it: captions may be silent or wrong. Default 1. */
  readonly sameAgreement?: number;
  /** Readings of a question. Default 4. */
  readonly numReadings?: number;
  /** Possible answers, of which wrong readings give each as often. Default 2. */
  readonly numClasses?: number;
  /** Share of the questions that the picture answers by itself. Default 0. */
  readonly known?: number;
}

const KEYS: readonly (keyof ToldShares)[] = [
  "same",
  "otherAgreement",
  "sameAgreement",
  "numReadings",
  "numClasses",
  "known",
];
const MOST_READINGS = 16;
const MOST_CLASSES = 50;

interface Settled extends Required<Omit<ToldShares, "same">> {
  /** Of each question: how many readings are of its own pattern; null where each is drawn with the share `m`. */
  readonly counts: readonly number[] | null;
  readonly m: number;
}

function settle(where: string, told: ToldShares): Settled {
  assertKnownKeys(`${where}:`, told, KEYS);
  const { same, otherAgreement, sameAgreement = 1, numReadings = 4, numClasses = 2, known = 0 } = told;
  for (const [name, share] of Object.entries({ otherAgreement, sameAgreement, known }))
    assertInRange(`${where}: ${name}`, share, 0, 1);
  assertInteger(`${where}: numReadings`, numReadings, 1, MOST_READINGS);
  assertInteger(`${where}: numClasses`, numClasses, 2, MOST_CLASSES);
  const rest = { otherAgreement, sameAgreement, numReadings, numClasses, known };
  if (typeof same === "number") {
    assertInRange(`${where}: same`, same, 0, 1);
    return { ...rest, counts: null, m: same };
  }
  if (same.length === 0) throw new ConfigError(`${where}: same must hold a number for each question; got none.`);
  for (const count of same) assertInteger(`${where}: same`, count, 0, numReadings);
  const m = sum(same) / (same.length * numReadings);
  return { ...rest, counts: same, m };
}

/**
 * How often one reading is right: m r + (1 - m) q, with r = `sameAgreement`, of the questions that the picture does not answer.
 *
 * @throws ConfigError on a share outside [0, 1].
 * @example predictReading({ same: 0.6, otherAgreement: 0.3 })   // 0.6 + 0.4 * 0.3 = 0.72
 */
export function predictReading(told: ToldShares): number {
  const { m, sameAgreement, otherAgreement } = settle("predictReading", told);
  return m * sameAgreement + (1 - m) * otherAgreement;
}

/**
 * How often the vote over all readings of a question is right, ties shared: known + (1 - known) vote. Readings are independent but for
 * how many of a question's passages show its pattern, where `same` gives that question by question.
 *
 * @throws ConfigError on a share outside [0, 1], or numbers that do not fit the readings.
 * @example predictAccuracy({ same: 0.5, otherAgreement: 0, numReadings: 2 })   // 1/4 + 1/2 * 1/2 = 0.5
 */
export function predictAccuracy(told: ToldShares): number {
  const settled = settle("predictAccuracy", told);
  const { counts, m, numReadings, known } = settled;
  const byCount = Array.from({ length: numReadings + 1 }, (_, same) => voteWith(same, settled));
  const vote =
    counts === null
      ? byCount.reduce((sum, right, same) => sum + right * binomial(same, numReadings, m), 0)
      : counts.reduce((sum, same) => sum + byCount[same]!, 0) / counts.length;
  return known + (1 - known) * vote;
}

/** The vote's accuracy where so many of the readings are of the own pattern. */
function voteWith(same: number, { sameAgreement, otherAgreement, numReadings, numClasses }: Settled): number {
  const others = numReadings - same;
  let total = 0;
  for (let a = 0; a <= same; a++) {
    for (let b = 0; b <= others; b++) {
      const weight = binomial(a, same, sameAgreement) * binomial(b, others, otherAgreement);
      if (weight > 0) total += weight * winShare(a + b, numReadings - a - b, numClasses - 1);
    }
  }
  return total;
}

/** How often `right` voices win against `wrong` ones that spread evenly over `others` answers; of a tie each winner gets its part. */
function winShare(right: number, wrong: number, others: number): number {
  /** Of the voices that are left to the answers that are left; `most` voices and how many answers have as many so far. */
  const spread = (left: number, answers: number, ties: number): number => {
    if (answers === 0) return left === 0 ? 1 / (1 + ties) : 0;
    let share = 0;
    for (let count = 0; count <= Math.min(left, right); count++) {
      const weight = binomial(count, left, 1 / answers);
      if (weight > 0) share += weight * spread(left - count, answers - 1, count === right ? ties + 1 : ties);
    }
    return share;
  };
  return right === 0 ? 0 : spread(wrong, others, 0);
}

/** Probability of `hits` in `draws`, each a hit with this chance. */
function binomial(hits: number, draws: number, chance: number): number {
  let ways = 1;
  for (let i = 0; i < hits; i++) ways = (ways * (draws - i)) / (i + 1);
  return ways * chance ** hits * (1 - chance) ** (draws - hits);
}

/**
 * Share of the questions that somebody knows who is right in `accuracy` of them and guesses the rest: (accuracy - chance) / (1 - chance),
 * at least 0. With a linear probe's accuracy: what a picture tells by itself.
 *
 * @throws ConfigError on a share outside [0, 1], or a chance of 1.
 * @example knownShare(0.65, 0.5)   // 0.3
 */
export function knownShare(accuracy: number, chance: number): number {
  assertInRange("knownShare: accuracy", accuracy, 0, 1);
  assertInRange("knownShare: chance", chance, 0, 1 - 1e-9);
  return Math.max(0, (accuracy - chance) / (1 - chance));
}

/** What a system's lists tell of the questions, by what is known of the pictures. */
export interface MeasuredTold extends Required<Omit<ToldShares, "known" | "same">> {
  /** Passages of the own pattern, question by question. */
  readonly same: readonly number[];
  /** m: their share. */
  readonly sameShare: number;
}

/**
 * Measures m, q and r over retrieved lists: whose picture shows the question's own pattern, and what the captions of these and of the others
 * tell. A caption that names no label, or several, counts as a guess. No reader is asked: its answers are what the theory is to predict.
 *
 * @param facts with the word "pattern" for examples and passages: a casebook's.
 * @param lists of questions of one label each, all equally long: frozen ones, or those that a system read.
 * @throws DataError where a pattern is unknown, a question or passage is not of the task or corpus, an answer is not one label, or lists differ in length.
 * @example measureTold({ task, corpus, facts }, ftRag.map(listOf))
 */
export function measureTold(
  { task, corpus, facts }: { readonly task: Task; readonly corpus: Corpus; readonly facts: PictureFacts },
  lists: readonly Pick<RetrievedList, "exampleId" | "hits">[],
): MeasuredTold {
  const refuse = (rule: string, id: string): DataError =>
    new DataError(`measureTold: ${rule}; ${id} has not. Use the lists of one retrieving system on a casebook.`, { id });
  const numReadings = lists[0]?.hits.length ?? 0;
  const examples = examplesById(task);
  const passages = passagesById(corpus);
  const namedBy = captionReader(task.labels);
  const guess = 1 / task.labels.length;
  const same: number[] = [];
  const told: Record<"same" | "other", number[]> = { same: [], other: [] };
  for (const { exampleId, hits } of lists) {
    const { labels } = exampleOf("measureTold", examples, exampleId);
    const own = facts.words.get(exampleId)?.["pattern"];
    if (own === undefined) throw refuse("facts must say the pattern of every question", exampleId);
    if (labels.length !== 1) throw refuse("questions must have one label", exampleId);
    if (hits.length !== numReadings || numReadings === 0) throw refuse("lists must be equally long", exampleId);
    const isSame = hits.map(({ passageId }) => facts.words.get(passageId)?.["pattern"] === own);
    hits.forEach(({ passageId }, i) => {
      const named = namedBy(passageOf("measureTold", passages, passageId));
      told[isSame[i] ? "same" : "other"].push(named.length === 1 ? Number(named[0] === labels[0]) : guess);
    });
    same.push(isSame.filter(Boolean).length);
  }
  if (same.length === 0) throw new DataError("measureTold: lists must hold at least one; got 0.");
  const meanOr = (values: readonly number[], none: number): number => (values.length === 0 ? none : mean(values));
  return {
    same,
    numReadings,
    numClasses: task.labels.length,
    sameShare: told.same.length / (told.same.length + told.other.length),
    sameAgreement: meanOr(told.same, 1), // where none was read it plays no part
    otherAgreement: meanOr(told.other, guess),
  };
}

/** The passages that a prediction's readings read. */
export function listOf({ exampleId, readings }: Prediction): Pick<RetrievedList, "exampleId" | "hits"> {
  return { exampleId, hits: readings.flatMap(({ retrieved }) => retrieved ?? []) };
}
