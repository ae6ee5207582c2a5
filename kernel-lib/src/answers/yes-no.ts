import type { Label } from "../base/types";
import type { Form } from "./form";
import { label } from "./label";

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
