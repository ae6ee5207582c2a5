import { answerWords } from "../inference/answer-words";
import { assertAnswers } from "./check-answers";

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
