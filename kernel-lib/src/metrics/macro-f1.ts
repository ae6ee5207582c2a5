import { assertInteger, assertKnownKeys } from "../base/check";
import { ConfigError, DataError } from "../base/errors";
import { assertAnswers } from "./answers";

/** Of one label: hits, false alarms and misses. */
export interface LabelCounts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

/** How a metric counts what would divide by zero (scikit-learn's `zero_division`): as 0, as 1, or not at all. */
export type ZeroDivision = 0 | 1 | "leaveOut";

/**
 * Counts every label over the rows. A row of null (unparsed) holds no label: it misses the true ones and raises no false alarm.
 *
 * @param answers label sets of the answers; a label named twice in a row counts once.
 * @throws DataError on a label outside 0 … numLabels - 1.
 */
export function countLabels(
  where: string,
  answers: readonly (readonly number[] | null)[],
  truth: readonly (readonly number[])[],
  numLabels: number,
): LabelCounts[] {
  const zeros = (): number[] => new Array<number>(numLabels).fill(0);
  const [hits, answered, wanted] = [zeros(), zeros(), zeros()];
  truth.forEach((row, i) => {
    const found = different(where, answers[i] ?? [], numLabels);
    const right = different(where, row, numLabels);
    for (const label of right) wanted[label]! += 1;
    for (const label of found) {
      answered[label]! += 1;
      if (right.includes(label)) hits[label]! += 1;
    }
  });
  return hits.map((truePositives, label) => ({
    truePositives,
    falsePositives: answered[label]! - truePositives,
    falseNegatives: wanted[label]! - truePositives,
  }));
}

/** F1 = 2 tp / (2 tp + fp + fn); null where a label occurs in neither answers nor truth. */
export function f1Of({ truePositives, falsePositives, falseNegatives }: LabelCounts): number | null {
  const mentions = 2 * truePositives + falsePositives + falseNegatives;
  return mentions === 0 ? null : (2 * truePositives) / mentions;
}

/** The labels of a row, checked, each once. */
function different(where: string, labels: readonly number[], numLabels: number): readonly number[] {
  for (const label of labels) {
    if (Number.isInteger(label) && label >= 0 && label < numLabels) continue;
    throw new DataError(`${where}: labels must be whole numbers in [0, ${numLabels - 1}]; got ${label}.`, { label });
  }
  return labels.length < 2 ? labels : [...new Set(labels)]; // one label is the usual case, in thousands of bootstrap draws
}

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
  return scores.length === 0 ? 0 : scores.reduce((sum, score) => sum + score, 0) / scores.length;
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

function scoresOf(
  where: string,
  answers: readonly LabelAnswer[],
  truth: readonly (number | readonly number[])[],
  { numLabels, ...options }: F1Options & { readonly numLabels: number },
): (number | null)[] {
  assertAnswers(where, answers, truth);
  assertInteger(`${where}: numLabels`, numLabels, 2);
  assertKnownKeys(where, options, ["zeroDivision"]);
  const { zeroDivision = 0 } = options;
  if (zeroDivision !== 0 && zeroDivision !== 1 && zeroDivision !== "leaveOut") {
    throw new ConfigError(
      `${where}: zeroDivision must be 0, 1 or "leaveOut"; got ${JSON.stringify(zeroDivision)}. Leave it out for 0.`,
    );
  }
  const asSet = <T extends LabelAnswer>(row: T) => (typeof row === "number" ? [row] : (row as readonly number[]));
  const counts = countLabels(where, answers.map(asSet), truth.map(asSet), numLabels);
  const absent = zeroDivision === "leaveOut" ? null : zeroDivision;
  return counts.map((each) => f1Of(each) ?? absent);
}
