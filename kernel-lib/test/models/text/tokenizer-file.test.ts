import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createTokenizer } from "../../../src/models/text/tokenizer";
import type { JsonObject } from "../../../src/models/weights/fields";

const json = (name: string): JsonObject =>
  JSON.parse(readFileSync(join(__dirname, "../../../../data/checkpoints", name, "tokenizer.json"), "utf8"));
const [clip, qwen] = [json("clip"), json("qwen2-vl")];
const FLAGS = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };

interface File extends JsonObject {
  readonly model: JsonObject & { readonly vocab: Readonly<Record<string, number>> };
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
}
const { model, added_tokens: added } = qwen as unknown as File;
const size = Object.keys(model.vocab).length + added.length;
const withToken = (token: object): JsonObject => ({
  ...qwen,
  added_tokens: [...added, { ...FLAGS, id: size, content: "<x>", ...token }],
});
const parts = (...pretokenizers: object[]): object => ({ type: "Sequence", pretokenizers });
const unigram = {
  model: {
    type: "Unigram",
    vocab: [
      ["<unk>", 0],
      ["a", -1],
    ],
    unk_id: 0,
  },
};
const spaced = { type: "Unigram", vocab: [["\u2581\u2581a", -1]] };
const split = (rest: object): JsonObject => ({
  ...qwen,
  pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "Split", pattern: { String: " " }, ...rest }] },
});

// what transformers 5.23 and tokenizers 0.23.3 give for these files was looked up; each would have other ids here
describe("tokenizer.json: what would give other ids than the tokenizers library is refused by name", () => {
  test.each([
    [withToken({ single_word: true }), '"<x>", of tokenizer.json must be found within words too'],
    [withToken({ id: size + 40 }), `"<x>", of tokenizer.json must be of id ${size}, as the tokenizers library numbers`],
    [withToken({ content: "th" }), `"th", of tokenizer.json must be of id ${model.vocab["th"]}, as`],
    [{ ...qwen, model: { ...model, dropout: 0.5 } }, "model.dropout of tokenizer.json must be left out or null or 0"],
    [{ ...qwen, model: { ...model, continuing_subword_prefix: "##" } }, "model.continuing_subword_prefix"],
    [{ ...qwen, model: { type: "WordLevel", vocab: { a: 0 }, unk_token: "a" } }, "others are not supported"],
    [{ ...qwen, model: { vocab: { a: 0 }, unk_token: "a" } }, "others are not supported"],
    [{ ...qwen, model: { type: "Unigram", vocab: [["a", 0]], unk_id: 0, byte_fallback: true } }, "model.byte_fallback"],
    [{ ...qwen, added_tokens: { 0: {} } }, "added_tokens of tokenizer.json must be a list of tokens; got"],
    [{ ...qwen, added_tokens: [null] }, "added_tokens of tokenizer.json must be a list of tokens; got [null]"],
    [{ ...qwen, normalizer: "NFC" }, "normalizer of tokenizer.json must be one of BertNormalizer, Lowercase"],
    [{ ...qwen, normalizer: { type: "Nmt" } }, "normalizer of tokenizer.json must be one of BertNormalizer, Lowercase"],
    [{ ...qwen, pre_tokenizer: { type: "UnicodeScripts" } }, "others are not supported"],
    [{ ...qwen, pre_tokenizer: { type: "Punctuation", behavior: "Isolated" } }, "others are not supported"],
    [{ ...qwen, pre_tokenizer: { type: "Metaspace", prepend_scheme: "never" } }, 'must be left out or "always" or'],
    [
      { ...qwen, pre_tokenizer: { type: "Metaspace", add_prefix_space: false } },
      "must be left out or true in a Metaspace",
    ],
    [
      { ...qwen, pre_tokenizer: parts({ type: "WhitespaceSplit" }, { type: "Metaspace", prepend_scheme: "first" }) },
      'one that begins with the Metaspace whose prepend_scheme is "first"',
    ],
    [
      { ...qwen, normalizer: { type: "Strip" }, pre_tokenizer: { type: "Metaspace", prepend_scheme: "first" } },
      'normalizer of tokenizer.json must be NFC, NFD, NFKC, NFKD, Lowercase or none where prepend_scheme is "first"',
    ],
    [
      {
        ...qwen,
        normalizer: { type: "Sequence", normalizers: [{ type: "Strip" }, { type: "Prepend", prepend: " " }] },
      },
      "normalizer of tokenizer.json must be one that prepends before other changes",
    ],
    [
      { ...withToken({ content: "<X>", normalized: true }), normalizer: { type: "Lowercase" } },
      '"<X>", of tokenizer.json must be left alone by the normalizer, or of normalized false, to be supported; got "<x>"',
    ],
    [withToken({ content: "éé" }), 'decoder of tokenizer.json must be no ByteLevel where a token is "éé"'],
    [
      {
        model: { type: "BPE", vocab: { a: 0 }, merges: [], fuse_unk: true, unk_token: "a", byte_fallback: true },
        pre_tokenizer: { type: "WhitespaceSplit" },
      },
      "where unknown characters become one token",
    ],
    [
      {
        model: {
          type: "BPE",
          vocab: { a: 0, "\u2581": 1 },
          merges: [],
          fuse_unk: true,
          unk_token: "a",
          end_of_word_suffix: "</w>",
        },
        pre_tokenizer: { type: "Metaspace" },
      },
      "where unknown characters become one token",
    ],
    [{ ...unigram, pre_tokenizer: { type: "WhitespaceSplit" } }, "where unknown characters become one token"],
    [
      { model: spaced, decoder: { type: "Metaspace" } },
      "decoder of tokenizer.json must be no Metaspace where a token is",
    ],
    [
      { ...unigram, pre_tokenizer: { type: "Metaspace" } },
      "end with a Metaspace whose replacement is in the vocabulary",
    ],
    [
      { ...qwen, model: { ...model, fuse_unk: true, unk_token: "th" }, pre_tokenizer: { type: "BertPreTokenizer" } },
      "where unknown characters become one token",
    ],
    [split({ behavior: "MergedWithNext", invert: false }), 'must be "Isolated" or "Removed" in a Split'],
    [
      split({ behavior: "Isolated", invert: true }),
      "pre_tokenizer.invert of tokenizer.json must be false with Isolated",
    ],
    [split({ behavior: "Removed", invert: false }), "pre_tokenizer.invert of tokenizer.json must be true with Removed"],
    [
      { ...qwen, post_processor: { type: "BertProcessing", cls: ["<|im_start|>", 3], sep: ["<|im_end|>", 4] } },
      '"<|im_end|>" by its one id',
    ],
    [
      {
        ...qwen,
        post_processor: { type: "TemplateProcessing", single: [], special_tokens: { b: { ids: [3, 4] } } },
      },
      '"b" by its one id',
    ],
  ])("row %#", (file, message) => {
    const make = (): unknown => createTokenizer(file as JsonObject);
    expect(make).toThrow(message);
    expect(make).toThrow("The file may be sound");
  });

  test("steps that a file leaves out are none, and the model of an older file has the type that its parts say", () => {
    const { decoder: _, post_processor: __, ...rest } = qwen as Record<string, unknown>;
    const { type: ___, ...untyped } = model as Record<string, unknown>;
    expect(createTokenizer({ ...rest, model: untyped }).encode("the lung")).toEqual(
      createTokenizer(qwen).encode("the lung"),
    );
  });
});

