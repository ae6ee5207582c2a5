import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../base/errors";
import { writeFileAtomic } from "../base/write-atomic";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../compute/safetensors";
import { attachMatrices, type LoraAdapter, type LoraConfig, type LoraMatrices } from "./lora";
import { loraConfigJson, parseLoraConfig } from "./lora-config-json";
import { fits, linearModules } from "./lora-targets";
import type { ParameterStore } from "./parameters";
import { toPixtralModule } from "./pixtral-weights";
import { toModuleName } from "./qwen2-vl-weights";

const CONFIG_FILE = "adapter_config.json";
const WEIGHTS_FILE = "adapter_model.safetensors";
const PICKLE_FILE = "adapter_model.bin";
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
  writeFileAtomic(join(folder, CONFIG_FILE), `${JSON.stringify(loraConfigJson(adapter.config), null, 2)}\n`);
}

/**
 * Reads a PEFT adapter and attaches it to a model.
 *
 * `target_modules` may be "all-linear", a list of names or of their last parts, or a regular expression of the whole name.
 * Module names of transformers 5 and those of older adapters are both understood.
 *
 * @throws DataError when the files are not a plain LoRA adapter of this model (another method, trained biases,
 * `modules_to_save`, matrices that `target_modules` does not mean or that are missing, wrong shapes). StateError when a module has an adapter already.
 */
export function loadLora(parameters: ParameterStore, folder: string): LoraAdapter {
  const { targets, ...settings } = parseLoraConfig(readJson(join(folder, CONFIG_FILE)), join(folder, CONFIG_FILE));
  const file = join(folder, WEIGHTS_FILE);
  if (!existsSync(file) && existsSync(join(folder, PICKLE_FILE)))
    throw refuse(
      file,
      `must be there; ${PICKLE_FILE} is a pickle, which is never opened. Load it with PEFT and save it`,
    );
  const { tensors } = readSafetensors(file);
  const found = new Map<string, { A?: StoredTensor; B?: StoredTensor }>();
  for (const [name, tensor] of tensors) {
    const match = /^base_model\.model\.(.+)\.lora_(A|B)\.weight$/.exec(name);
    const module = match === null ? "" : moduleOf(parameters, match[1]!);
    if (match === null || module === "")
      throw refuse(file, `holds "${name}", which is no LoRA matrix of a linear module of this model`);
    if (!fits(module, targets) && !fits(match[1]!, targets))
      throw refuse(file, `holds matrices of ${module}, which target_modules of ${CONFIG_FILE} does not mean`);
    const matrix = match[2] as "A" | "B";
    if (found.get(module)?.[matrix] !== undefined)
      throw refuse(file, `holds ${matrix} of ${module} twice, under an older and today's name`);
    found.set(module, { ...found.get(module), [matrix]: tensor });
  }
  const modules = linearModules(parameters).filter((module) => found.has(module) || fits(module, targets));
  if (modules.length === 0) throw refuse(file, "must hold the matrices of at least one module; it holds none");
  const config: LoraConfig = { ...settings, modules };
  const checked = new Map(
    modules.map((module) => [module, matricesOf(file, module, found.get(module) ?? {}, config.rank, parameters)]),
  );
  return attachMatrices(parameters, config, (module) => checked.get(module)!);
}

function moduleOf(parameters: ParameterStore, written: string): string {
  const linears = new Set(linearModules(parameters));
  const candidates = [written, toModuleName(written), toPixtralModule(written)]; // names of older versions
  return candidates.find((module) => linears.has(module)) ?? "";
}

function matricesOf(
  file: string,
  module: string,
  pair: { A?: StoredTensor; B?: StoredTensor },
  rank: number,
  parameters: ParameterStore,
): LoraMatrices {
  const [outSize, inSize] = parameters.shape(`${module}.weight`) as [number, number];
  const valuesOf = (tensor: StoredTensor | undefined, rows: number, cols: number): Float32Array => {
    const same = tensor?.shape.length === 2 && tensor.shape[0] === rows && tensor.shape[1] === cols;
    if (same && tensor.data instanceof Float32Array) return tensor.data;
    const got = tensor === undefined ? "nothing" : `${tensor.dtype} [${tensor.shape.join(", ")}]`;
    throw refuse(file, `must hold floats of shape [${rows}, ${cols}] for ${module}; got ${got}`);
  };
  return { A: valuesOf(pair.A, rank, inSize), B: valuesOf(pair.B, outSize, rank) };
}

function readJson(file: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new DataError(
      `loadLora: ${file} must be a JSON file. Point to a folder written by saveLora or PEFT.`,
      { file },
      cause,
    );
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw refuse(file, "must hold a JSON object");
}

function refuse(file: string, problem: string): DataError {
  return new DataError(`loadLora: ${file} ${problem}. Use an adapter made for this model.`, { file, problem });
}
