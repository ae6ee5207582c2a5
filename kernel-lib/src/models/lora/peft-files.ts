import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../compute/safetensors";
import { writeFileAtomic } from "../../store/files";
import { toPixtralModule } from "../pixtral/weights";
import { toModuleName } from "../qwen2-vl/weights";
import type { ParameterStore } from "../weights/parameters";
import {
  attachMatrices,
  fits,
  type LoraAdapter,
  type LoraConfig,
  type LoraMatrices,
  type LoraTargets,
  linearModules,
} from "./lora";

/** What an adapter_config.json says. */
export interface LoraSettings extends Omit<LoraConfig, "modules"> {
  readonly targets: LoraTargets;
}

type Json = Readonly<Record<string, unknown>>;

/** Fields that must be absent, null, false or empty: each asks for more than the two matrices of plain LoRA. */
const PLAIN = [
  "use_dora",
  "use_qalora",
  "use_bdlora",
  "lora_bias",
  "fan_in_fan_out",
  "rank_pattern",
  "alpha_pattern",
  "layer_replication",
  "target_parameters",
  "trainable_token_indices",
  "alora_invocation_tokens",
  "arrow_config",
  "exclude_modules",
  "layers_to_transform",
  "layers_pattern",
  "megatron_config",
] as const;

/** Scaling, read below, and how the first matrices were drawn, which changes nothing afterwards. */
const HARMLESS: readonly string[] = ["use_rslora", "eva_config", "corda_config", "lora_ga_config", "loftq_config"];

/** Ways to draw the first matrices that leave the model's own weights alone. */
const HARMLESS_STARTS: readonly unknown[] = [true, false, null, undefined, "gaussian", "orthogonal", "eva"];

/** The content of the adapter_config.json that PEFT reads for an adapter. */
export function loraConfigJson(config: LoraConfig): Record<string, unknown> {
  return {
    base_model_name_or_path: null,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    modules_to_save: null,
    peft_type: "LORA",
    r: config.rank,
    target_modules: [...config.modules],
    task_type: "CAUSAL_LM",
    use_dora: false,
    use_rslora: config.scaling === "rankStabilised",
  };
}

/**
 * Reads the content of an adapter_config.json.
 *
 * @param file named in errors.
 * @throws DataError when it asks for anything but plain LoRA, naming the field.
 */
export function parseLoraConfig(json: Json, file: string): LoraSettings {
  refuseOthers(json, file);
  const { r: rank, lora_alpha: alpha, lora_dropout: dropout = 0 } = json;
  if (!Number.isSafeInteger(rank) || (rank as number) < 1)
    throw refuseField(file, `must have a whole r ≥ 1; got ${JSON.stringify(rank)}`);
  if (typeof alpha !== "number" || !Number.isFinite(alpha))
    throw refuseField(file, `must have a number lora_alpha; got ${JSON.stringify(alpha)}`);
  if (typeof dropout !== "number" || !(dropout >= 0 && dropout < 1))
    throw refuseField(file, `must have a lora_dropout in [0, 1); got ${JSON.stringify(dropout)}`);
  const scaling = json["use_rslora"] === true ? "rankStabilised" : "rank";
  return { rank: rank as number, alpha, scaling, dropout, targets: parseTargets(json["target_modules"], file) };
}

function refuseOthers(json: Json, file: string): void {
  if (json["peft_type"] !== "LORA")
    throw refuseField(file, `must have peft_type "LORA"; got ${JSON.stringify(json["peft_type"])}`);
  const bias = json["bias"] ?? "none";
  if (bias !== "none") throw refuseField(file, `must have bias "none"; got ${JSON.stringify(bias)}`);
  const saved = json["modules_to_save"];
  if (!isEmpty(saved))
    throw refuseField(
      file,
      `must have an empty modules_to_save; got ${JSON.stringify(saved)}, whole modules trained beside the adapter. Merge it with PEFT and load the merged model`,
    );
  // PEFT names every variant of LoRA so: those that came after this was written are refused as well
  const variants = Object.keys(json).filter((field) => /^use_|_config$/.test(field) && !HARMLESS.includes(field));
  for (const field of [...PLAIN, ...variants])
    if (!isEmpty(json[field])) throw refuseField(file, `must leave ${field} out; got ${JSON.stringify(json[field])}`);
  if (!HARMLESS_STARTS.includes(json["init_lora_weights"]))
    throw refuseField(
      file,
      `must leave the model's weights as they are; init_lora_weights ${JSON.stringify(json["init_lora_weights"])} changes them. Merge it with PEFT and load the merged model`,
    );
}

/** A string is a regular expression that must match the whole module name; Python's syntax, as far as JavaScript shares it. */
function parseTargets(value: unknown, file: string): LoraTargets {
  if (value === "all-linear") return value;
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value as string[];
  if (typeof value === "string") {
    try {
      return new RegExp(`^(?:${value})$`);
    } catch (cause) {
      throw refuseField(
        file,
        `must have target_modules that JavaScript can read as a regular expression; got ${JSON.stringify(value)}`,
        cause,
      );
    }
  }
  throw refuseField(
    file,
    `must have target_modules "all-linear", a list or a regular expression; got ${JSON.stringify(value)}`,
  );
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === false ||
    (typeof value === "object" && Object.keys(value).length === 0)
  );
}

function refuseField(file: string, problem: string, cause?: unknown): DataError {
  return new DataError(`loadLora: ${file} ${problem}. Use an adapter made for this model.`, { file, problem }, cause);
}

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
