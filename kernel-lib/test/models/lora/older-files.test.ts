import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../../src/compute/safetensors";
import { attachLora } from "../../../src/models/lora/lora";
import { loadLora, saveLora } from "../../../src/models/lora/peft-files";
import { loadPixtral } from "../../../src/models/pixtral/weights";
import type { VisionLanguageModel } from "../../../src/models/vision-language/model";
import { loadReference } from "../qwen2-vl/reference-case";

const STORED = join(__dirname, "../../reference");
const CASES = ["qwen2-vl/tied", "qwen2-vl/untied", "pixtral/tied", "pixtral/regex", "pixtral/published"] as const;

let folder = "";
let model: VisionLanguageModel | null = null;
beforeAll(async () => {
  await openBackend();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "older-lora-"));
});
afterEach(() => {
  model?.dispose();
  model = null;
  rmSync(folder, { recursive: true });
});

/** A module's name of Qwen2-VL before transformers 4.52. */
const olderName = (name: string): string =>
  name
    .replace("base_model.model.model.language_model.", "base_model.model.model.")
    .replace("base_model.model.model.visual.", "base_model.model.visual.");

/** The same of Pixtral: the text model, head included, stood below language_model. */
const olderPixtralName = (name: string): string =>
  name
    .replace("base_model.model.model.language_model.", "base_model.model.language_model.model.")
    .replace("base_model.model.lm_head.", "base_model.model.language_model.lm_head.")
    .replace(/^base_model\.model\.model\.(vision_tower|multi_modal_projector)\./, "base_model.model.$1.");

const open = (name: string): VisionLanguageModel =>
  name.startsWith("pixtral")
    ? loadPixtral(join(STORED, name))
    : loadReference(name === "qwen2-vl/tied" ? "tied" : "untied").model;

type Json = Record<string, unknown>;

const storedConfig = (name: string): Json =>
  JSON.parse(readFileSync(join(STORED, name, "lora/adapter_config.json"), "utf8"));

/** The fields that PEFT 0.5 wrote. */
function olderConfig(json: Json): Json {
  const { r, lora_alpha, lora_dropout, target_modules, use_rslora } = json;
  return {
    auto_mapping: null,
    base_model_name_or_path: "some/model",
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha,
    lora_dropout,
    modules_to_save: null,
    peft_type: "LORA",
    r,
    revision: null,
    target_modules,
    task_type: "CAUSAL_LM",
    ...(use_rslora === true ? { use_rslora } : {}), // PEFT 0.8
  };
}

/** Writes the stored adapter of a case under other names and settings. */
function write(name: string, rename: (tensor: string) => string, config: Json): void {
  const { tensors } = readSafetensors(join(STORED, name, "lora/adapter_model.safetensors"));
  const renamed = [...tensors].map(([tensor, value]): [string, StoredTensor] => [rename(tensor), value]);
  writeSafetensors(join(folder, "adapter_model.safetensors"), renamed);
  writeFileSync(join(folder, "adapter_config.json"), JSON.stringify(config));
}

/** Modules and values of an adapter, which is taken off again. */
function load(from: string): { modules: readonly string[]; values: number[][]; scalings: number[] } {
  const { parameters } = model!;
  const adapter = loadLora(parameters, from);
  const values = adapter.variables.map((variable) => [...variable.dataSync()]);
  const scalings = [...parameters.adapters.values()].map(({ scaling }) => scaling);
  adapter.dispose();
  return { modules: adapter.config.modules, values, scalings };
}

describe.each(CASES)("an adapter of %s", (name) => {
  const rename = name.startsWith("pixtral") ? olderPixtralName : olderName;

  test("is the same under older names and with the fields of an older PEFT", () => {
    model = open(name);
    const today = load(join(STORED, name, "lora"));
    write(name, rename, olderConfig(storedConfig(name)));
    const names = [...readSafetensors(join(folder, "adapter_model.safetensors")).tensors.keys()];
    expect(names.some((tensor) => tensor.startsWith("base_model.model.model.language_model."))).toBe(false);
    expect(names.some((tensor) => tensor.startsWith("base_model.model.model.visual."))).toBe(false);
    expect(load(folder)).toEqual(today);
    expect(today.modules.length).toBeGreaterThan(5);
  });

  test("with full older names as its targets is the same as well", () => {
    model = open(name);
    const today = load(join(STORED, name, "lora"));
    const { tensors } = readSafetensors(join(STORED, name, "lora/adapter_model.safetensors"));
    const targets = [...tensors.keys()].map((tensor) => rename(tensor).replace(/^base_model\.model\.|\.lora_.*$/g, ""));
    write(name, rename, { ...olderConfig(storedConfig(name)), target_modules: [...new Set(targets)] });
    expect(load(folder)).toEqual(today);
  });
});

test("an adapter of Pixtral's output head is read under its older name", () => {
  model = open("pixtral/published");
  const adapter = attachLora(model.parameters, { rank: 2, targets: ["lm_head"], seed: 1 });
  saveLora(adapter, folder);
  adapter.dispose();
  const today = load(folder);
  const { tensors } = readSafetensors(join(folder, "adapter_model.safetensors"));
  writeSafetensors(
    join(folder, "adapter_model.safetensors"),
    [...tensors].map(([tensor, value]): [string, StoredTensor] => [olderPixtralName(tensor), value]),
  );
  expect(load(folder)).toEqual(today);
  expect(today.modules).toEqual(["lm_head"]);
});

