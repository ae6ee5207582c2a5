import { normaliseText } from "./label-wordings";

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
