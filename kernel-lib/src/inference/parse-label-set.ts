import type { Label } from "../base/types";
import { labelWordings, normaliseText } from "./label-wordings";

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