interface SpacesReference {
  readonly tokenizer: JsonObject;
  readonly texts: readonly string[];
  readonly forms: readonly { readonly name: string; readonly ids: readonly number[][]; readonly decoded: string[] }[];
}

describe("spaces that are marked, in every form that files have had, become what the tokenizers library makes of them", () => {
  const file = join(__dirname, "../../reference/tokenizers/metaspace.json");
  const { tokenizer: whole, texts, forms } = JSON.parse(readFileSync(file, "utf8")) as SpacesReference;
  test.each(forms)("$name", ({ name: _, ids, decoded, ...steps }) => {
    const tokenizer = createTokenizer({ ...whole, ...steps });
    expect(texts.map((text) => tokenizer.encode(text))).toEqual(ids);
    expect(ids.map((each) => tokenizer.decode(each))).toEqual(decoded);
  });
});

interface StepsReference {
  readonly tokenizers: Readonly<Record<string, JsonObject>>;
  readonly texts: readonly string[];
  readonly forms: readonly {
    readonly name: string;
    readonly base: string;
    steps: JsonObject;
    readonly ids: number[][];
  }[];
}

describe("rare white space, a last sigma and rare Chinese signs become what the tokenizers library makes of them", () => {
  const file = join(__dirname, "../../reference/tokenizers/steps.json");
  const { tokenizers, texts, forms } = JSON.parse(readFileSync(file, "utf8")) as StepsReference;
  test.each(forms)("$name", ({ base, steps, ids }) => {
    const tokenizer = createTokenizer({ ...tokenizers[base], ...steps });
    expect(texts.map((text) => tokenizer.encode(text))).toEqual(ids);
  });
});

describe("tokenizer_config.json: tokens that it calls special", () => {
  const PAD = { strategy: "BatchLongest", pad_id: 0, pad_token: "!" };

  test("are found before anything else, and left out of what is read", () => {
    const plain = createTokenizer(clip).encode("the other", "bare");
    const named = createTokenizer(clip, { additional_special_tokens: ["the"] });
    const [the, ...rest] = named.encode("the other", "bare");
    expect(the).toBe(named.idOf("the"));
    expect([the, ...rest]).not.toEqual(plain);
    expect(rest).toContain(the); // in "other" too
    expect(named.decode([the!])).toBe("");
  });

  test("the token that fills up is tokenizer.json's own, where tokenizer_config.json says nothing of one", () => {
    expect(createTokenizer({ ...clip, padding: PAD }).pad).toBe("!");
    expect(createTokenizer({ ...clip, padding: PAD }, { pad_token: null }).pad).toBeNull();
    expect(createTokenizer({ ...clip, padding: PAD }, { pad_token: "<|endoftext|>" }).pad).toBe("<|endoftext|>");
  });

  test.each([
    [{ pad_token: "<new>" }, 'pad_token of tokenizer_config.json must be a token of tokenizer.json; got "<new>"'],
    [{ extra_special_tokens: { image_token: "<new>" } }, "extra_special_tokens of tokenizer_config.json must be"],
    [{ added_tokens_decoder: { 9: { content: "<new>" } } }, "added_tokens_decoder of tokenizer_config.json must be"],
    [
      { added_tokens_decoder: { [added[0]!.id]: { ...FLAGS, content: added[0]!.content, lstrip: true } } },
      `as in added_tokens of tokenizer.json (lstrip of ${added[0]!.content})`,
    ],
  ])("row %#: one that tokenizer.json does not have, or has otherwise, is refused", (config, message) => {
    expect(() => createTokenizer(qwen, config)).toThrow(message);
  });
});
