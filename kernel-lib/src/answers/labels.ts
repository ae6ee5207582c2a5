import type { Label } from "../base/types";
import type { Form, Fused } from "./form";
import { assertWeights } from "./fusion";
import { labelWordings, normaliseText } from "./wording";

/** Words that may stand beside the labels; any other one ("no", "17", "maybe") makes the answer unreadable. */
const FILLERS = new Set(
  "answer answers class classes label labels finding findings are is and the it shows".split(" "),
);
const NOTHING = new Set(["none", "none of them", "no label", "nothing"]);

/**
 * Finds the labels a written answer lists, by answers ("0, 3") or names, in any order and separated by whatever separates words.
 * Everything else in it must be filler: "0, 17" where there is no class 17, "not 3" and "3?no" are unparsed, not {0} or {3}.
 * "none" is the empty set, unless a label is called so; an empty text is unparsed.
 *
 * Paper: arXiv 2508.17394v3: multi-label answers are comma-separated lists of class numbers.
 * @returns the labels' indices, ascending; null: unparsed.
 * @throws ConfigError when there are no labels, or two of them share an answer or name.
 * @example parseLabelSet("3, 0", labels)   // [0, 3]
 */
export function parseLabelSet(text: string, labels: readonly Label[]): readonly number[] | null {
  const { indexOf, pattern } = labelWordings("parseLabelSet", labels);
  const plain = normaliseText(text);
  const whole = new RegExp(`(?<![\\p{L}\\p{N}_]|[-−.])(?:${pattern})(?![-−]?[\\p{L}\\p{N}_]|\\.\\p{N})`, "gu");
  const named = new Set([...plain.matchAll(whole)].map(([wording]) => indexOf.get(wording)!));
  if (named.size === 0) return NOTHING.has(plain.replace(/[\p{P}\s]+$/u, "")) ? [] : null;
  const rest = plain.replace(whole, " ").match(/[\p{L}\p{N}_?]+/gu) ?? [];
  return rest.every((word) => FILLERS.has(word)) ? [...named].sort((a, b) => a - b) : null;
}

/**
 * One label set from several readings: each label is decided on its own, by more than half of the weight of the readable readings.
 * Null when readings that cannot be read hold more than half of the weight.
 *
 * Paper: arXiv 2508.17394v3 fuses p(a | z_k ∘ q) with p_R(z_k | q); for sets, a's probability under a reading is 1 for the set it
 * writes. Deviation: the paper does not say how lists are fused. Deciding label by label instead of among whole sets lets a set win that no
 * reading wrote.
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
): Fused<"labels"> {
  assertWeights("voteLabelSets", sets.length, weights);
  const readable = sets.reduce((sum, set, k) => (set === null ? sum : sum + weights[k]!), 0);
  const shares = new Array<number>(numLabels).fill(0);
  sets.forEach((set, k) => {
    for (const label of new Set(set ?? [])) shares[label]! += weights[k]! / Math.max(readable, Number.MIN_VALUE);
  });
  const answer = shares.flatMap((share, label) => (share > 0.5 + 1e-9 ? [label] : []));
  return { answer: readable < 0.5 - 1e-9 ? null : answer, shares };
}

/** Any number of the task's labels. The reader writes a list; a written list has no probabilities, so a system's `fusion` plays no part. */
export const labels: Form<"labels"> = {
  name: "labels",
  truth: (example) => example.labels,
  parse: parseLabelSet,
  judge: null,
  fuse: (readings, weights, { labels: known }) =>
    voteLabelSets(
      readings.map(({ answer }) => answer),
      weights,
      known.length,
    ),
  wording: (answer, known) => {
    const ascending = [...answer].sort((a, b) => a - b);
    return known === undefined
      ? `{${ascending.join(", ")}}`
      : ascending.map((index) => known[index]!.name).join("; ") || "none";
  },
  score: { exactMatch: (answer) => answer, macroF1: (answer) => answer },
};
