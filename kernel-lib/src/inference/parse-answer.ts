import type { Label } from "../base/types";
import { labelWordings, normaliseText } from "./label-wordings";

/** What a written answer says: a label of the task, or none of them (counted as wrong, never as some default class). */
export type ParsedAnswer =
  | { readonly kind: "label"; readonly index: number }
  | { readonly kind: "unparsed"; readonly text: string };

/**
 * Finds the one label that a written answer names, by its answer ("1") or its name ("benign"), as whole words:
 * "12", "-1", "1.5" and "non-benign" name neither 1 nor benign. An answer that names no label, or two, is unparsed.
 *
 * Paper: the reference script counts an unparsed answer as class 0; here it is wrong.
 * @throws ConfigError when there are no labels, or two of them share an answer or name.
 * @example parseAnswer("Answer: 1.", labels)   // { kind: "label", index: 1 }
 */
export function parseAnswer(text: string, labels: readonly Label[]): ParsedAnswer {
  const { indexOf, pattern } = labelWordings("parseAnswer", labels);
  const before = "(?<![\\p{L}\\p{N}_]|[-−]|\\p{N}[.,])";
  const after = "(?![-−]?[\\p{L}\\p{N}_]|[.,]\\p{N})";
  const whole = new RegExp(`${before}(?:${pattern})${after}`, "gu");
  const named = new Set([...normaliseText(text).matchAll(whole)].map(([wording]) => indexOf.get(wording)!));
  const [index] = named;
  return named.size === 1 ? { kind: "label", index: index! } : { kind: "unparsed", text };
}
