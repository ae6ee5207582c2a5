import { assertFinite, assertInRange, assertSameLength } from "../base/check";
import { NumericError, ShapeError } from "../base/errors";
import { softmax } from "../base/softmax";
import type { Head, Retrieved } from "../base/types";
import { answerWords } from "./wording";

/** Options of fusionWeights. */
export interface FusionWeightOptions {
  /** Temperature of the softmax, in (0, 1000], no unit. Default 1. */
  readonly temperature?: number;
}

/** By what each head's scores are divided, so that the two heads' scores meet on one scale. */
function scales(retrieved: readonly Retrieved[]): Map<Head, number> {
  const best = new Map<Head, number>();
  for (const { head, score } of retrieved) best.set(head, Math.max(score, best.get(head) ?? Number.NEGATIVE_INFINITY));
  return new Map([...best].map(([head, score]) => [head, score === 0 ? 1 : Math.abs(score)]));
}

/**
 * The weight p_R(z_k | q) of each retrieved passage in the fused answer, [K], sums to 1, in the order given.
 *
 * Reference code: each head's scores are divided by that head's maximum, concatenated, and passed through a softmax.
 * Deviation: a head whose best score is negative is divided by its absolute value (by 1 when it is zero), which keeps
 * the order of its passages; dividing by the negative maximum would turn it around.
 *
 * @throws ShapeError when nothing was retrieved. NumericError on NaN or ±Infinity. ConfigError on the temperature.
 * @example fusionWeights([{ head: "image", score: 2, … }, { head: "text", score: 4, … }])   // [0.5, 0.5]
 */
export function fusionWeights(retrieved: readonly Retrieved[], options: FusionWeightOptions = {}): number[] {
  const { temperature = 1 } = options;
  assertInRange("fusionWeights: temperature", temperature, 1e-6, 1000);
  if (retrieved.length === 0) {
    throw new ShapeError("fusionWeights: retrieved must hold at least one passage; got 0. Retrieve before fusing.");
  }
  assertFinite(
    "fusionWeights: scores",
    retrieved.map(({ score }) => score),
  );
  const scaleOf = scales(retrieved);
  const scaled = retrieved.map(({ head, score }) => score / scaleOf.get(head)!);
  return Array.from(softmax(scaled, temperature));
}

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
  readonly answer: readonly number[] | null;
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
 * @example voteLabelSets([[0, 1], [0], [2]], [0.5, 0.3, 0.2], 3)   // { answer: [0], shares: [0.8, 0.5, 0.2] }
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
  return { answer: readable < 0.5 - 1e-9 ? null : labels, shares };
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

/** What fusion reads of a reading: the label it names (null: none), and what the reader thinks of each, [C]. */
export interface LabelVote {
  readonly answer: number | null;
  readonly logits: readonly number[];
  readonly probabilities: readonly number[];
}

/** The fused answer of several readings of one example. */
export interface FusedAnswer {
  /** Index of the label, or null when readings that name no label hold more than half of the weight. */
  readonly answer: number | null;
  /** [C], sums to 1. */
  readonly probabilities: readonly number[];
}

/** Weighted mean over K readings of one vector of each, K x [C] → [C]. */
export function weightedMean(
  where: string,
  readings: readonly LabelVote[],
  weights: readonly number[],
  field: "logits" | "probabilities",
): number[] {
  assertWeights(where, readings.length, weights);
  const numLabels = readings[0]![field].length;
  const mean = new Array<number>(numLabels).fill(0);
  readings.forEach((reading, k) => {
    assertSameLength(`${where}: ${field} of reading ${k}`, reading[field].length, numLabels);
    assertFinite(`${where}: ${field} of reading ${k}`, reading[field]);
    for (let c = 0; c < numLabels; c++) mean[c]! += weights[k]! * reading[field][c]!;
  });
  return mean;
}

/** The most probable label (of equals the lower index), or null when most of the weight names no label. */
export function fusedLabel(
  readings: readonly LabelVote[],
  weights: readonly number[],
  probabilities: readonly number[],
): number | null {
  const unparsed = weights.reduce((sum, weight, k) => (readings[k]!.answer === null ? sum + weight : sum), 0);
  return unparsed > 0.5 + 1e-9 ? null : probabilities.indexOf(Math.max(...probabilities));
}

/**
 * One answer from several readings, by averaging their PROBABILITIES: p(a | q) = Σ_k p(a | z_k ∘ q) p_R(z_k | q).
 *
 * Paper: arXiv 2508.17394v3, inference. The reference code averages logits instead: fuseLogits().
 * Shapes: K readings with probabilities [C], weights [K] → probabilities [C]. With K = 1 it is that reading's answer.
 *
 * @throws ShapeError when lengths differ or K = 0. NumericError on weights that are no distribution, NaN or ±Infinity.
 */
export function fuseProbabilities(readings: readonly LabelVote[], weights: readonly number[]): FusedAnswer {
  const probabilities = weightedMean("fuseProbabilities", readings, weights, "probabilities");
  return { answer: fusedLabel(readings, weights, probabilities), probabilities };
}

/**
 * One answer from several readings, by averaging their LOGITS and taking the softmax of the mean.
 *
 * Reference code: what its inference does, where the paper averages probabilities: fuseProbabilities().
 * Averaged logits can choose a label that no single reading preferred.
 * Shapes: K readings with logits [C], weights [K] → probabilities [C]. With K = 1 it is that reading's answer.
 *
 * @throws ShapeError when lengths differ or K = 0. NumericError on weights that are no distribution, NaN or ±Infinity.
 */
export function fuseLogits(readings: readonly LabelVote[], weights: readonly number[]): FusedAnswer {
  const probabilities = Array.from(softmax(weightedMean("fuseLogits", readings, weights, "logits")));
  return { answer: fusedLabel(readings, weights, probabilities), probabilities };
}
