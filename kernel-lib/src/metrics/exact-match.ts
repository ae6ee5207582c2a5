import { assertAnswers } from "./check-answers";

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
