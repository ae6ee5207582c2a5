import type { MetricInputs } from "../answers/form";
import { answerWords } from "../answers/wording";
import { assertInteger, assertKnownKeys, assertSameLength } from "../base/check";
import { ConfigError, DataError, ShapeError } from "../base/errors";
import { mean, sum } from "../base/numbers";
import type { MetricName } from "../base/types";
import type { Statistic } from "./bootstrap";

/** Throws unless there is one answer per true label, and at least one. */
export function assertAnswers(where: string, answers: ArrayLike<unknown>, truth: ArrayLike<unknown>): void {
  assertSameLength(`${where}: answers`, answers.length, truth.length);
  if (truth.length === 0) throw new ShapeError(`${where}: answers must hold at least one; got 0.`);
}

/**
 * Share of right answers, in [0, 1]. An answer of null (unparsed) is wrong.
 *
 * @throws ShapeError when the lengths differ or are 0.
 * @example accuracy([1, null], [1, 0])   // 0.5
 */
export function accuracy(answers: readonly (number | null)[], truth: readonly number[]): number {
  assertAnswers("accuracy", answers, truth);
  return answers.filter((answer, i) => answer === truth[i]).length / truth.length;
}

/**
 * Share of rows whose whole label set is right, in [0, 1]: scikit-learn's accuracy_score of label indicators.
 * The order within a set does not matter; an answer of null (unparsed) is wrong, even where nothing is true.
 *
 * Paper: arXiv 2508.17394v3: the accuracy of multi-label tasks.
 *
 * @throws ShapeError when the lengths differ or are 0.
 * @example exactMatch([[0, 2], [1], null], [[2, 0], [1, 3], []])   // 1/3
 */
export function exactMatch(
  answers: readonly (readonly number[] | null)[],
  truth: readonly (readonly number[])[],
): number {
  assertAnswers("exactMatch", answers, truth);
  const right = truth.filter((labels, i) => {
    const answer = answers[i];
    return answer !== null && answer !== undefined && sameSet(answer, labels);
  });
  return right.length / truth.length;
}

function sameSet(first: readonly number[], second: readonly number[]): boolean {
  const [a, b] = [new Set(first), new Set(second)];
  return a.size === b.size && [...a].every((label) => b.has(label));
}

/** How a metric counts what would divide by zero (scikit-learn's `zero_division`): as 0, as 1, or not at all. */
export type ZeroDivision = 0 | 1 | "leaveOut";

/** Options of macroF1 and perLabelF1. */
export interface F1Options {
  /**
   * F1 of a label that occurs neither in the answers nor in the truth. "leaveOut" is scikit-learn's default set of labels (those
   * that occur) as well as its zero_division of NaN; where none occurs at all, macroF1 is 0. Default 0.
   */
  readonly zeroDivision?: ZeroDivision;
}

/** One label, a set of labels, or null for an answer that names none of them ("unparsed"). */
export type LabelAnswer = number | readonly number[] | null;

/**
 * Mean over the labels of F1 = 2 tp / (2 tp + fp + fn), in [0, 1]; scikit-learn's f1_score(labels=0…C-1, average="macro").
 * A label that occurs neither in the answers nor in the truth has F1 0 and counts. An answer of null (unparsed) is wrong:
 * a miss of the true labels, a false alarm of none. With label sets, each label is a yes-or-no question of its own.
 *
 * @param answers one label or one set of labels per row.
 * @param truth likewise.
 * @param numLabels C, ≥ 2: labels are 0 … C-1.
 * @throws ShapeError when the lengths differ or are 0. DataError on a label outside 0 … C-1. ConfigError on an option.
 * @example macroF1([1, 1, 0], [1, 0, 0], 2)   // (2/3 + 2/3) / 2
 */
export function macroF1(
  answers: readonly LabelAnswer[],
  truth: readonly (number | readonly number[])[],
  numLabels: number,
  options: F1Options = {},
): number {
  const scores = scoresOf("macroF1", answers, truth, { numLabels, ...options }).filter((score) => score !== null);
  return scores.length === 0 ? 0 : mean(scores);
}

/**
 * F1 of each label, [C]; null with zeroDivision "leaveOut" where a label occurs in neither answers nor truth. Otherwise as macroF1.
 *
 * @example perLabelF1([[0], [0, 1]], [[0], [1]], 3)   // [2/3, 1, 0]
 */
