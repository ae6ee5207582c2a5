import { DataError } from "../base/errors";
import type { LoraConfig } from "./lora";
import type { LoraTargets } from "./lora-targets";

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
    throw refuse(file, `must have a whole r ≥ 1; got ${JSON.stringify(rank)}`);
  if (typeof alpha !== "number" || !Number.isFinite(alpha))
    throw refuse(file, `must have a number lora_alpha; got ${JSON.stringify(alpha)}`);
  if (typeof dropout !== "number" || !(dropout >= 0 && dropout < 1))
    throw refuse(file, `must have a lora_dropout in [0, 1); got ${JSON.stringify(dropout)}`);
  const scaling = json["use_rslora"] === true ? "rankStabilised" : "rank";
  return { rank: rank as number, alpha, scaling, dropout, targets: parseTargets(json["target_modules"], file) };
}

function refuseOthers(json: Json, file: string): void {
  if (json["peft_type"] !== "LORA")
    throw refuse(file, `must have peft_type "LORA"; got ${JSON.stringify(json["peft_type"])}`);
  const bias = json["bias"] ?? "none";
  if (bias !== "none") throw refuse(file, `must have bias "none"; got ${JSON.stringify(bias)}`);
  const saved = json["modules_to_save"];
  if (!isEmpty(saved))
    throw refuse(
      file,
      `must have an empty modules_to_save; got ${JSON.stringify(saved)}, whole modules trained beside the adapter. Merge it with PEFT and load the merged model`,
    );
  // PEFT names every variant of LoRA so: those that came after this was written are refused as well
  const variants = Object.keys(json).filter((field) => /^use_|_config$/.test(field) && !HARMLESS.includes(field));
  for (const field of [...PLAIN, ...variants])
    if (!isEmpty(json[field])) throw refuse(file, `must leave ${field} out; got ${JSON.stringify(json[field])}`);
  if (!HARMLESS_STARTS.includes(json["init_lora_weights"]))
    throw refuse(
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
      throw refuse(
        file,
        `must have target_modules that JavaScript can read as a regular expression; got ${JSON.stringify(value)}`,
        cause,
      );
    }
  }
  throw refuse(
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

function refuse(file: string, problem: string, cause?: unknown): DataError {
  return new DataError(`loadLora: ${file} ${problem}. Use an adapter made for this model.`, { file, problem }, cause);
}
