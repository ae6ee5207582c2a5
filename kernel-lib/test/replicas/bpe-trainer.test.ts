import { describe, expect, it } from "vitest";
import { createTokenizer } from "../../src/models/text/tokenizer";
import { type BpeOptions, trainBpe } from "../../src/replicas/tokenizers";

const WORDS: [string, number][] = [
  ["a", 90],
  ["are", 12],
  ["circle", 20],
  ["circles", 20],
  ["spot", 9],
  ["crisp", 9],
  ["large", 30],
  ["larger", 3],
  ["é", 1],
  [",", 40],
  [".", 40],
  ["7", 5],
];
const SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const make = (options: Partial<BpeOptions> = {}) =>
  createTokenizer(trainBpe({ words: WORDS, specialTokens: SPECIAL, ...options }));

describe("trainBpe", () => {
  it("makes every listed word one token, with and without a leading space", () => {
    const tokenizer = make();
    for (const [word] of WORDS) {
      expect([word, tokenizer.encode(word).length]).toEqual([word, 1]);
      if (word !== "7") expect([word, tokenizer.encode(` ${word}`).length]).toEqual([word, 1]);
    }
  });

  it("falls back to shorter tokens for other words, and decodes any text as it was", () => {
    const tokenizer = make();
    for (const text of ["a larger circle, 77 spots.", "crispy circlé", "naïve 東京 🩻\n\n  tab\tend ", "don't DON'T"])
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(tokenizer.encode("zq").length).toBe(2);
  });

  it("gives special tokens the last ids and keeps them whole", () => {
    const tokenizer = make();
    const ids = SPECIAL.map((token) => tokenizer.idOf(token));
    expect(ids).toEqual([0, 1, 2].map((i) => tokenizer.vocabularySize - 3 + i));
    expect(tokenizer.encode("<|im_start|>a<|im_end|>")).toEqual([ids[1], tokenizer.idOf("a"), ids[2]]);
    expect(tokenizer.decode([ids[1]!, tokenizer.idOf("a")])).toBe("a");
    expect(tokenizer.decode([ids[1]!, tokenizer.idOf("a")], "keep")).toBe("<|im_start|>a");
  });

  it("puts the wrapping tokens around a text", () => {
    const tokenizer = make({ wrap: { begin: "<|im_start|>", end: "<|im_end|>" } });
    const ids = tokenizer.encode("a circle");
    expect(ids).toEqual(["<|im_start|>", "a", "Ġcircle", "<|im_end|>"].map((token) => tokenizer.idOf(token)));
  });

  it("does not depend on the order of the words", () => {
    const options = { specialTokens: SPECIAL };
    expect(JSON.stringify(trainBpe({ ...options, words: [...WORDS].reverse() }))).toBe(
      JSON.stringify(trainBpe({ ...options, words: WORDS })),
    );
  });

  it("refuses what cannot be one token", () => {
    expect(() => make({ words: [["two words", 1]] })).toThrow(
      'trainBpe: words must be single words, digits or runs of marks; got "two words", which is split into 2 pieces.',
    );
    expect(() => make({ words: [["12", 1]] })).toThrow("split into 2 pieces");
    expect(() => make({ words: [["", 1]] })).toThrow("split into 0 pieces");
    expect(() => make({ wrap: { begin: "<s>", end: "<|im_end|>" } })).toThrow("wrap must name special tokens; got <s>");
  });
});

describe("createTokenizer", () => {
  it("refuses a token it does not have and a file that is no tokenizer", () => {
    expect(() => make().idOf("<|image_pad|>")).toThrow("idOf: token must be in the vocabulary of");
    expect(() => createTokenizer({ model: { type: "BPE" } })).toThrow("json must be the content of a tokenizer.json");
  });

  it("decodes nothing to nothing", () => {
    expect(make().decode([])).toBe("");
  });
});