export function perLabelF1(
  answers: readonly LabelAnswer[],
  truth: readonly (number | readonly number[])[],
  numLabels: number,
  options: F1Options = {},
): (number | null)[] {
  return scoresOf("perLabelF1", answers, truth, { numLabels, ...options });
}

/**
 * Macro-F1 of rows that are drawn from these, for a bootstrap. Of all rows it is macroF1. In a draw, a label that occurs among all rows and
 * among none of those drawn is left out of the mean: such a draw says nothing about it, and an F1 of 0 would pull every interval of a task with
 * rare labels down. A label that occurs nowhere counts 0 in every draw, as in macroF1.
 *
 * @throws as macroF1.
 * @example macroF1OfDraws([0, 1], [0, 1], 2)([0, 0])   // 1: label 1 was not drawn
 */
export function macroF1OfDraws(
  answers: readonly LabelAnswer[],
  truth: readonly (number | readonly number[])[],
  numLabels: number,
): Statistic {
  const marks = markRows("macroF1OfDraws", answers, truth, numLabels);
  const scoresIn = (rows: Iterable<LabelMarks>): number[] =>
    countLabels(rows, numLabels).flatMap((counts) => f1Of(counts) ?? []);
  const nowhere = numLabels - scoresIn(marks).length;
  return (rows) => {
    assertAnswers("macroF1OfDraws", rows, rows);
    const scores = scoresIn(rows.map((row) => marks[row]!));
    const counted = scores.length + nowhere;
    return counted === 0 ? 0 : sum(scores) / counted;
  };
}

function scoresOf(
  where: string,
  answers: readonly LabelAnswer[],
  truth: readonly (number | readonly number[])[],
  { numLabels, ...options }: F1Options & { readonly numLabels: number },
): (number | null)[] {
  assertKnownKeys(where, options, ["zeroDivision"]);
  const { zeroDivision = 0 } = options;
  if (zeroDivision !== 0 && zeroDivision !== 1 && zeroDivision !== "leaveOut") {
    throw new ConfigError(
      `${where}: zeroDivision must be 0, 1 or "leaveOut"; got ${JSON.stringify(zeroDivision)}. Leave it out for 0.`,
    );
  }
  const counts = countLabels(markRows(where, answers, truth, numLabels), numLabels);
  const absent = zeroDivision === "leaveOut" ? null : zeroDivision;
  return counts.map((each) => f1Of(each) ?? absent);
}

/** Of one label: hits, false alarms and misses. */
interface LabelCounts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

/** F1 = 2 tp / (2 tp + fp + fn); null where a label occurs in neither answers nor truth. */
function f1Of({ truePositives, falsePositives, falseNegatives }: LabelCounts): number | null {
  const mentions = 2 * truePositives + falsePositives + falseNegatives;
  return mentions === 0 ? null : (2 * truePositives) / mentions;
}

/** Labels of one row: those answered, those that are true, and those that are both. */
interface LabelMarks {
  readonly answered: readonly number[];
  readonly wanted: readonly number[];
  readonly hit: readonly number[];
}

/**
 * A row of null (unparsed) holds no label: it misses the true ones and raises no false alarm. A label named twice in a row counts once.
 *
 * @throws ShapeError when the lengths differ or are 0. ConfigError on numLabels. DataError on a label outside 0 … numLabels - 1.
 */
function markRows(
  where: string,
  answers: readonly LabelAnswer[],
  truth: readonly (number | readonly number[])[],
  numLabels: number,
): LabelMarks[] {
  assertAnswers(where, answers, truth);
  assertInteger(`${where}: numLabels`, numLabels, 2);
  const asSet = (row: LabelAnswer): readonly number[] => (typeof row === "number" ? [row] : (row ?? []));
  return truth.map((row, i) => {
    const answered = different(where, asSet(answers[i] ?? null), numLabels);
    const wanted = different(where, asSet(row), numLabels);
    return { answered, wanted, hit: answered.filter((label) => wanted.includes(label)) };
  });
}

