import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { readSafetensors, writeSafetensors } from "../../../src/compute/safetensors";
import type { Qwen2VlConfig } from "../../../src/models/qwen2-vl/config";
import { parseQwen2VlConfig, qwen2VlConfigJson } from "../../../src/models/qwen2-vl/config";
import { multimodalPositionIds } from "../../../src/models/qwen2-vl/model";
import { createQwen2Vl, loadQwen2Vl, saveQwen2Vl } from "../../../src/models/qwen2-vl/weights";
import { tinyModel } from "./tiny";

let folder: string;

beforeAll(async () => {
  await openBackend();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "qwen2-vl-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe("saveQwen2Vl and loadQwen2Vl", () => {
  test("give back the same reader, under the names transformers writes", () => {
    const model = tinyModel(3);
    saveQwen2Vl(model, folder);
    const names = [...readSafetensors(join(folder, "model.safetensors")).tensors.keys()];
    expect(names).toContain("model.layers.1.self_attn.q_proj.bias");
    expect(names).toContain("visual.patch_embed.proj.weight");
    const loaded = loadQwen2Vl(folder);
    expect(loaded.config).toEqual(model.config);
    expect(loaded.imageConfig).toEqual(model.imageConfig);
    expect(loaded.chatTemplate).toBe(model.chatTemplate);
    expect(loaded.parameters.export()).toEqual(model.parameters.export());
    expect(loaded.tokenizer.encode("spiky <|image_pad|>")).toEqual(model.tokenizer.encode("spiky <|image_pad|>"));
    model.dispose();
    loaded.dispose();
  });

  test("a head that the file holds twice is shared; one of other values is a head of its own, whatever the configuration says", () => {
    const model = tinyModel(3);
    const embedding = model.parameters.export().get("model.language_model.embed_tokens.weight")!;
    const withHead = (data: Float32Array) => {
      saveQwen2Vl(model, folder);
      const file = join(folder, "model.safetensors");
      const { tensors } = readSafetensors(file);
      writeSafetensors(file, [...tensors, ["lm_head.weight", { dtype: "F32", shape: embedding.shape, data }]]);
      return loadQwen2Vl(folder);
    };
    const same = withHead(Float32Array.from(embedding.data));
    expect(same.config.tieWordEmbeddings).toBe(true);
    expect(same.parameters.export()).toEqual(model.parameters.export());
    const own = withHead(Float32Array.from(embedding.data, (value, i) => (i === 5 ? value + 1 : value)));
    expect(own.config.tieWordEmbeddings).toBe(false);
    expect(own.parameters.export().get("lm_head.weight")!.data[5]).toBe(Math.fround(embedding.data[5]! + 1));
    saveQwen2Vl(own, folder);
    expect(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).tie_word_embeddings).toBe(false);
    for (const each of [model, same, own]) each.dispose();
  });

  test("weights saved without an output head have shorter names, which transformers reads too", () => {
    const model = tinyModel(3);
    saveQwen2Vl(model, folder);
    const file = join(folder, "model.safetensors");
    const shorter = (name: string): string => name.replace(/^model\./, "language_model.");
    const tensors = [...readSafetensors(file).tensors].map(([name, tensor]) => [shorter(name), tensor] as const);
    expect(tensors.map(([name]) => name)).toContain("language_model.layers.1.self_attn.q_proj.bias");
    writeSafetensors(file, tensors);
    const loaded = loadQwen2Vl(folder);
    expect(loaded.parameters.export()).toEqual(model.parameters.export());
    model.dispose();
    loaded.dispose();
  });

  test("the same seed makes the same weights, another seed others", () => {
    const [a, b, c] = [tinyModel(1), tinyModel(1), tinyModel(2)];
    expect(a!.parameters.export()).toEqual(b!.parameters.export());
    expect(a!.parameters.export()).not.toEqual(c!.parameters.export());
    for (const model of [a, b, c]) model!.dispose();
  });

  test("refuse weights of another configuration", () => {
    const model = tinyModel();
    saveQwen2Vl(model, folder);
    const file = join(folder, "config.json");
    const json = JSON.parse(readFileSync(file, "utf8"));
    json.text_config.intermediate_size = 64;
    writeFileSync(file, JSON.stringify(json));
    expect(() => loadQwen2Vl(folder)).toThrow(/mlp.gate_proj.weight must have shape \[64, 32\]; got \[48, 32\]/);
    model.dispose();
  });
});

