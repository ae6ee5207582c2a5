import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../base/errors";
import { writeFileAtomic } from "../base/write-atomic";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../compute/safetensors";
import { attachMatrices, type LoraAdapter, type LoraConfig, type LoraMatrices } from "./lora";
import type { ParameterStore } from "./parameters";
import { toModuleName } from "./qwen2-vl-weights";

const CONFIG_FILE = "adapter_config.json";
const WEIGHTS_FILE = "adapter_model.safetensors";
const PREFIX = "base_model.model.";

/** Writes an adapter as PEFT does: adapter_config.json and adapter_model.safetensors. The folder is made if need be. */
export function saveLora(adapter: LoraAdapter, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const tensors = adapter.config.modules.flatMap((module, i): [string, StoredTensor][] => {
    const [A, B] = [adapter.variables[2 * i]!, adapter.variables[2 * i + 1]!];
    return [
      [`${PREFIX}${module}.lora_A.weight`, { dtype: "F32", shape: A.shape, data: A.dataSync() as Float32Array }],
      [`${PREFIX}${module}.lora_B.weight`, { dtype: "F32", shape: B.shape, data: B.dataSync() as Float32Array }],
    ];
  });
  writeSafetensors(join(folder, WEIGHTS_FILE), tensors);
  writeFileAtomic(join(folder, CONFIG_FILE), `${JSON.stringify(configJson(adapter.config), null, 2)}\n`);
}

/**
 * Reads a PEFT adapter and attaches it to a model.
 *
 * @throws DataError when the files are not a plain LoRA adapter of this model (other method, bias or dropped weights,
 * missing or additional matrices, wrong shapes). StateError when a module has an adapter already.
 */
export function loadLora(parameters: ParameterStore, folder: string): LoraAdapter {
  const json = readConfig(join(folder, CONFIG_FILE));
  const file = join(folder, WEIGHTS_FILE);
  const { tensors } = readSafetensors(file);
  const found = new Map<string, { A?: StoredTensor; B?: StoredTensor }>();
  for (const [name, tensor] of tensors) {
    const match = /^base_model\.model\.(.+)\.lora_(A|B)\.weight$/.exec(name);
    const module = match === null ? "" : moduleOf(parameters, match[1]!);
    if (match === null || module === "")
      throw refuse(file, `holds "${name}", which is no LoRA matrix of a linear module of this model`);
    found.set(module, { ...found.get(module), [match[2]!]: tensor });
  }
  const modules = parameters.names().flatMap((name) => {
    const module = name.slice(0, -".weight".length);
    return name.endsWith(".weight") && found.has(module) ? [module] : [];
  });
  const config: LoraConfig = { ...json, modules };
  const checked = new Map(
    modules.map((module) => [module, matricesOf(file, module, found.get(module)!, config.rank, parameters)]),
  );
  return attachMatrices(parameters, config, (module) => checked.get(module)!);
}

function moduleOf(parameters: ParameterStore, written: string): string {
  const candidates = [written, toModuleName(written)];
  return candidates.find((module) => parameters.has(`${module}.weight`)) ?? "";
}

function matricesOf(
  file: string,
  module: string,
  pair: { A?: StoredTensor; B?: StoredTensor },
  rank: number,
  parameters: ParameterStore,
): LoraMatrices {
  const [outSize, inSize] = parameters.shape(`${module}.weight`) as [number, number];
  const fits = (tensor: StoredTensor | undefined, rows: number, cols: number): Float32Array => {
    const same = tensor?.shape.length === 2 && tensor.shape[0] === rows && tensor.shape[1] === cols;
    if (same && tensor.data instanceof Float32Array) return tensor.data;
    const got = tensor === undefined ? "nothing" : `${tensor.dtype} [${tensor.shape.join(", ")}]`;
    throw refuse(file, `must hold floats of shape [${rows}, ${cols}] for ${module}; got ${got}`);
  };
  return { A: fits(pair.A, rank, inSize), B: fits(pair.B, outSize, rank) };
}

function configJson(config: LoraConfig): Record<string, unknown> {
  return {
    base_model_name_or_path: null,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: config.alpha,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: "LORA",
    r: config.rank,
    target_modules: [...config.modules],
    task_type: "CAUSAL_LM",
    use_dora: false,
    use_rslora: config.scaling === "rankStabilised",
  };
}

function readConfig(file: string): Omit<LoraConfig, "modules"> {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  } catch (cause) {
    throw new DataError(
      `loadLora: ${file} must be a JSON file. Point to a folder written by saveLora or PEFT.`,
      { file },
      cause,
    );
  }
  const plain: [string, unknown, unknown][] = [
    ["peft_type", json["peft_type"], "LORA"],
    ["bias", json["bias"] ?? "none", "none"],
    ["use_dora", json["use_dora"] ?? false, false],
    ["fan_in_fan_out", json["fan_in_fan_out"] ?? false, false],
  ];
  for (const [field, value, wanted] of plain)
    if (value !== wanted)
      throw refuse(file, `must have ${field} ${JSON.stringify(wanted)}; got ${JSON.stringify(value)}`);
  for (const field of ["modules_to_save", "rank_pattern", "alpha_pattern"]) {
    const value = json[field];
    if (value !== null && value !== undefined && Object.keys(value).length > 0)
      throw refuse(file, `must have an empty ${field}; got ${JSON.stringify(value)}`);
  }
  const { r: rank, lora_alpha: alpha } = json;
  if (!Number.isSafeInteger(rank) || (rank as number) < 1) throw refuse(file, `must have a whole r ≥ 1; got ${rank}`);
  if (typeof alpha !== "number") throw refuse(file, `must have a number lora_alpha; got ${alpha}`);
  return { rank: rank as number, alpha, scaling: json["use_rslora"] === true ? "rankStabilised" : "rank" };
}

function refuse(file: string, problem: string): DataError {
  return new DataError(`loadLora: ${file} ${problem}. Use an adapter made for this model.`, { file, problem });
}
