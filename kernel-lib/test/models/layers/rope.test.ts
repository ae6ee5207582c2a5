import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { multimodalAngles } from "../../../src/models/layers/decoder";
import {
  longestText,
  parseRope,
  type RopeConfig,
  ropeJson,
  ropeSection,
  rotaryFrequencies,
  rotaryScale,
} from "../../../src/models/layers/rope";
import { parsePixtralConfig } from "../../../src/models/pixtral/config";
import { parseQwen2VlConfig } from "../../../src/models/qwen2-vl/config";
import { Fields, type JsonObject } from "../../../src/models/weights/fields";

const MAX_POSITIONS = 512;

function parse(json: JsonObject): RopeConfig {
  const fields = new Fields(json, { where: "parseToy", advice: "Use a toy." });
  const defaults = { theta: 10_000, plain: ["default", "mrope"], maxPositions: MAX_POSITIONS };
  return { ...parseRope(fields, ropeSection(fields), defaults), maxPositions: MAX_POSITIONS };
}

/** Of heads of width 4, theta 100: plain ones are 1 and 1/10. */
const frequencies = (rope: JsonObject, length = 1): number[] =>
  rotaryFrequencies(parse({ rope_theta: 100, rope_scaling: rope }), 4, length);

function expectNumbers(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => {
    expect(Math.abs(value / expected[i]! - 1)).toBeLessThan(1e-6);
  });
}

