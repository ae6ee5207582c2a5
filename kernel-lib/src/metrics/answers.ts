import { answerWords } from "../answers/wording";
import { assertSameLength } from "../base/check";
import { DataError, ShapeError } from "../base/errors";

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
  return recalls.reduce((sum, value) => sum + value, 0) / recalls.length;
}

/**
 * Share of answers that could not be read (null), in [0, 1]. They count as wrong in every metric; this says how much of "wrong" is
 * "unreadable".
 *
 * @throws ShapeError without answers.
 * @example unparsedShare([1, null])   // 1/2
 */
export function unparsedShare(answers: readonly unknown[]): number {
  if (answers.length === 0) throw new ShapeError("unparsedShare: answers must hold at least one; got 0.");
  return answers.filter((answer) => answer === null).length / answers.length;
}
