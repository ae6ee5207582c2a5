import { assertFinite, assertSameLength } from "../base/check";
import { NumericError, ShapeError } from "../base/errors";
import { answerWords } from "./answer-words";

/** Throws unless there is one weight ≥ 0 per vote, summing to 1. */
export function assertWeights(where: string, numVotes: number, weights: readonly number[]): void {
  if (numVotes === 0) throw new ShapeError(`${where}: readings must hold at least one; got 0.`);
  assertSameLength(`${where}: weights`, weights.length, numVotes);
  assertFinite(`${where}: weights`, weights);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (weights.every((weight) => weight >= 0) && Math.abs(sum - 1) < 1e-6) return;
  throw new NumericError(
    `${where}: weights must be at least 0 and sum to 1; got [${weights.join(", ")}]. Pass what fusionWeights() returned.`,
    { weights, sum },
  );
}

/** A label set that several readings agree on. */
export interface LabelSetVote {
  /** Labels with more than half of the weight of the readable readings, ascending; null when most of the weight is unreadable. */
  readonly labels: readonly number[] | null;
  /** Share of the readable weight that names each label, [C]. */
  readonly shares: readonly number[];
}

/**
 * One label set from several readings: each label is decided on its own, by more than half of the weight.
 *
 * Paper: arXiv 2508.17394v3 fuses p(a | z_k ∘ q) with p_R(z_k | q); for sets, a's probability under a reading is 1 for the set it
 * writes. Deciding label by label instead of among whole sets lets a set win that no reading wrote.
 *
 * @param sets one per reading; null is unparsed.
 * @param numLabels C.
 * @throws ShapeError when lengths differ or there is no reading. NumericError on weights that are no distribution.
 * @example voteLabelSets([[0, 1], [0], [2]], [0.5, 0.3, 0.2], 3)   // { labels: [0], shares: [0.8, 0.5, 0.2] }
 */
export function voteLabelSets(
  sets: readonly (readonly number[] | null)[],
  weights: readonly number[],
  numLabels: number,
): LabelSetVote {
  assertWeights("voteLabelSets", sets.length, weights);
  const readable = sets.reduce((sum, set, k) => (set === null ? sum : sum + weights[k]!), 0);
  const shares = new Array<number>(numLabels).fill(0);
  sets.forEach((set, k) => {
    for (const label of new Set(set ?? [])) shares[label]! += weights[k]! / Math.max(readable, Number.MIN_VALUE);
  });
  const labels = shares.flatMap((share, label) => (share > 0.5 + 1e-9 ? [label] : []));
  return { labels: readable < 0.5 - 1e-9 ? null : labels, shares };
}

/**
 * One free answer from several readings: the wording with the most weight, wordings compared by `answerWords`; of equals the earlier.
 * Null when readings without a word hold more than half of the weight.
 *
 * @throws ShapeError when lengths differ or there is no reading. NumericError on weights that are no distribution.
 * @example voteAnswers(["Left lung.", "liver", "the left lung"], [0.3, 0.4, 0.3])   // "Left lung."
 */
export function voteAnswers(answers: readonly string[], weights: readonly number[]): string | null {
  assertWeights("voteAnswers", answers.length, weights);
  const votes = new Map<string, { weight: number; answer: string }>();
  answers.forEach((answer, k) => {
    const key = answerWords(answer).join(" ");
    const vote = votes.get(key) ?? { weight: 0, answer };
    votes.set(key, { ...vote, weight: vote.weight + weights[k]! });
  });
  if ((votes.get("")?.weight ?? 0) > 0.5 + 1e-9) return null;
  votes.delete("");
  const best = [...votes.values()].reduce((most, vote) => (vote.weight > most.weight + 1e-12 ? vote : most));
  return best.answer.trim();
}
