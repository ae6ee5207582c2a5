import { ConfigError } from "../base/errors";
import type { Label } from "../base/types";

const ARTICLES: ReadonlySet<string> = new Set(["a", "an", "the"]);
const NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
const DIGITS: ReadonlyMap<string, string> = new Map(NUMBERS.map((word, number) => [word, String(number)]));

/**
 * The words of a free answer as they are compared: Unicode NFKC, lower case, runs of letters and digits. Everything else separates
 * words, but a point or comma inside a number ("1.5") stays, and a genitive loses its 's. The articles a, an, the are dropped unless nothing
 * else is there, and number words up to ten become digits.
 *
 * @example answerWords("The left lung, two nodules (1.5 cm).")   // ["left", "lung", "2", "nodules", "1.5", "cm"]
 */
export function answerWords(text: string): string[] {
  const plain = text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/['’]s\b/gu, "");
  const words = plain.match(/\p{N}+(?:[.,]\p{N}+)+|[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const told = words.filter((word) => !ARTICLES.has(word));
  return (told.length === 0 ? words : told).map((word) => DIGITS.get(word) ?? word);
}

/** What stands for each label of a task: its answer and its name. */
interface LabelWordings {
  /** Label by normalised wording; longer wordings first, so that they win over their parts. */
  readonly indexOf: ReadonlyMap<string, number>;
  /** Any wording, as one of several in an alternation, longest first. */
  readonly pattern: string;
}

const escapeForRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Unicode NFKC, lower case, runs of white space as one blank. */
export function normaliseText(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();
}

/** @throws ConfigError when there are no labels, or two of them share an answer or name. */
export function labelWordings(where: string, labels: readonly Label[]): LabelWordings {
  const found: [string, number][] = [];
  for (const { index, answer, name } of labels) {
    for (const wording of new Set([normaliseText(answer), normaliseText(name)])) found.push([wording, index]);
  }
  const indexOf = new Map(found.sort(([a], [b]) => b.length - a.length));
  if (labels.length === 0 || indexOf.size !== found.length || indexOf.has("")) {
    throw new ConfigError(
      `${where}: labels must have answers and names that are distinct and not empty; ` +
        `got ${JSON.stringify(labels.map(({ answer, name }) => [answer, name]))}. Check the task's labels.`,
      { labels },
    );
  }
  return { indexOf, pattern: [...indexOf.keys()].map(escapeForRegExp).join("|") };
}
