import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { loadQwen2Vl, type Qwen2Vl, saveQwen2Vl } from "../../../src/models/qwen2-vl/weights";
import { withFolderTokens } from "../../../src/models/text/generation-config";
import type { TextTokenizer } from "../../../src/models/text/tokenizer";
import { generate } from "../../../src/models/vision-language/generate";
import { collatePrompts, tokenizePrompt } from "../../../src/models/vision-language/prompt-batch";
import { ask, noiseImage, tinyModel } from "../qwen2-vl/tiny";

type Json = Record<string, unknown>;

const TEXT = { vocabSize: 10, padTokenId: 2, endTokenId: 3 };
const tokenizer = (pad: string | null): TextTokenizer =>
  ({ ...tiny.tokenizer, pad, idOf: (token: string) => Number(token) }) as TextTokenizer;

let folder = "";
let tiny: Qwen2Vl;
beforeAll(async () => {
  await openBackend();
  tiny = tinyModel();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tokens-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("which tokens fill up and end", () => {
  test("pad: the tokenizer's, else generation_config.json's, else config.json's", () => {
    const pad = (own: string | null, generation: Json | null) =>
      withFolderTokens(TEXT, tokenizer(own), generation).padTokenId;
    expect(pad("7", { pad_token_id: 5 })).toBe(7);
    expect(pad(null, { pad_token_id: 5 })).toBe(5);
    expect(pad(null, {})).toBe(2);
    expect(pad(null, null)).toBe(2);
  });

  test("end: all of config.json and generation_config.json; the first of config.json is learned", () => {
    const ends = (text: object, generation: Json | null) =>
      withFolderTokens({ ...TEXT, ...text }, tokenizer(null), generation);
    expect(ends({}, { eos_token_id: [3, 1] })).toEqual({ ...TEXT, otherEndTokenIds: [1] });
    expect(ends({}, { eos_token_id: [1, 3] })).toEqual({ ...TEXT, otherEndTokenIds: [1] });
    expect(ends({ otherEndTokenIds: [4] }, { eos_token_id: 5 })).toEqual({ ...TEXT, otherEndTokenIds: [4, 5] });
    expect(ends({}, { eos_token_id: 3 })).toEqual(TEXT);
  });

  test.each([
    [{ eos_token_id: [3, 99] }, "end and pad tokens must be below vocab_size = 10; got 99"],
    [{ eos_token_id: "x" }, 'eos_token_id of generation_config.json must be a whole number, or several; got "x"'],
    [{ eos_token_id: [] }, "eos_token_id of generation_config.json must be a whole number, or several; got []"],
    [{ repetition_penalty: 1.05 }, "repetition_penalty of generation_config.json must be 1; got 1.05"],
    [{ num_beams: 4 }, "num_beams of generation_config.json must be 1; got 4"],
    [{ min_new_tokens: 3 }, "min_new_tokens of generation_config.json must be 0; got 3"],
    [{ suppress_tokens: [1] }, "suppress_tokens of generation_config.json must be left out"],
    [{ forced_eos_token_id: 1 }, "forced_eos_token_id of generation_config.json must be left out"],
  ])("refuse %j by name", (generation, message) => {
    expect(() => withFolderTokens(TEXT, tokenizer(null), generation)).toThrow(message);
  });
});

/** A saved folder, its files changed. */
function load(change: { config?: (json: Json) => void; tokenizer?: (json: Json) => void; generation?: Json }): Qwen2Vl {
  saveQwen2Vl(tiny, folder);
  const edit = (file: string, by: ((json: Json) => void) | undefined): void => {
    const json = JSON.parse(readFileSync(join(folder, file), "utf8"));
    by?.(json);
    writeFileSync(join(folder, file), JSON.stringify(json));
  };
  edit("config.json", change.config);
  edit("tokenizer_config.json", change.tokenizer);
  if (change.generation !== undefined)
    writeFileSync(join(folder, "generation_config.json"), JSON.stringify(change.generation));
  return loadQwen2Vl(folder);
}

describe("a folder", () => {
  const id = (token: string): number => tiny.tokenizer.idOf(token);
  const textOf = (json: Json): Json => json["text_config"] as Json;

  test("without pad_token_id takes the tokenizer's pad token, not number 0, and keeps it when saved", () => {
    const model = load({ config: (json) => delete textOf(json)["pad_token_id"] });
    expect(model.config.text.padTokenId).toBe(id("<|endoftext|>"));
    saveQwen2Vl(model, join(folder, "again"));
    const saved = JSON.parse(readFileSync(join(folder, "again/tokenizer_config.json"), "utf8"));
    expect(saved.pad_token).toBe("<|endoftext|>");
    model.dispose();
  });

  test("without any pad token fills up with its end token", () => {
    const model = load({
      config: (json) => delete textOf(json)["pad_token_id"],
      tokenizer: (json) => delete json["pad_token"],
    });
    expect(model.config.text.padTokenId).toBe(model.config.text.endTokenId);
    model.dispose();
  });

  test("with several end tokens keeps them when saved, and any of them ends an answer", async () => {
    const spiky = id("spiky");
    const model = load({ generation: { eos_token_id: [id("<|im_end|>"), spiky] } });
    expect(model.config.text.otherEndTokenIds).toEqual([spiky]);
    const again = join(folder, "again");
    saveQwen2Vl(model, again);
    cpSync(join(folder, "tokenizer.json"), join(again, "tokenizer.json"));
    const reloaded = loadQwen2Vl(again);
    expect(reloaded.config).toEqual(model.config);
    const batch = collatePrompts(reloaded, [tokenizePrompt(reloaded, ask(noiseImage(1), noiseImage(2), "tall"))]);
    const [free] = await generate(reloaded, batch, { maxNewTokens: 1 });
    const favourite = free!.ids[0]!; // what it writes first ends its answer when it is an end token
    const other = {
      ...reloaded,
      config: { ...reloaded.config, text: { ...reloaded.config.text, otherEndTokenIds: [favourite] } },
    };
    const [ended] = await generate(other, batch, { maxNewTokens: 4 });
    expect(ended).toMatchObject({ ids: [], ended: "endToken" });
    model.dispose();
    reloaded.dispose();
  });
});
