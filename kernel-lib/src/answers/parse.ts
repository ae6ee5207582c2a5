import type { Label } from "../base/types";
import { labelWordings, normaliseText } from "./wording";

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

/** What a written answer to a multi-label question says: a set of labels (ascending, maybe empty), or nothing readable. */
export type ParsedLabelSet =
  | { readonly kind: "labels"; readonly indices: readonly number[] }
  | { readonly kind: "unparsed"; readonly text: string };

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
 * @throws ConfigError when there are no labels, or two of them share an answer or name.
 * @example parseLabelSet("3, 0", labels)   // { kind: "labels", indices: [0, 3] }
 */
export function parseLabelSet(text: string, labels: readonly Label[]): ParsedLabelSet {
  const { indexOf, pattern } = labelWordings("parseLabelSet", labels);
  const plain = normaliseText(text);
  const whole = new RegExp(`(?<![\\p{L}\\p{N}_]|[-−.])(?:${pattern})(?![-−]?[\\p{L}\\p{N}_]|\\.\\p{N})`, "gu");
  const named = new Set([...plain.matchAll(whole)].map(([wording]) => indexOf.get(wording)!));
  const rest = plain.replace(whole, " ").match(/[\p{L}\p{N}_?]+/gu) ?? [];
  if (named.size === 0) {
    const said = plain.replace(/[\p{P}\s]+$/u, "");
    return NOTHING.has(said) ? { kind: "labels", indices: [] } : { kind: "unparsed", text };
  }
  if (!rest.every((word) => FILLERS.has(word))) return { kind: "unparsed", text };
  return { kind: "labels", indices: [...named].sort((a, b) => a - b) };
}

/** What a written answer to a yes/no question says. */
export type ParsedYesNo =
  | { readonly kind: "answer"; readonly answer: "yes" | "no" }
  | { readonly kind: "unparsed"; readonly text: string };

/**
 * Finds the yes or no of a written answer: its first word ("No, it is not."), else the only one of the two in it ("The answer is yes").
 * Both, later in the text, or neither: unparsed. "Nothing", "normal" and "not" are no "no".
 *
 * @example parseYesNo("Yes.")   // { kind: "answer", answer: "yes" }
 */
export function parseYesNo(text: string): ParsedYesNo {
  const words = normaliseText(text).match(/[\p{L}\p{N}_]+/gu) ?? [];
  const said = words.flatMap((word): ("yes" | "no")[] => (word === "yes" || word === "no" ? [word] : []));
  const [first] = said;
  const clear = first !== undefined && (words[0] === first ? !contradicts(words, first) : new Set(said).size === 1);
  return clear ? { kind: "answer", answer: first } : { kind: "unparsed", text };
}

/** "yes no", "yes or no": the other word at once. */
function contradicts(words: readonly string[], first: "yes" | "no"): boolean {
  const second = words[1] === "or" || words[1] === "and" ? words[2] : words[1];
  return second === (first === "yes" ? "no" : "yes");
}
