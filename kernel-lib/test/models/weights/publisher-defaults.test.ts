import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseClipConfig } from "../../../src/models/clip/config";
import { parseClipImageConfig } from "../../../src/models/clip/processor";
import { parseJinaClipConfig } from "../../../src/models/jina-clip/config";
import { parsePixtralConfig } from "../../../src/models/pixtral/config";
import { parsePixtralImageConfig } from "../../../src/models/pixtral/processor";
import { parseQwen2VlConfig } from "../../../src/models/qwen2-vl/config";
import { parseQwen2VlImageConfig } from "../../../src/models/qwen2-vl/processor";
import type { JsonObject } from "../../../src/models/weights/fields";

type Json = Record<string, unknown>;

/** What transformers' classes write of themselves when they are told nothing. */
const { defaults } = JSON.parse(
  readFileSync(join(__dirname, "../../reference/configurations/reference.json"), "utf8"),
) as { defaults: Record<"clip" | "qwen2-vl" | "pixtral", Json> };

/** Some values of a window and of a layer choice that only a whole model fits. */
const FULL = { vision_feature_select_strategy: "full" };
const pixtral = (json: Json): Json => ({
  ...json,
  ...FULL,
  text_config: { ...(json["text_config"] as Json), model_type: "mistral", sliding_window: null },
  vision_config: { ...(json["vision_config"] as Json), model_type: "pixtral" },
});

const KINDS: [string, Json, Json, (json: JsonObject) => unknown][] = [
  ["CLIP", defaults.clip, { model_type: "clip" }, parseClipConfig],
  // transformers' classes join a text model of 72 billion weights to the vision tower of the one of 7 billion
  [
    "Qwen2-VL",
    defaults["qwen2-vl"],
    { model_type: "qwen2_vl", vision_config: { hidden_size: 8192 } },
    parseQwen2VlConfig,
  ],
  ["Pixtral", pixtral(defaults.pixtral), pixtral({ model_type: "llava" }), parsePixtralConfig],
];

/** Takes a field out of every object of a file that has it. */
function without(json: Json, name: string): Json {
  const kept = Object.entries(json).filter(([key]) => key !== name || key === "model_type");
  const inner = (value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? without(value as Json, name) : value;
  return Object.fromEntries(kept.map(([key, value]) => [key, inner(value)]));
}

const namesOf = (json: Json): string[] =>
  Object.entries(json).flatMap(([name, value]) => [
    name,
    ...(typeof value === "object" && value !== null && !Array.isArray(value) ? namesOf(value as Json) : []),
  ]);

describe.each(KINDS)("the config.json of a %s", (kind, full, empty, parse) => {
  const whole =
    kind === "Qwen2-VL" ? { ...full, vision_config: { ...(full["vision_config"] as Json), hidden_size: 8192 } } : full;

  test("that says nothing is the one that transformers writes out in full", () => {
    expect(parse(empty)).toEqual(parse(whole));
  });

  test("is the same without any one of the fields that equal the default", () => {
    const expected = parse(whole);
    const required =
      /^(model_type|vision_feature_select_strategy|sliding_window|hidden_size|num_attention_heads|(text|vision)_config)$/;
    const names = new Set(namesOf(whole).filter((name) => !required.test(name)));
    expect(names.size).toBeGreaterThan(20);
    for (const name of names) expect(parse(without(whole, name)), name).toEqual(expected);
  });
});

test("Jina-CLIP's sizes are those of its published classes", () => {
  const text = { hf_model_name_or_path: "jinaai/jina-bert-flash-implementation", pooler_type: "mean_pooler" };
  const config = parseJinaClipConfig({ model_type: "jina_clip", text_config: text, vision_config: {} });
  expect(config).toMatchObject({ towerSize: 768, projectionSize: null, logitScale: 2.6592 });
  expect(config.vision).toMatchObject({ imageSize: 224, patchSize: 16, hiddenSize: 768, numLayers: 12, numHeads: 12 });
  expect(config.text).toMatchObject({
    vocabularySize: 30_528,
    numLayers: 12,
    intermediateSize: 3072,
    maxPositions: 512,
  });
});

test("CLIP's older names: a section text_config_dict holds all, and end token 2 means the highest id of a text", () => {
  const text = { text_config_dict: { hidden_size: 64 }, text_config: { hidden_size: 32, num_hidden_layers: 1 } };
  expect(parseClipConfig(text).text).toMatchObject({ hiddenSize: 64, numLayers: 12 });
  expect(parseClipConfig({ text_config_dict: null, text_config: { hidden_size: 32 } }).text.hiddenSize).toBe(32);
  expect(parseClipConfig({ text_config: { eos_token_id: 2 } }).text.endTokenId).toBe("highest");
  expect(parseClipConfig({ text_config: { pad_token_id: null } }).text.padTokenId).toBe(1);
});

describe("a preprocessor_config.json that says nothing", () => {
  const scale = {
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
    rescale: 1 / 255,
  };

  test("prepares pictures as the published models'", () => {
    expect(parseClipImageConfig({})).toEqual({ ...scale, shortestEdge: 224, cropHeight: 224, cropWidth: 224 });
    expect(parsePixtralImageConfig({})).toEqual({ ...scale, patchSize: 16, longestEdge: 1024 });
    const qwen = { ...scale, patchSize: 14, temporalPatchSize: 2, mergeSize: 2 };
    expect(parseQwen2VlImageConfig({})).toEqual({ ...qwen, minPixels: 56 * 56, maxPixels: 28 * 28 * 1280 });
  });

  test("of Qwen2-VL but bounds takes those, which go before size", () => {
    const bounds = { min_pixels: 3136, max_pixels: 12_845_056 };
    expect(parseQwen2VlImageConfig(bounds)).toMatchObject({ minPixels: 3136, maxPixels: 12_845_056, patchSize: 14 });
    const size = { max_pixels: 5, min_pixels: 4 };
    expect(parseQwen2VlImageConfig({ ...bounds, size })).toMatchObject({ minPixels: 3136, maxPixels: 12_845_056 });
    expect(parseQwen2VlImageConfig({ max_pixels: 7000 })).toMatchObject({ minPixels: 3136, maxPixels: 7000 });
    expect(() => parseQwen2VlImageConfig({ size: { shortest_edge: 4 } })).toThrow("size.longest_edge");
  });
});
