/** Words that carry no meaning of their own in an answer. */
const EMPTY = new Set([
  "a",
  "an",
  "the",
  "of",
  "in",
  "on",
  "at",
  "to",
  "and",
  "or",
  "with",
  "is",
  "are",
  "this",
  "that",
]);

/** The meaningful words of a text, in lower case. */
export function keyWords(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.filter((word) => !EMPTY.has(word));
}

/** Whether one answer says what the other says, or part of it: "lung" and "left lung". Such a pair makes no clear no. */
export function overlaps(a: string, b: string): boolean {
  const [first, second] = [new Set(keyWords(a)), new Set(keyWords(b))];
  const within = (inner: Set<string>, outer: Set<string>) => [...inner].every((word) => outer.has(word));
  return within(first, second) || within(second, first);
}
