import { ConfigError } from "../base/errors";
import type { Label } from "../base/types";

/** What a written answer says: a label of the task, or none of them (counted as wrong, never as some default class). */
export type ParsedAnswer =
  | { readonly kind: "label"; readonly index: number }
  | { readonly kind: "unparsed"; readonly text: string };

const escapeForRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Lower case, runs of white space as one blank. */
const normalise = (text: string) => text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();

/** Everything that stands for a label: its answer and its name. Longer ones first, so that they win over their parts. */
function wordings(labels: readonly Label[]): Map<string, number> {
  const found: [string, number][] = [];
  for (const { index, answer, name } of labels) {
    for (const wording of new Set([normalise(answer), normalise(name)])) found.push([wording, index]);
  }
  const map = new Map(found.sort(([a], [b]) => b.length - a.length));
  if (labels.length > 0 && map.size === found.length && !map.has("")) return map;
  throw new ConfigError(
    "parseAnswer: labels must have answers and names that are distinct and not empty; " +
      `got ${JSON.stringify(labels.map(({ answer, name }) => [answer, name]))}. Check the task's labels.`,
    { labels },
  );
}

/**
 * Finds the one label that a written answer names, by its answer ("1") or its name ("benign"), as whole words:
 * "12", "-1", "1.5" and "non-benign" name neither 1 nor benign. An answer that names no label, or two, is unparsed.
 *
 * Paper: the reference script counts an unparsed answer as class 0; here it is wrong.
 * @throws ConfigError when there are no labels, or two of them share an answer or name.
 * @example parseAnswer("Answer: 1.", labels)   // { kind: "label", index: 1 }
 */
export function parseAnswer(text: string, labels: readonly Label[]): ParsedAnswer {
  const indexOf = wordings(labels);
  const alternatives = [...indexOf.keys()].map(escapeForRegExp).join("|");
  const before = "(?<![\\p{L}\\p{N}_]|[-−]|\\p{N}[.,])";
  const after = "(?![-−]?[\\p{L}\\p{N}_]|[.,]\\p{N})";
  const whole = new RegExp(`${before}(?:${alternatives})${after}`, "gu");
  const named = new Set([...normalise(text).matchAll(whole)].map(([wording]) => indexOf.get(wording)!));
  const [index] = named;
  return named.size === 1 ? { kind: "label", index: index! } : { kind: "unparsed", text };
}
