import type { Form } from "./form";
import { assertWeights } from "./fusion";
import { answerWords } from "./wording";

/** A written answer without the white space around it; null where it holds no word. */
export function parseWords(text: string): string | null {
  return answerWords(text).length === 0 ? null : text.trim();
}

/**
 * One free answer from several readings: the wording with the most weight, wordings compared by `answerWords`; of equals the earlier.
 * Null when readings without a word hold more than half of the weight.
 *
 * Deviation: arXiv 2508.17394v3 does not say how free answers are fused.
 * @param answers one per reading; null is one without a word.
 * @throws ShapeError when lengths differ or there is no reading. NumericError on weights that are no distribution.
 * @example voteAnswers(["Left lung.", "liver", "the left lung"], [0.3, 0.4, 0.3])   // "Left lung."
 */
export function voteAnswers(answers: readonly (string | null)[], weights: readonly number[]): string | null {
  assertWeights("voteAnswers", answers.length, weights);
  const votes = new Map<string, { weight: number; answer: string }>();
  answers.forEach((answer, k) => {
    const key = answerWords(answer ?? "").join(" ");
    const vote = votes.get(key) ?? { weight: 0, answer: answer ?? "" };
    votes.set(key, { ...vote, weight: vote.weight + weights[k]! });
  });
  if ((votes.get("")?.weight ?? 0) > 0.5 + 1e-9) return null;
  votes.delete("");
  const best = [...votes.values()].reduce((most, vote) => (vote.weight > most.weight + 1e-12 ? vote : most));
  return best.answer.trim();
}

/** Words of the reader's own, as open questions want them. No probabilities, so a system's `fusion` plays no part. */
export const words: Form<"words"> = {
  name: "words",
  truth: ({ answer }) => answer,
  parse: parseWords,
  judge: null,
  fuse: (readings, weights) => ({
    answer: voteAnswers(
      readings.map(({ answer }) => answer),
      weights,
    ),
  }),
  wording: (answer) => answerWords(answer).join(" ") || null,
  score: { closedAccuracy: (answer) => answer, tokenRecall: (answer) => answer },
};