describe("rotary frequencies, by hand", () => {
  test("default and mrope: as they are", () => {
    for (const type of ["default", "mrope"]) expectNumbers(frequencies({ type }), [1, 1 / 10]);
    expectNumbers(rotaryFrequencies(parse({}), 4, 1), [1, 1 / 100]);
  });

  test("linear: all by the factor", () => {
    expectNumbers(frequencies({ type: "linear", factor: 4 }), [1 / 4, 1 / 10 / 4]);
  });

  test("dynamic: by a larger base where a text is longer than those trained with", () => {
    expectNumbers(frequencies({ type: "dynamic", factor: 2 }, MAX_POSITIONS), [1, 1 / 10]);
    // base 100 · (2 · 3 - 1)^(4 / 2) = 2500, whose root is 50
    expectNumbers(frequencies({ type: "dynamic", factor: 2 }, 3 * MAX_POSITIONS), [1, 1 / 50]);
  });

  test("yarn: fast ones stay, slow ones by the factor; cosines and sines grow", () => {
    // turns within 100 positions: 100 / 2π = 15.9 and 1.59; from 4 on fast (place 0.6, down to 0), up to 1 slow (1.2, up to 2)
    const yarn = { type: "yarn", factor: 4, original_max_position_embeddings: 100, beta_fast: 4, beta_slow: 1 };
    expectNumbers(frequencies(yarn), [1, (1 / 10) * (1 / 2) + (1 / 40) * (1 / 2)]);
    expect(rotaryScale(parse({ rope_scaling: yarn }))).toBeCloseTo(0.1 * Math.log(4) + 1, 12);
    expect(rotaryScale(parse({ rope_scaling: { ...yarn, attention_factor: 1.5 } }))).toBe(1.5);
    expect(rotaryScale(parse({}))).toBe(1);
  });

  test("llama3: by wavelength", () => {
    // waves of 2π and 20π positions: below 40 / 4 = 10 short, above 40 / 1 = 40 long
    const llama3 = { type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    expectNumbers(frequencies({ ...llama3, original_max_position_embeddings: 40 }), [1, 1 / 10 / 8]);
    // 100 / (20π) = 1.5915 turns lie between 1 and 4
    const share = (100 / (20 * Math.PI) - 1) / (4 - 1);
    const between = ((1 - share) / 10) * (1 / 8) + share / 10;
    expectNumbers(frequencies({ ...llama3, original_max_position_embeddings: 100 }), [1, between]);
  });
});

interface RopeCase {
  readonly fields: JsonObject;
  readonly length: number | null;
  readonly frequencies: number[];
  readonly attention_factor: number;
}
const { rope: CASES } = JSON.parse(
  readFileSync(join(__dirname, "../../reference/configurations/reference.json"), "utf8"),
) as {
  rope: RopeCase[];
};

test.each(CASES)(
  "rotary frequencies are transformers': %j",
  ({ fields, length, frequencies: stored, attention_factor }) => {
    const config = parse(fields);
    expectNumbers(rotaryFrequencies(config, 32, length ?? 1), stored);
    expect(rotaryScale(config)).toBeCloseTo(attention_factor, 6);
    const again = parse({ rope_parameters: ropeJson(config) });
    expect(again).toEqual(config);
  },
);

describe("rotary fields", () => {
  test("rope_scaling goes before rope_parameters, an inner rope_theta before the outer one", () => {
    const both = {
      rope_scaling: { type: "linear", factor: 2, rope_theta: 7 },
      rope_parameters: { rope_type: "default" },
    };
    expect(parse({ ...both, rope_theta: 9 })).toMatchObject({
      ropeTheta: 7,
      ropeScaling: { type: "linear", factor: 2 },
    });
    expect(parse({ ...both, rope_scaling: {}, rope_theta: 9 })).toEqual({ ropeTheta: 9, maxPositions: MAX_POSITIONS });
  });

  test.each([
    [{ rope_scaling: { type: "longrope", factor: 4 } }, 'rope_scaling.type must be "default" or "mrope" or "linear"'],
    [{ rope_parameters: { rope_type: "su" } }, 'rope_parameters.rope_type must be "default" or'],
    [{ rope_scaling: { type: "linear" } }, "rope_scaling.factor must be a number above 0; got undefined"],
    [{ rope_scaling: { type: "default", factor: 4 } }, "rope_scaling.factor must be left out"],
    [{ rope_scaling: { type: "yarn", factor: 4, window: 3 } }, "rope_scaling.window must be left out"],
    [{ rope_scaling: { type: "linear", factor: 4, beta_fast: 3 } }, "rope_scaling.beta_fast must be left out"],
    [{ partial_rotary_factor: 0.5 }, "partial_rotary_factor must be 1; got 0.5"],
    [{ rope_scaling: { type: "llama3", factor: 8, low_freq_factor: 1 } }, "rope_scaling.high_freq_factor must be"],
  ])("refuse %j by name", (json, message) => {
    expect(() => parse(json)).toThrow(message);
  });

  test("lengthen the prompts that are read", () => {
    const yarn = { type: "yarn", factor: 4, original_max_position_embeddings: 256 };
    expect(longestText(parse({ rope_scaling: yarn }))).toBe(4 * 256);
    expect(longestText(parse({}))).toBe(MAX_POSITIONS);
  });
});

test("angles of a stretched model: the position times the frequency, cosine and sine times the scale", () => {
  const text = {
    ...{ vocabSize: 8, hiddenSize: 4, intermediateSize: 4, numLayers: 1, numHeads: 1, numKeyValueHeads: 1 },
    ...{ rmsNormEps: 1e-6, mropeSection: [1, 1, 0] as const, padTokenId: 0, endTokenId: 1 },
    ...parse({ rope_theta: 100, rope_scaling: { type: "yarn", factor: 4, attention_factor: 2, beta_fast: 1e9 } }),
  };
  const [, slow] = rotaryFrequencies(text, 4, 1);
  const { cos, sin } = multimodalAngles(text, Int32Array.from([3, 5, 0]));
  expect(cos[1]).toBeCloseTo(2 * Math.cos(5 * slow!), 6);
  expect(sin[1]).toBeCloseTo(2 * Math.sin(5 * slow!), 6);
});

describe("published forms", () => {
  const qwen = (rope: JsonObject): JsonObject => ({
    model_type: "qwen2_vl",
    ...{ hidden_size: 128, num_attention_heads: 4, num_hidden_layers: 1, intermediate_size: 4, num_key_value_heads: 2 },
    vision_config: { hidden_size: 128, embed_dim: 96, num_heads: 3 },
    ...rope,
  });

  test("Qwen2-VL with YaRN, as its readme turns it on", () => {
    const scaling = { type: "yarn", mrope_section: [4, 6, 6], factor: 4, original_max_position_embeddings: 32_768 };
    const { text } = parseQwen2VlConfig(qwen({ rope_theta: 1e6, rope_scaling: scaling }));
    expect(text.mropeSection).toEqual([4, 6, 6]);
    expect(text.ropeScaling).toMatchObject({ type: "yarn", factor: 4, originalMaxPositions: 32_768, betaFast: 32 });
    expect(longestText(text)).toBe(4 * 32_768);
  });

  test("a vision tower's positions are never stretched", () => {
    const stretched = { rope_type: "yarn", factor: 4 };
    const vision = { hidden_size: 128, embed_dim: 96, num_heads: 3, rope_parameters: stretched };
    const plain = { rope_scaling: { type: "mrope", mrope_section: [4, 6, 6] } };
    expect(() => parseQwen2VlConfig({ ...qwen(plain), vision_config: vision })).toThrow(
      'vision_config.rope_parameters.rope_type must be "axial" or "default"; got "yarn"',
    );
    const parts = { text_config: { model_type: "mistral", sliding_window: null } };
    const pixtral = { model_type: "llava", vision_feature_select_strategy: "full", ...parts };
    expect(() =>
      parsePixtralConfig({ ...pixtral, vision_config: { model_type: "pixtral", rope_parameters: stretched } }),
    ).toThrow('vision_config.rope_parameters.rope_type must be "axial" or "default"; got "yarn"');
  });
});
