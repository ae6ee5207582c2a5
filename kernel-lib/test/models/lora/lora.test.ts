import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { readSafetensors } from "../../../src/compute/safetensors";
import {
  attachLora,
  detachLora,
  type LoraAdapter,
  mergeLora,
  reattachLora,
  unmergeLora,
} from "../../../src/models/lora/lora";
import { loadLora, saveLora } from "../../../src/models/lora/peft-files";
import type { Qwen2Vl } from "../../../src/models/qwen2-vl/weights";
import { readerLogits } from "../../../src/models/vision-language/logits";
import { collatePrompts, type PromptBatch, tokenizePrompt } from "../../../src/models/vision-language/prompt-batch";
import { ask, noiseImage, tinyModel } from "../qwen2-vl/tiny";

let model: Qwen2Vl;
let batch: PromptBatch;
let folder: string;

beforeAll(async () => {
  await openBackend();
  model = tinyModel();
  batch = collatePrompts(model, [tokenizePrompt(model, ask(noiseImage(1), noiseImage(2), "spiky"))]);
}, 60_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lora-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function logits(): number[] {
  const found = readerLogits(model, batch, [{ row: 0, column: batch.columns - 1 }]);
  const values = [...found.dataSync()];
  found.dispose();
  return values;
}

/** Moves B away from zero, so that the adapter matters. */
function disturb(adapter: LoraAdapter): void {
  adapter.variables.forEach((variable, i) => {
    if (i % 2 === 0) return;
    const values = Float32Array.from({ length: variable.size }, (_, k) => 0.2 * Math.sin(i + k));
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  });
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

describe("attachLora", () => {
  test("changes nothing before the first step, and reaches every linear module but the head", () => {
    const plain = logits();
    const adapter = attachLora(model.parameters, { rank: 3, alpha: 6, seed: 1 });
    expect(logits()).toEqual(plain);
    // 7 per text layer, 4 per vision block, 2 in the merger; embedding and tied head have none
    expect(adapter.config.modules).toHaveLength(2 * 7 + 4 + 2);
    expect(adapter.config.modules).not.toContain("model.language_model.embed_tokens");
    for (const { A, scaling } of model.parameters.adapters.values()) {
      const bound = 1 / Math.sqrt(A.shape[1]!);
      const most = Array.from(A.dataSync()).reduce((high, value) => Math.max(high, Math.abs(value)), 0);
      expect(most).toBeLessThanOrEqual(bound);
      expect(most).toBeGreaterThan(0.8 * bound);
      expect(scaling).toBe(6 / 3);
    }
    adapter.dispose();
  });

  test("chooses modules by pattern or by name, leaving the vision tower frozen", () => {
    const byPattern = attachLora(model.parameters, { targets: /language_model.*(q|v)_proj$/, seed: 1 });
    expect(byPattern.config.modules).toHaveLength(4);
    byPattern.dispose();
    const byName = attachLora(model.parameters, { targets: ["qkv", "merger.mlp.0"], seed: 1 });
    expect(byName.config.modules).toEqual(["model.visual.blocks.0.attn.qkv", "model.visual.merger.mlp.0"]);
    byName.dispose();
  });

  test("scales by alpha / √rank when rank-stabilised", () => {
    const adapter = attachLora(model.parameters, { rank: 4, alpha: 6, scaling: "rankStabilised", seed: 1 });
    expect([...model.parameters.adapters.values()][0]!.scaling).toBe(6 / 2);
    adapter.dispose();
  });

  test("the same seed draws the same matrices, another seed others", () => {
    const draw = (seed: number): number[] => {
      const adapter = attachLora(model.parameters, { seed });
      const values = [...adapter.variables[0]!.dataSync()];
      adapter.dispose();
      return values;
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  test("refuses targets that fit nothing, a second adapter, a rank of 0", () => {
    expect(() => attachLora(model.parameters, { targets: /nothing/, seed: 1 })).toThrow(
      /fit at least one linear module/,
    );
    expect(() => attachLora(model.parameters, { rank: 0, seed: 1 })).toThrow(/rank must be a whole number/);
    const adapter = attachLora(model.parameters, { seed: 1 });
    expect(() => attachLora(model.parameters, { seed: 2 })).toThrow(/must have no adapter yet/);
    adapter.dispose();
  });
});

test("detaching gives the plain model back, attaching again the adapted one, merging the same answers without adapter", () => {
  const own = tinyModel();
  const before = tf.memory().numTensors;
  const read = (): number[] => {
    const found = readerLogits(own, batch, [{ row: 0, column: batch.columns - 1 }]);
    const values = [...found.dataSync()];
    found.dispose();
    return values;
  };
  const plain = read();
  const adapter = attachLora(own.parameters, { rank: 2, seed: 1 });
  disturb(adapter);
  const adapted = read();
  expect(largestDifference(adapted, plain)).toBeGreaterThan(1e-3);
  detachLora(own.parameters, adapter);
  expect(read()).toEqual(plain);
  expect(() => mergeLora(own.parameters, adapter)).toThrow(/must be attached/);
  reattachLora(own.parameters, adapter);
  expect(read()).toEqual(adapted);
  mergeLora(own.parameters, adapter);
  expect(own.parameters.adapters.size).toBe(0);
  expect(largestDifference(read(), adapted)).toBeLessThan(1e-4);
  adapter.dispose();
  expect(tf.memory().numTensors).toBe(before);
  own.dispose();
});

test("unmerging gives every weight the bits it had before, and the adapter back", () => {
  const own = tinyModel();
  const plain = own.parameters.export();
  const adapter = attachLora(own.parameters, { rank: 2, seed: 1, targets: /q_proj|fc1/ });
  disturb(adapter);
  expect(() => unmergeLora(own.parameters, adapter)).toThrow(/must be merged, its weights remembered/);
  mergeLora(own.parameters, adapter, "remember");
  for (const [name, { data }] of own.parameters.export()) {
    const merged = adapter.config.modules.some((module) => name === `${module}.weight`);
    if (merged) expect(data, name).not.toEqual(plain.get(name)!.data);
    else expect(data, name).toEqual(plain.get(name)!.data);
  }
  unmergeLora(own.parameters, adapter);
  expect(own.parameters.export()).toEqual(plain);
  expect(own.parameters.adapters.size).toBe(adapter.config.modules.length);
  mergeLora(own.parameters, adapter);
  expect(() => unmergeLora(own.parameters, adapter)).toThrow(/must be merged, its weights remembered/);
  adapter.dispose();
  own.dispose();
});

describe("saveLora and loadLora", () => {
  test("give back the same bytes under PEFT's names", () => {
    const adapter = attachLora(model.parameters, { rank: 2, alpha: 5, targets: /q_proj|fc1/, seed: 4 });
    disturb(adapter);
    const adapted = logits();
    const values = adapter.variables.map((variable) => [...variable.dataSync()]);
    saveLora(adapter, folder);
    adapter.dispose();
    const names = [...readSafetensors(join(folder, "adapter_model.safetensors")).tensors.keys()];
    expect(names).toContain("base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight");
    const loaded = loadLora(model.parameters, folder);
    expect(loaded.config).toEqual({ ...adapter.config });
    expect(loaded.variables.map((variable) => [...variable.dataSync()])).toEqual(values);
    expect(logits()).toEqual(adapted);
    loaded.dispose();
  });

  test("read target_modules as PEFT does: full names, last parts, or an expression of the whole name", () => {
    const adapter = attachLora(model.parameters, {
      rank: 2,
      targets: /q_proj/,
      scaling: "rankStabilised",
      dropout: 0.1,
      seed: 4,
    });
    saveLora(adapter, folder);
    adapter.dispose();
    const file = join(folder, "adapter_config.json");
    const json = JSON.parse(readFileSync(file, "utf8"));
    expect(json).toMatchObject({ r: 2, lora_dropout: 0.1, use_rslora: true, target_modules: adapter.config.modules });
    for (const targets of [["q_proj"], ".*\\.(q_proj|nothing)", json.target_modules]) {
      writeFileSync(file, JSON.stringify({ ...json, target_modules: targets }));
      const loaded = loadLora(model.parameters, folder);
      expect(loaded.config).toEqual(adapter.config);
      loaded.dispose();
    }
    writeFileSync(file, JSON.stringify({ ...json, target_modules: "q_proj" })); // fits a part of the name only
    expect(() => loadLora(model.parameters, folder)).toThrow(/which target_modules .* does not mean/);
  });

  test("refuse a damaged or foreign adapter and attach nothing", () => {
    expect(() => loadLora(model.parameters, folder)).toThrow(/must be a JSON file/);
    const adapter = attachLora(model.parameters, { rank: 2, targets: /q_proj/, seed: 4 });
    saveLora(adapter, folder);
    adapter.dispose();
    const file = join(folder, "adapter_config.json");
    expect(existsSync(file)).toBe(true);
    const json = JSON.parse(readFileSync(file, "utf8"));
    const attempt = (change: object): (() => LoraAdapter) => {
      writeFileSync(file, JSON.stringify({ ...json, ...change }));
      return () => loadLora(model.parameters, folder);
    };
    expect(attempt({ peft_type: "IA3" })).toThrow(/peft_type of \S+ must be "LORA"; got "IA3"/);
    expect(attempt({ use_dora: true })).toThrow(/use_dora of \S+ must be left out; got true/);
    expect(attempt({ modules_to_save: ["lm_head"] })).toThrow(
      /modules_to_save of \S+ must be empty.*Merge the adapter with PEFT/,
    );
    expect(attempt({ rank_pattern: { q_proj: 4 } })).toThrow(
      /must hold floats of shape \[4, 32\] for \S+q_proj; got F32 \[2, 32\]/,
    );
    expect(attempt({ lora_dropout: 1 })).toThrow(/lora_dropout of \S+ must be in \[0, 1\); got 1/);
    expect(attempt({ init_lora_weights: "pissa" })).toThrow(
      /init_lora_weights of \S+ must be one that leaves the model's weights.*got "pissa"/,
    );
    expect(attempt({ target_modules: ["v_proj"] })).toThrow(/layers.0.self_attn.q_proj, which target_modules/);
    expect(attempt({ target_modules: "all-linear" })).toThrow(/of shape \[2, 16\] for model.visual.*got nothing/);
    expect(attempt({ target_modules: "(?P<a>q_proj)" })).toThrow(/a regular expression that JavaScript can read/);
    expect(attempt({ target_modules: 3 })).toThrow(/"all-linear", a list or a regular expression; got 3/);
    expect(attempt({ r: 3 })).toThrow(/floats of shape \[3, 32\].*got F32 \[2, 32\]/);
    expect(model.parameters.adapters.size).toBe(0);
  });
});