/** Counts every label over the rows; loops, since a bootstrap does it for thousands of draws. */
function countLabels(rows: Iterable<LabelMarks>, numLabels: number): LabelCounts[] {
  const zeros = (): number[] => new Array<number>(numLabels).fill(0);
  const [hits, found, right] = [zeros(), zeros(), zeros()];
  for (const { answered, wanted, hit } of rows) {
    for (const label of answered) found[label]! += 1;
    for (const label of wanted) right[label]! += 1;
    for (const label of hit) hits[label]! += 1;
  }
  return hits.map((truePositives, label) => ({
    truePositives,
    falsePositives: found[label]! - truePositives,
    falseNegatives: right[label]! - truePositives,
  }));
}

/** The labels of a row, checked, each once. */
function different(where: string, labels: readonly number[], numLabels: number): readonly number[] {
  for (const label of labels) {
    if (Number.isInteger(label) && label >= 0 && label < numLabels) continue;
    throw new DataError(`${where}: labels must be whole numbers in [0, ${numLabels - 1}]; got ${label}.`, { label });
  }
  return [...new Set(labels)];
}

/**
 * Share of closed questions answered with exactly the true words, in [0, 1]. Both sides are normalised by `answerWords`: "Yes." is
 * "yes"; "yes, on the left" is not. An answer of null (unparsed) or without a word is wrong.
 *
 * Paper: arXiv 2508.17394v3: closed questions, exact match.
 *
 * @throws ShapeError when the lengths differ or are 0.
 * @example closedAccuracy(["Yes.", "no", null], ["yes", "yes", "no"])   // 1/3
 */
export function closedAccuracy(answers: readonly (string | null)[], truth: readonly string[]): number {
  assertAnswers("closedAccuracy", answers, truth);
  const right = truth.filter((wanted, i) => {
    const words = answerWords(answers[i] ?? "");
    return words.length > 0 && words.join(" ") === answerWords(wanted).join(" ");
  });
  return right.length / truth.length;
}

/**
 * Share of the true answer's different words that the answer holds, averaged over the open questions, in [0, 1]. Words as
 * `answerWords` makes them; how often or in which order they stand does not matter. An answer of null or without a word scores 0.
 * A long answer is not punished: that is the metric's known weakness.
 *
 * Paper: arXiv 2508.17394v3: open questions, token recall.
 *
 * @throws ShapeError when the lengths differ or are 0. DataError when a true answer has no word.
 * @example tokenRecall(["in the left lung"], ["left upper lung"])   // 2/3
 */
export function tokenRecall(answers: readonly (string | null)[], truth: readonly string[]): number {
  assertAnswers("tokenRecall", answers, truth);
  const recalls = truth.map((wanted, i) => {
    const words = new Set(answerWords(wanted));
    if (words.size === 0) {
      throw new DataError(
        `tokenRecall: truth must hold a word in each row; row ${i} is ${JSON.stringify(wanted)}. Leave such questions out.`,
        { row: i },
      );
    }
    const said = new Set(answerWords(answers[i] ?? ""));
    return [...words].filter((word) => said.has(word)).length / words.size;
  });
  return mean(recalls);
}

/** One metric of a task's table. */
export interface AnswerMetric<M extends MetricName> {
  /** Which questions it is taken over: the closed ones (and those of which nothing is said), the open ones, or all. */
  readonly questions: "closed" | "open" | "all";
  /** Shapes: answers [n] (null: unparsed), truth [n] -> a number in [0, 1]. */
  measure(
    answers: readonly (MetricInputs[M] | null)[],
    truth: readonly MetricInputs[M][],
    options: { readonly numLabels: number },
  ): number;
  /** The same of rows drawn from these, for a bootstrap. Default `measure` of the drawn rows. */
  ofDraws?(
    answers: readonly (MetricInputs[M] | null)[],
    truth: readonly MetricInputs[M][],
    options: { readonly numLabels: number },
  ): Statistic;
}

/** Every metric of a task's table by its name. Which forms of answer it is defined for the forms say themselves. */
export const ANSWER_METRICS: { readonly [M in MetricName]: AnswerMetric<M> } = {
  accuracy: { questions: "all", measure: accuracy },
  macroF1: {
    questions: "all",
    measure: (answers, truth, { numLabels }) => macroF1(answers, truth, numLabels),
    ofDraws: (answers, truth, { numLabels }) => macroF1OfDraws(answers, truth, numLabels),
  },
  exactMatch: { questions: "all", measure: exactMatch },
  closedAccuracy: { questions: "closed", measure: closedAccuracy },
  tokenRecall: { questions: "open", measure: tokenRecall },
};
