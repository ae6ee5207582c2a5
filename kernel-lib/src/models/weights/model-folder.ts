import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../../base/check";
import { DataError } from "../../base/errors";
import { MODEL_FILES, requireConfigFile } from "../../hub/model-files";
import { writeFileAtomic } from "../../store/files";
import { Fields, type JsonObject, wordsOf } from "./fields";
import type { WeightArray } from "./parameters";
import { readWeights, type WriteWeightsOptions, writeWeights } from "./weight-files";

/** A Hugging Face model folder in memory. Files that a folder does not have are null. */
export interface Checkpoint {
  /** config.json */
  readonly config: JsonObject;
  /** Of model.safetensors or its shards; F16 and BF16 widened to 32 bits; others are marked. Read from the file each time `data` is asked for. */
  readonly weights: ReadonlyMap<string, WeightArray>;
  /** tokenizer.json */
  readonly tokenizer: JsonObject | null;
  /** tokenizer_config.json, and what special_tokens_map.json says besides. */
  readonly tokenizerConfig: JsonObject | null;
  /** The image processor inside processor_config.json, or preprocessor_config.json. */
  readonly preprocessor: JsonObject | null;
  /** processor_config.json: which tokens pictures are written with. Left out where a model has none. */
  readonly processor?: JsonObject;
  /** generation_config.json: which tokens end an answer. Left out where a model has none. */
  readonly generation?: JsonObject;
  /** The template inside processor_config.json or chat_template.json, chat_template.jinja, or the one inside tokenizer_config.json. */
  readonly chatTemplate: string | null;
}

/** How a folder is written. */
interface WriteCheckpointOptions extends WriteWeightsOptions {
  /** Name of the configuration's file. Default config.json. */
  readonly configFile?: string;
}

/** The JSON files that are parts of a checkpoint as they stand. */
const PARTS = ["config", "tokenizer", "tokenizerConfig", "preprocessor", "processor", "generation"] as const;
type Part = (typeof PARTS)[number];

/**
 * Reads a Hugging Face model folder.
 *
 * @throws DataError when the folder, config.json or the weights are missing or broken, naming the file.
 */
export function readCheckpoint(folder: string): Checkpoint {
  const configFile = requireConfigFile(folder);
  const tokenizer = readJson(folder, MODEL_FILES.tokenizer);
  const tokenizerConfig = readTokens(folder, tokenizer);
  const processor = readJson(folder, MODEL_FILES.processor);
  const generation = readJson(folder, MODEL_FILES.generation);
  return {
    config: readJson(folder, configFile)!,
    weights: readWeights(folder),
    tokenizer,
    tokenizerConfig,
    preprocessor: objectIn(processor, "image_processor") ?? readJson(folder, MODEL_FILES.preprocessor),
    ...(processor === null ? {} : { processor }),
    ...(generation === null ? {} : { generation }),
    chatTemplate: readTemplate(folder, processor, tokenizerConfig),
  };
}

/**
 * Writes a Hugging Face model folder, each file atomically and the weights last; parts that are null are left out.
 *
 * Memory: one weight at a time where `weights` makes its values when asked, as `ParameterStore.entries` does.
 */
export function writeCheckpoint(folder: string, checkpoint: Checkpoint, options: WriteCheckpointOptions = {}): void {
  const fileOf = (part: Part): string => (part === "config" ? options.configFile : undefined) ?? MODEL_FILES[part];
  for (const part of PARTS) {
    const json = checkpoint[part];
    if (json !== null && json !== undefined)
      writeFileAtomic(join(folder, fileOf(part)), `${JSON.stringify(json, null, 2)}\n`);
  }
  if (checkpoint.chatTemplate !== null)
    writeFileAtomic(join(folder, MODEL_FILES.chatTemplate), checkpoint.chatTemplate);
  writeWeights(folder, checkpoint.weights, options);
}

/**
 * The weights that a configuration asks for, in the order of the file: exactly these must be there. A tensor of a type that no
 * weight has (counters, flags) is left out where the model does not ask for it.
 *
 * @param expected shape per weight name.
 * @throws DataError naming the first missing, unknown or wrongly shaped weight, with both shapes, or one of another type.
 */
export function neededWeights(
  where: string,
  weights: ReadonlyMap<string, WeightArray>,
  expected: ReadonlyMap<string, readonly number[]>,
): Map<string, WeightArray> {
  for (const [name, shape] of expected) assertWeight(where, { name, shape }, weights.get(name));
  const needed = new Map([...weights].filter(([name, { unusable }]) => expected.has(name) || unusable === undefined));
  for (const [name, { shape }] of needed) {
    if (expected.has(name)) continue;
    throw new DataError(
      `${where}: model.safetensors must hold no weight the model does not know; got ${name} [${shape.join(", ")}]. ${ONE_CHECKPOINT}`,
      { name, shape },
    );
  }
  return needed;
}

const ONE_CHECKPOINT = "Use the config.json and model.safetensors of one checkpoint.";

