import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createTokenizer } from "../../../src/models/text/tokenizer";
import type { JsonObject } from "../../../src/models/weights/fields";

const folder = (name: string): string => join(__dirname, "../../../../data/checkpoints", name);
const json = (path: string): JsonObject => JSON.parse(readFileSync(path, "utf8"));
const clip = json(join(folder("clip"), "tokenizer.json"));
const bert = json(join(folder("jina-clip"), "tokenizer.json"));
const pixtral = json(join(folder("pixtral"), "tokenizer.json"));

const withBert = (change: object): JsonObject => ({
  ...bert,
  normalizer: { ...(bert["normalizer"] as object), ...change },
});

// what transformers 5.23 (and 4) make of these folders was looked up: the class goes before tokenizer.json
describe("a BertTokenizer", () => {
  const named = { tokenizer_class: "BertTokenizer" };

  test("says nothing of what it would take anyway", () => {
    expect(createTokenizer(bert, named).encode("Éa")).toEqual(createTokenizer(bert).encode("Éa"));
    const cased = withBert({ lowercase: false });
    expect(createTokenizer(cased, { ...named, do_lower_case: false }).encode("a")).toEqual(
      createTokenizer(cased).encode("a"),
    );
    expect(createTokenizer(cased, { tokenizer_class: "PreTrainedTokenizerFast" }).encode("a").length).toBeGreaterThan(
      0,
    );
  });

  test.each([
    [
      { lowercase: false },
      {},
      "do_lower_case of tokenizer_config.json must be false, as in the normalizer of tokenizer.json; a BertTokenizer takes true",
    ],
    [
      { strip_accents: false },
      {},
      "strip_accents of tokenizer_config.json must be false, as in the normalizer of tokenizer.json; a BertTokenizer takes null",
    ],
    [
      {},
      { strip_accents: false },
      "strip_accents of tokenizer_config.json must be null, as in the normalizer of tokenizer.json; a BertTokenizer takes false",
    ],
    [{ handle_chinese_chars: false }, {}, "tokenize_chinese_chars of tokenizer_config.json must be false"],
  ])("of other steps than tokenizer.json's is refused: %j %j", (change, config, message) => {
    expect(() => createTokenizer(withBert(change), { ...named, ...config })).toThrow(message);
  });
});

describe("tokenizer_config.json", () => {
  test("names tokens as texts or as objects", () => {
    const pad = { __type: "AddedToken", content: "<pad>", special: true };
    const { begin, end, pad: found } = createTokenizer(pixtral, { bos_token: "<s>", eos_token: null, pad_token: pad });
    expect([begin, end, found]).toEqual(["<s>", null, "<pad>"]);
  });

  test("may repeat what tokenizer.json says", () => {
    expect(createTokenizer(bert, { do_lower_case: true, tokenize_chinese_chars: true }).encode("a")).toEqual(
      createTokenizer(bert).encode("A"),
    );
    const [begin, end] = [createTokenizer(clip).encode("")[0]!, createTokenizer(clip).encode("")[1]!];
    const tokens = { bos_token: "<|startoftext|>", eos_token: "<|endoftext|>" };
    const tokenizer = createTokenizer(clip, { ...tokens, add_bos_token: true, add_eos_token: true });
    expect([tokenizer.idOf("<|startoftext|>"), tokenizer.idOf("<|endoftext|>")]).toEqual([begin, end]);
  });

  test.each([
    [
      bert,
      { do_lower_case: false },
      "do_lower_case of tokenizer_config.json must be true, as in the normalizer of tokenizer.json; got false",
    ],
    [
      clip,
      { add_bos_token: false, bos_token: "<|startoftext|>" },
      "add_bos_token of tokenizer_config.json must be true, as tokenizer.json adds <|startoftext|>; got false",
    ],
    [
      pixtral,
      { add_eos_token: true, eos_token: "</s>" },
      "add_eos_token of tokenizer_config.json must be false, as tokenizer.json adds </s>; got true",
    ],
    [clip, { split_special_tokens: true }, "split_special_tokens of tokenizer_config.json must be false; got true"],
    [clip, { pad_token: 3 }, "pad_token of tokenizer_config.json must be a token's text; got 3"],
    [clip, { added_tokens_decoder: [5] }, "added_tokens_decoder of tokenizer_config.json must be an object; got [5]"],
    [clip, { added_tokens_decoder: { 3: null } }, "added_tokens_decoder.3 of tokenizer_config.json must be an object"],
    [
      clip,
      { added_tokens_decoder: { 3: {} } },
      "added_tokens_decoder.3.content of tokenizer_config.json must be a text",
    ],
    [clip, { dropout: 0.1 }, "dropout of tokenizer_config.json must be left out"],
  ])("refuses %#: what would change the ids", (tokenizer, config, message) => {
    expect(() => createTokenizer(tokenizer, config)).toThrow(message);
  });
});
