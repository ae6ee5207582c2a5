import { Fields, type JsonObject, wordsOf } from "../weights/fields";
import { type LoraConfig, type LoraTargets, type ModuleRank, rankOf } from "./lora";

/*
 * adapter_config.json, as PEFT writes it. Plain LoRA is read, ranks and scalings per module included; a variant is refused by name.
 */

/** What an adapter_config.json says. */
export interface LoraSettings extends Omit<LoraConfig, "modules" | "ranks"> {
  readonly targets: LoraTargets;
  /** Modules that the targets do not mean after all. */
  readonly excluded: Exclude<LoraTargets, "all-linear">;
  /** Whether a module lies in a layer that was chosen, or was named in full. */
  isInLayer(name: string): boolean;
  /** Rank and alpha of the module that has these names. */
  rankOf(names: readonly string[]): ModuleRank;
}

/** Fields that must be absent, null, false or empty: each asks for more than the two matrices of plain LoRA. */
const PLAIN = wordsOf(`
  use_dora use_qalora use_bdlora lora_bias fan_in_fan_out layer_replication target_parameters trainable_token_indices
  alora_invocation_tokens arrow_config megatron_config
`);

/** Where the adapter comes from, what the programs that made it note, and how the first matrices were drawn: nothing afterwards. */
const IRRELEVANT = wordsOf(`
  auto_mapping base_model_name_or_path corda_config ensure_weight_tying eva_config inference_mode loftq_config lora_ga_config
  megatron_core peft_version qalora_group_size revision runtime_config task_type unsloth_fixed
`);

/** Ways to draw the first matrices that leave the model's own weights alone. */
const HARMLESS_STARTS: readonly unknown[] = [true, false, null, undefined, "gaussian", "orthogonal", "eva"];

/** The content of the adapter_config.json that PEFT reads for an adapter. */
export function loraConfigJson(config: LoraConfig): JsonObject {
  const own = config.modules.filter((module) => config.ranks?.has(module));
  const pattern = (field: keyof ModuleRank) =>
    own.length === 0 ? {} : Object.fromEntries(own.map((module) => [module, rankOf(config, module)[field]]));
  return {
    ...(own.length === 0 ? {} : { alpha_pattern: pattern("alpha") }),
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
    ...(own.length === 0 ? {} : { rank_pattern: pattern("rank") }),
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
export function parseLoraConfig(json: unknown, file: string): LoraSettings {
  const fields = new Fields(json, { where: "loadLora", file, advice: ADVICE });
  refuseVariants(fields);
  const dropout = fields.number("lora_dropout", 0);
  if (!(dropout >= 0 && dropout < 1)) throw fields.wrong("lora_dropout", "in [0, 1)");
  const [rank, alpha] = [fields.size("r", 8), fields.number("lora_alpha", 8)];
  const [rankFor, alphaFor] = [parsePattern(fields, "rank_pattern"), parsePattern(fields, "alpha_pattern")];
  const targets =
    fields.value("target_modules") === "all-linear" ? "all-linear" : parseModules(fields, "target_modules");
  const settings: LoraSettings = {
    rank,
    alpha,
    scaling: fields.flag("use_rslora", "off") ? "rankStabilised" : "rank",
    dropout,
    targets,
    excluded: fields.value("exclude_modules") === undefined ? [] : parseModules(fields, "exclude_modules"),
    isInLayer: parseLayers(fields, targets),
    rankOf: (names) => ({ rank: rankFor(names) ?? rank, alpha: alphaFor(names) ?? alpha }),
  };
  refuseOthers(fields);
  return settings;
}

const ADVICE =
  "Merge the adapter with PEFT and load the merged model, or use a plain LoRA adapter made for this model.";

function refuseVariants(fields: Fields): void {
  fields.exactly("peft_type", "LORA");
  fields.only("bias", "none");
  if (!isEmpty(fields.raw("modules_to_save")))
    throw fields.wrong("modules_to_save", "empty: whole modules trained beside the adapter are not read");
  for (const name of PLAIN) if (!isEmpty(fields.raw(name))) throw fields.wrong(name, "left out");
  if (!HARMLESS_STARTS.includes(fields.raw("init_lora_weights")))
    throw fields.wrong("init_lora_weights", "one that leaves the model's weights as they are");
}

/** PEFT names variants of LoRA as it goes on: one that came after this was written is refused as well, unless it is off. */
function refuseOthers(fields: Fields): void {
  for (const name of fields.names()) {
    if (fields.isKnown(name) || IRRELEVANT.includes(name) || isEmpty(fields.raw(name))) continue;
    throw fields.wrong(name, "left out");
  }
}

/** A list of names or of their last parts, or an expression that must match the whole name. */
function parseModules(fields: Fields, name: string): RegExp | readonly string[] {
  const value = fields.value(name);
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value as string[];
  if (typeof value !== "string") throw fields.wrong(name, '"all-linear", a list or a regular expression');
  return expression(fields, name, `^(?:${value})$`);
}

/** The layers that `layers_to_transform` chooses among the modules of a list: by the first number in a name, or the one behind a name of `layers_pattern`. */
function parseLayers(fields: Fields, targets: LoraTargets): (name: string) => boolean {
  const [chosen, named] = [fields.raw("layers_to_transform"), fields.raw("layers_pattern")];
  const isNamed = !isEmpty(named) && named !== "";
  if (isEmpty(chosen) && !isNamed) return () => true;
  if (!Array.isArray(targets))
    throw fields.wrong("layers_to_transform", "left out where target_modules is no list", chosen);
  const layers = fields.tokenIds("layers_to_transform");
  const patterns = isNamed ? [named].flat() : ["[^.]*"];
  if (!patterns.every((each) => typeof each === "string")) throw fields.wrong("layers_pattern", "a name or several");
  const start = isNamed ? "(?:.*?\\.)?" : ".*?\\.";
  const expressions = patterns.map((each) => expression(fields, "layers_pattern", `^${start}(?:${each})\\.(\\d+)\\.`));
  return (name) => {
    const found = expressions.map((each) => each.exec(name)?.at(-1)).find((layer) => layer !== undefined);
    return targets.includes(name) || (found !== undefined && layers.includes(Number(found)));
  };
}

/** Values by expressions of module names, the first that fits: the whole name, or what follows one of its dots. */
function parsePattern(fields: Fields, name: string): (names: readonly string[]) => number | undefined {
  const section = fields.section(name, {});
  const rows = section.names().map((key) => {
    const value = name === "rank_pattern" ? section.size(key) : section.number(key);
    return [expression(fields, name, `^(?:.*\\.)?(?:${key})$`), value] as const;
  });
  return (names) => rows.find(([pattern]) => names.some((each) => pattern.test(each)))?.[1];
}

/** What Python's expressions say otherwise than JavaScript's, or JavaScript's do not know. */
const PYTHON_ONLY = /\\[AZz]|\(\?[P#(aiLmsux]|\{,/;

function expression(fields: Fields, name: string, text: string): RegExp {
  try {
    if (!PYTHON_ONLY.test(text)) return new RegExp(text);
  } catch {
    // refused below
  }
  throw fields.wrong(name, "a regular expression that JavaScript can read");
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === false ||
    (typeof value === "object" && Object.keys(value).length === 0)
  );
}