test("an expression that leaves the vision tower out, as training programs write it, is read with older names", () => {
  model = open("qwen2-vl/tied");
  const { tensors } = readSafetensors(join(STORED, "qwen2-vl/tied/lora/adapter_model.safetensors"));
  const kept = [...tensors].filter(([tensor]) => /(q_proj|v_proj)\./.test(tensor));
  writeSafetensors(
    join(folder, "adapter_model.safetensors"),
    kept.map(([tensor, value]): [string, StoredTensor] => [olderName(tensor), value]),
  );
  const config = {
    ...olderConfig(storedConfig("qwen2-vl/tied")),
    target_modules: "^(?!.*visual).*(?:q_proj|v_proj).*",
  };
  writeFileSync(join(folder, "adapter_config.json"), JSON.stringify(config));
  expect(load(folder).modules).toHaveLength(kept.length / 2);
});

describe("refusals, by name", () => {
  beforeEach(() => {
    model = open("qwen2-vl/tied");
  });

  test.each([
    [{ use_dora: true }, /use_dora of \S+ must be left out; got true/],
    [{ use_qalora: true }, /use_qalora of \S+ must be left out/],
    [
      { modules_to_save: ["lm_head"] },
      /modules_to_save of \S+ must be empty.*got \["lm_head"\]. Merge the adapter with PEFT/,
    ],
    [
      { layers_to_transform: [0], target_modules: ".*" },
      /layers_to_transform of \S+ must be left out where target_modules is no list; got \[0\]. Merge the adapter with PEFT/,
    ],
    [{ rank_pattern: { q_proj: 4 } }, /must hold floats of shape \[4, 32\] for \S+q_proj; got F32 \[3, 32\]/],
    [{ rank_pattern: { q_proj: 1.5 } }, /rank_pattern\.q_proj of \S+ must be a whole number from 1/],
    [{ alpha_pattern: { "q_(": 4 } }, /alpha_pattern of \S+ must be a regular expression that JavaScript can read/],
    [{ exclude_modules: ["q_proj"] }, /holds matrices of \S+q_proj, which exclude_modules of \S+ leaves out/],
    [
      { exclude_modules: "(?P<x>q_proj)" },
      /exclude_modules of \S+ must be a regular expression that JavaScript can read/,
    ],
    [{ lora_magnitude: 2.5 }, /lora_magnitude of \S+ must be left out; got 2\.5/],
    [{ target_parameters: ["x"] }, /target_parameters of \S+ must be left out/],
    [{ trainable_token_indices: [1] }, /trainable_token_indices of \S+ must be left out/],
    [{ fan_in_fan_out: true }, /fan_in_fan_out of \S+ must be left out/],
    [{ lora_bias: true }, /lora_bias of \S+ must be left out/],
    [{ bias: "all" }, /bias of \S+ must be "none"; got "all"/],
    [{ velora_config: { rank: 1 } }, /velora_config of \S+ must be left out/],
    [{ kasa_config: { beta: 1 } }, /kasa_config of \S+ must be left out/],
    [{ monteclora_config: { n: 1 } }, /monteclora_config of \S+ must be left out/],
    [{ use_something_new: true }, /use_something_new of \S+ must be left out; got true/],
    [
      { init_lora_weights: "olora" },
      /init_lora_weights of \S+ must be one that leaves the model's weights as they are.*got "olora"/,
    ],
    [{ peft_type: "ADALORA" }, /peft_type of \S+ must be "LORA"; got "ADALORA"/],
  ])("%j", (change, wording) => {
    write("qwen2-vl/tied", olderName, { ...olderConfig(storedConfig("qwen2-vl/tied")), ...change });
    expect(() => load(folder)).toThrow(wording);
    expect(model!.parameters.adapters.size).toBe(0);
  });

  test("settings of today's PEFT that change nothing are read", () => {
    const harmless = { loftq_config: { bits: 4 }, eva_config: { rho: 2 }, use_rslora: false, use_dora: null };
    write("qwen2-vl/tied", olderName, { ...storedConfig("qwen2-vl/tied"), ...harmless });
    expect(load(folder).modules.length).toBeGreaterThan(5);
  });

  test("one module under both names", () => {
    const { tensors } = readSafetensors(join(STORED, "qwen2-vl/tied/lora/adapter_model.safetensors"));
    const both = [...tensors].flatMap(([tensor, value]): [string, StoredTensor][] => [
      [tensor, value],
      [olderName(tensor), value],
    ]);
    writeSafetensors(join(folder, "adapter_model.safetensors"), both);
    writeFileSync(join(folder, "adapter_config.json"), JSON.stringify(storedConfig("qwen2-vl/tied")));
    expect(() => load(folder)).toThrow(/holds A of model\.\S+ twice, under an older and today's name/);
  });

  test("matrices under the adapter's own name, as a training's state holds them", () => {
    write("qwen2-vl/tied", (tensor) => tensor.replace(".weight", ".default.weight"), storedConfig("qwen2-vl/tied"));
    expect(() => load(folder)).toThrow(/lora_A\.default\.weight", which is no LoRA matrix/);
  });

  test("an adapter in a pickle", () => {
    writeFileSync(join(folder, "adapter_config.json"), JSON.stringify(storedConfig("qwen2-vl/tied")));
    writeFileSync(join(folder, "adapter_model.bin"), "a pickle");
    expect(existsSync(join(folder, "adapter_model.safetensors"))).toBe(false);
    expect(() => load(folder)).toThrow(/adapter_model\.bin is a pickle, which is never opened/);
  });

  test("an adapter of the other reader", () => {
    write("pixtral/published", olderPixtralName, storedConfig("pixtral/published"));
    expect(() => load(folder)).toThrow(/which is no LoRA matrix of a linear module of this model|of shape/);
  });
});
