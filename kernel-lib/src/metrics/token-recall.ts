import { DataError } from "../base/errors";
import { answerWords } from "../inference/answer-words";
import { assertAnswers } from "./check-answers";

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