function assertWeight(
  where: string,
  { name, shape }: { readonly name: string; readonly shape: readonly number[] },
  weight: WeightArray | undefined,
): void {
  const wanted = `[${shape.join(", ")}]`;
  if (weight === undefined)
    throw new DataError(
      `${where}: model.safetensors must hold weight ${name} with shape ${wanted}; there is none. ${ONE_CHECKPOINT}`,
      { name, shape },
    );
  if (weight.unusable !== undefined)
    throw new DataError(
      `${where}: weight ${name} must be F32, F16 or BF16; got ${weight.unusable}, which is not supported. Take the model's files before they were quantised or converted.`,
      { name, dtype: weight.unusable },
    );
  if (shape.length !== weight.shape.length || shape.some((n, axis) => n !== weight.shape[axis]))
    throw new DataError(
      `${where}: weight ${name} must have shape ${wanted}; got [${weight.shape.join(", ")}]. ${ONE_CHECKPOINT}`,
      { name, shape: weight.shape, expected: shape },
    );
}

/** A part that a model cannot do without. @throws DataError naming the file. */
export function requirePart<K extends Part>(
  where: string,
  checkpoint: Checkpoint,
  part: K,
): NonNullable<Checkpoint[K]> {
  const value = checkpoint[part];
  if (value !== null && value !== undefined) return value as NonNullable<Checkpoint[K]>;
  const next =
    part === "tokenizer"
      ? "Copy it from the model; of one with older files (vocab.json, vocab.txt, tokenizer.model), load the tokenizer with transformers and save it again with save_pretrained."
      : "Copy it from the model.";
  throw new DataError(`${where}: the model's folder must hold ${MODEL_FILES[part]}; there is none. ${next}`, {
    file: MODEL_FILES[part],
  });
}

/** Read elsewhere, or names of code, or of tokens and counts that no picture needs. */
const PROCESSOR_IRRELEVANT = wordsOf(`
  auto_map chat_template image_processor image_token image_token_id num_additional_image_tokens processor_class tokenizer
  tokenizer_class transformers_version video_processor video_token vision_end_token vision_feature_select_strategy
  vision_start_token
`);

/** A processor_config.json, what every architecture ignores marked: read the rest, then `refuseOthers`. */
export function processorFields(where: string, json: JsonObject): Fields {
  const fields = new Fields(json, {
    where,
    file: MODEL_FILES.processor,
    advice: "Use a model whose prompts are made as the published ones.",
  });
  fields.ignore(PROCESSOR_IRRELEVANT);
  return fields;
}

function readJson(folder: string, file: string): JsonObject | null {
  const path = join(folder, file);
  if (!existsSync(path)) return null;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new DataError(`readCheckpoint: ${path} must be JSON (${(cause as Error).message}). Write it again.`, {
      file,
    });
  }
  if (isObject(value)) return value;
  throw new DataError(`readCheckpoint: ${path} must hold a JSON object. Write it again.`, { file });
}

/**
 * tokenizer_config.json with the tokens of the older files beside it. transformers reads those where it lists no `added_tokens_decoder`,
 * and what they say goes before.
 *
 * @throws DataError naming a token that tokenizer.json does not have: it would get an id there that nothing here gives it.
 */
function readTokens(folder: string, tokenizer: JsonObject | null): JsonObject | null {
  const config = readJson(folder, MODEL_FILES.tokenizerConfig);
  if (config?.["added_tokens_decoder"] !== undefined || tokenizer === null) return config;
  const special = readJson(folder, MODEL_FILES.specialTokens);
  const vocab = objectIn(objectIn(tokenizer, "model"), "vocab") ?? {};
  const known = tokenizerFields(tokenizer).objects("added_tokens", "tokens", []);
  for (const token of Object.keys(readJson(folder, MODEL_FILES.addedTokens) ?? {}))
    if (!Object.hasOwn(vocab, token) && !known.some((each) => each["content"] === token))
      throw new DataError(
        `readCheckpoint: ${join(folder, MODEL_FILES.addedTokens)} must name tokens of ${MODEL_FILES.tokenizer} only; got ${JSON.stringify(token)}. Save the tokenizer once more with transformers.`,
        { folder, token },
      );
  return special === null ? config : { ...config, ...special };
}

const tokenizerFields = (json: JsonObject): Fields =>
  new Fields(json, { where: "readCheckpoint", file: MODEL_FILES.tokenizer, advice: "Copy it from the model." });

function objectIn(json: JsonObject | null, field: string): JsonObject | null {
  const value = json?.[field];
  return isObject(value) ? value : null;
}

/** The first template in transformers' order. */
function readTemplate(folder: string, processor: JsonObject | null, tokenizerConfig: JsonObject | null): string | null {
  const field = "chat_template";
  const file = join(folder, MODEL_FILES.chatTemplate);
  return (
    templateIn(MODEL_FILES.processor, processor?.[field]) ??
    templateIn(MODEL_FILES.chatTemplateJson, readJson(folder, MODEL_FILES.chatTemplateJson)?.[field]) ??
    (existsSync(file) ? readFileSync(file, "utf8") : null) ??
    templateIn(MODEL_FILES.tokenizerConfig, tokenizerConfig?.[field])
  );
}

/** One template, or the one called "default" of several: a table of names, or a list of { name, template }. */
function templateIn(file: string, value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  const named = Array.isArray(value)
    ? value.filter(isObject).find((each) => each["name"] === "default")?.["template"]
    : isObject(value) && value["default"];
  if (typeof named === "string") return named;
  throw new DataError(
    `readCheckpoint: chat_template of ${file} must be a text, or hold one called "default"; got ${JSON.stringify(value).slice(0, 80)}. Copy the file from the model.`,
    { file },
  );
}
