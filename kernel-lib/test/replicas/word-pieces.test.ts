import { describe, expect, test } from "vitest";
import { createTokenizer } from "../../src/models/text/tokenizer";
import { buildWordPieces } from "../../src/replicas/tokenizers";

const WORDS = ["circle", "a", "Breast", "background:", "12", "x-ray"];
const tokenizer = createTokenizer(buildWordPieces(WORDS));
const around = (ids: readonly number[]) => [2, ...ids, 3];

describe("buildWordPieces", () => {
  test("makes every listed word one token, cut at marks and without capitals", () => {
    expect(tokenizer.encode("circle")).toEqual(around([5]));
    expect(tokenizer.encode("BREAST a")).toEqual(around([7, 6]));
    expect(tokenizer.encode("background:", "bare")).toHaveLength(2);
    expect(tokenizer.encode("x-ray", "bare")).toHaveLength(3);
    expect(tokenizer.encode("12", "bare")).toHaveLength(1);
  });

  test("spells other words in the longest listed pieces, and knows no other letters", () => {
    expect(tokenizer.decode(tokenizer.encode("circles of 77 (zq)"))).toBe("circles of 77 ( zq )");
    expect(tokenizer.encode("circles", "bare")).toHaveLength(2);
    expect(tokenizer.encode("é", "bare")).toEqual(tokenizer.encode("e", "bare"));
    expect(tokenizer.encode("東", "bare")).toEqual([1]);
    expect(tokenizer.encode("[MASK]", "bare")).toEqual([4]);
  });

  test("gives the same file for the same words, and refuses what is no word", () => {
    expect(buildWordPieces(WORDS)).toEqual(buildWordPieces(WORDS));
    for (const word of ["", "a".repeat(101)])
      expect(() => buildWordPieces([word])).toThrow("buildWordPieces: words must have 1 to 100 letters");
  });
});
