import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../compute/safetensors";
import { writeFileAtomic } from "../../store/files";
import { Fields } from "../weights/fields";
import type { ParameterStore } from "../weights/parameters";
import {
  attachMatrices,
  isTargeted,
  type LoraAdapter,
  type LoraConfig,
  type LoraMatrices,
  type LoraTargets,
  linearModules,
} from "./lora";

/** What an adapter_config.json says. */
interface LoraSettings extends Omit<LoraConfig, "modules"> {
  readonly targets: LoraTargets;
}

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
function loraConfigJson(config: LoraConfig): Record<string, unknown> {
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
function parseLoraConfig(json: unknown, file: string): LoraSettings {
  const fields = new Fields(json, { where: "loadLora", file, advice: "Use an adapter made for this model." });
  refuseVariants(fields);
  const dropout = fields.number("lora_dropout", 0);
  if (!(dropout >= 0 && dropout < 1)) throw fields.wrong("lora_dropout", "in [0, 1)");
  return {
    rank: fields.size("r"),
    alpha: fields.number("lora_alpha"),
    scaling: fields.raw("use_rslora") === true ? "rankStabilised" : "rank",
    dropout,
    targets: parseTargets(fields),
  };
}

const MERGE_IT = "(merge the adapter with PEFT and load the merged model)";

function refuseVariants(fields: Fields): void {
  fields.exactly("peft_type", "LORA");
  fields.only("bias", "none");
  if (!isEmpty(fields.raw("modules_to_save")))
    throw fields.wrong("modules_to_save", `empty: whole modules trained beside the adapter are not read ${MERGE_IT}`);
  // PEFT names every variant of LoRA so: those that came after this was written are refused as well
  const variants = fields.names().filter((name) => /^use_|_config$/.test(name) && !HARMLESS.includes(name));
  for (const name of [...PLAIN, ...variants]) if (!isEmpty(fields.raw(name))) throw fields.wrong(name, "left out");
  if (!HARMLESS_STARTS.includes(fields.raw("init_lora_weights")))
    throw fields.wrong("init_lora_weights", `one that leaves the model's weights as they are ${MERGE_IT}`);
}

/** A string is a regular expression that must match the whole module name; Python's syntax, as far as JavaScript shares it. */
function parseTargets(fields: Fields): LoraTargets {
  const value = fields.value("target_modules");
  if (value === "all-linear") return value;
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value as string[];
  if (typeof value !== "string") throw fields.wrong("target_modules", '"all-linear", a list or a regular expression');
  try {
    return new RegExp(`^(?:${value})$`);
  } catch {
    throw fields.wrong("target_modules", "a regular expression that JavaScript can read");
  }
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === false ||
    (typeof value === "object" && Object.keys(value).length === 0)
  );
}

const CONFIG_FILE = "adapter_config.json";
const WEIGHTS_FILE = "adapter_model.safetensors";
const PICKLE_FILE = "adapter_model.bin";
const PREFIX = "base_model.model.";

/** Writes an adapter as PEFT does: adapter_config.json and adapter_model.safetensors. The folder is made if need be. */
export function saveLora(adapter: LoraAdapter, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const tensors = adapter.config.modules.flatMap((module, i): [string, StoredTensor][] => {
    const { A, B } = adapter.matrices[i]!;
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
  const linears = linearModules(parameters);
  const found = new Map<string, { A?: StoredTensor; B?: StoredTensor }>();
  for (const [name, tensor] of tensors) {
    const [, written = "", matrix] = /^base_model\.model\.(.+)\.lora_(A|B)\.weight$/.exec(name) ?? [];
    const module = parameters.moduleOf(written);
    if (module === null || !linears.includes(module))
      throw refuse(file, `holds "${name}", which is no LoRA matrix of a linear module of this model`);
    if (!isTargeted(module, targets) && !isTargeted(written, targets))
      throw refuse(file, `holds matrices of ${module}, which target_modules of ${CONFIG_FILE} does not mean`);
    if (found.get(module)?.[matrix as "A" | "B"] !== undefined)
      throw refuse(file, `holds ${matrix} of ${module} twice, under an older and today's name`);
    found.set(module, { ...found.get(module), [matrix as "A" | "B"]: tensor });
  }
  const modules = linears.filter((module) => found.has(module) || isTargeted(module, targets));
  if (modules.length === 0) throw refuse(file, "must hold the matrices of at least one module; it holds none");
  const config: LoraConfig = { ...settings, modules };
  const checked = new Map(
    modules.map((module) => [module, matricesOf(file, module, found.get(module) ?? {}, config.rank, parameters)]),
  );
  return attachMatrices(parameters, config, (module) => checked.get(module)!);
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

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new DataError(
      `loadLora: ${file} must be a JSON file. Point to a folder written by saveLora or PEFT.`,
      { file },
      cause,
    );
  }
}

function refuse(file: string, problem: string): DataError {
  return new DataError(`loadLora: ${file} ${problem}. Use an adapter made for this model.`, { file, problem });
}
