import { assertAnswers } from "./check-answers";

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
