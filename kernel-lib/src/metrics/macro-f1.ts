import { assertInteger } from "../base/check";
import { DataError } from "../base/errors";
import { assertAnswers } from "./check-answers";

/**
 * Mean over the labels of F1 = 2 tp / (2 tp + fp + fn), in [0, 1]; scikit-learn's f1_score(labels=0…C-1, average="macro").
 * A label that occurs neither in the answers nor in the truth has F1 0 and counts. An answer of null (unparsed) is wrong:
 * a miss of the true label, a false alarm of none.
 *
 * @param numLabels C, ≥ 2: labels are 0 … C-1.
 * @throws ShapeError when the lengths differ or are 0. DataError on a label outside 0 … C-1.
 * @example macroF1([1, 1, 0], [1, 0, 0], 2)   // (2/3 + 2/3) / 2
 */
export function macroF1(answers: readonly (number | null)[], truth: readonly number[], numLabels: number): number {
  assertAnswers("macroF1", answers, truth);
  assertInteger("macroF1: numLabels", numLabels, 2);
  const hits = new Array<number>(numLabels).fill(0);
  const mentions = new Array<number>(numLabels).fill(0); // as answer or truth: 2 tp + fp + fn
  const mention = (label: number) => {
    if (label in mentions) mentions[label]! += 1;
    else
      throw new DataError(`macroF1: labels must be whole numbers in [0, ${numLabels - 1}]; got ${label}.`, { label });
  };
  truth.forEach((label, i) => {
    const answer = answers[i]!;
    mention(label);
    if (answer !== null) mention(answer);
    if (answer === label) hits[label]! += 1;
  });
  const scores = hits.map((count, label) => (count === 0 ? 0 : (2 * count) / mentions[label]!));
  return scores.reduce((sum, score) => sum + score, 0) / numLabels;
}
