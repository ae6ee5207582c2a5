import { DataError } from "../base/errors";
import { softmax } from "../base/softmax";
import type { Label } from "../base/types";
import type { Form } from "./form";
import { FUSIONS } from "./fusion";
import { labelWordings, normaliseText } from "./wording";

/**
 * Finds the one label that a written answer names, by its answer ("1") or its name ("benign"), as whole words:
 * "12", "-1", "1.5" and "non-benign" name neither 1 nor benign. An answer that names no label, or two, is unparsed.
 *
 * Paper: the reference script counts an unparsed answer as class 0; here it is wrong.
 * @returns the label's index; null: unparsed.
 * @throws ConfigError when there are no labels, or two of them share an answer or name.
 * @example parseLabel("Answer: 1.", labels)   // 1
 */
export function parseLabel(text: string, labels: readonly Label[]): number | null {
  const { indexOf, pattern } = labelWordings("parseLabel", labels);
  const before = "(?<![\\p{L}\\p{N}_]|[-−]|\\p{N}[.,])";
  const after = "(?![-−]?[\\p{L}\\p{N}_]|[.,]\\p{N})";
  const whole = new RegExp(`${before}(?:${pattern})${after}`, "gu");
  const named = new Set([...normaliseText(text).matchAll(whole)].map(([wording]) => indexOf.get(wording)!));
  const [index] = named;
  return named.size === 1 ? index! : null;
}

/**
 * One of the task's labels. The reader both scores the labels and writes: the scores make the fused answer, the writing says
 * whether there is an answer at all.
 *
 * Paper: arXiv 2508.17394v3: the mean over a label's tokens of the logits, softmax over the labels.
 */
export const label: Form<"label"> = {
  name: "label",
  truth: ({ id, labels }) => {
    if (labels.length === 1) return labels[0]!;
    throw new DataError(`label: examples must have one label each; ${id} has ${labels.length}.`, { id });
  },
  parse: parseLabel,
  judge: (logits) => ({ logits: Array.from(logits), probabilities: Array.from(softmax(logits)) }),
  fuse: (readings, weights, { fusion }) => FUSIONS[fusion](readings, weights),
  wording: (answer, labels) => (labels === undefined ? String(answer) : labels[answer]!.name),
  score: { accuracy: (answer) => answer, macroF1: (answer) => answer },
};

/** The word that an answer is written with: what question answering compares. */
const inWords = (answer: number, labels: readonly Label[]): string => labels[answer]!.answer;

/**
 * Yes or no: one of two labels that are called so. It is read, fused and counted as any label is; beyond that its word can be judged
 * among the answers of question answering: by exact match where the question is closed, by token recall where its publisher calls it open.
 *
 * Paper: arXiv 2508.17394v3: of yes/no questions the label set is {yes, no}.
 */
export const yesNo: Form<"yesNo"> = {
  ...label,
  name: "yesNo",
  score: { ...label.score, closedAccuracy: inWords, tokenRecall: inWords },
};
