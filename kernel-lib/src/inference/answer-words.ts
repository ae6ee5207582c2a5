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