describe("parseQwen2VlConfig", () => {
  const config = (): Qwen2VlConfig => {
    const model = tinyModel();
    model.dispose();
    return model.config;
  };

  test("reads its own output, and the published dialect with flat text fields", () => {
    const json = qwen2VlConfigJson(config());
    expect(parseQwen2VlConfig(json)).toEqual(config());
    const { text_config: text, ...rest } = json as { text_config: Record<string, unknown> } & Record<string, unknown>;
    const { rope_parameters: rope, ...fields } = text as { rope_parameters: Record<string, unknown> };
    const published = {
      ...fields,
      ...rest,
      rope_theta: rope["rope_theta"],
      rope_scaling: { type: "mrope", mrope_section: rope["mrope_section"] },
      model_type: "qwen2_vl",
    };
    expect(parseQwen2VlConfig(published)).toEqual(config());
  });

  test("reads files that repeat the text model's fields at the top, as some of 2025 do, if they say the same", () => {
    const json = qwen2VlConfigJson(config()) as { text_config: Record<string, unknown> };
    const window = { use_sliding_window: false, sliding_window: 32_768, max_window_layers: 2 };
    const text = { ...json.text_config, ...window };
    const { model_type: _, ...repeated } = text as Record<string, unknown>;
    expect(parseQwen2VlConfig({ ...repeated, ...json, text_config: text })).toEqual(config());
    expect(() => parseQwen2VlConfig({ ...repeated, use_sliding_window: true, ...json, text_config: text })).toThrow(
      "use_sliding_window must be left out, or text_config.use_sliding_window, false; got true",
    );
  });

  test("refuses another model, a field of another kind, sliding windows, sections that do not fit a head", () => {
    const json = qwen2VlConfigJson(config()) as Record<string, Record<string, unknown>>;
    expect(() => parseQwen2VlConfig({ ...json, model_type: "llava" })).toThrow(/model_type must be "qwen2_vl"/);
    expect(() => parseQwen2VlConfig({ ...json, image_token_id: "5" })).toThrow(/image_token_id must be a whole/);
    const text = (change: object): object => ({ ...json, text_config: { ...json["text_config"], ...change } });
    expect(() => parseQwen2VlConfig(text({ use_sliding_window: true }))).toThrow(/use_sliding_window must be false/);
    const rope = { rope_theta: 1e4, mrope_section: [1, 1, 1] };
    expect(() => parseQwen2VlConfig(text({ rope_parameters: rope }))).toThrow(/must sum to half a head, 8; got 3/);
  });

  test("createQwen2Vl refuses sizes that contradict each other", () => {
    const model = tinyModel();
    const broken = { ...model.config, text: { ...model.config.text, numKeyValueHeads: 3 } };
    expect(() => createQwen2Vl(broken, model, 1)).toThrow(/numHeads must be a multiple of text.numKeyValueHeads = 3/);
    model.dispose();
  });
});

test("multimodalPositionIds: text counts on, a picture spreads, the text goes on after its longest side", () => {
  const ids = [7, 5, 5, 5, 5, 5, 5, 8]; // one picture of 4 x 6 patches: 2 x 3 tokens
  const { positionIds, next } = multimodalPositionIds(ids, [{ frames: 1, height: 4, width: 6 }], {
    imageTokenId: 5,
    spatialMergeSize: 2,
  });
  expect([...positionIds.slice(0, 8)]).toEqual([0, 1, 1, 1, 1, 1, 1, 1 + 3]);
  expect([...positionIds.slice(8, 16)]).toEqual([0, 1, 1, 1, 1 + 1, 1 + 1, 1 + 1, 1 + 3]);
  expect([...positionIds.slice(16)]).toEqual([0, 1, 1 + 1, 1 + 2, 1, 1 + 1, 1 + 2, 1 + 3]);
  expect(next).toBe(5);
});
