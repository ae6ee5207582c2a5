import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { DataError } from "../base/errors";

/**
 * Which files make a model, in the layout in which the hub publishes it: a folder with config.json, weights as safetensors (one
 * file, or shards with an index), tokenizer, processor and chat template.
 */
export const MODEL_FILES = {
  config: "config.json",
  tokenizer: "tokenizer.json",
  tokenizerConfig: "tokenizer_config.json",
  preprocessor: "preprocessor_config.json",
  processor: "processor_config.json",
  generation: "generation_config.json",
  chatTemplate: "chat_template.jinja",
  /** The template in a JSON file, as older models have it. */
  chatTemplateJson: "chat_template.json",
} as const;

/** All weights in one file; where it is there, it is read. */
export const WEIGHTS_FILE = "model.safetensors";
/** Which shard holds which weight. */
export const WEIGHTS_INDEX = "model.safetensors.index.json";

/** Files beside config.json and the weights, in the order of a model's fingerprint. */
export const OPTIONAL_FILES: readonly string[] = [
  MODEL_FILES.tokenizer,
  MODEL_FILES.tokenizerConfig,
  MODEL_FILES.preprocessor,
  MODEL_FILES.chatTemplate,
  MODEL_FILES.processor,
  MODEL_FILES.chatTemplateJson,
  MODEL_FILES.generation,
];

/**
 * The names of all files that a model is read from, those that are there, in an order that never changes: what decides how the
 * model answers.
 *
 * @throws DataError when config.json or the weights are missing, naming the file.
 */
export function checkpointFiles(folder: string): string[] {
  if (!existsSync(join(folder, MODEL_FILES.config))) throw missingFile(folder, MODEL_FILES.config);
  const others = OPTIONAL_FILES.filter((file) => existsSync(join(folder, file)));
  return [MODEL_FILES.config, ...weightFiles(folder), ...others];
}

/** model.safetensors, or the index and then its shards by name. */
function weightFiles(folder: string): string[] {
  if (existsSync(join(folder, WEIGHTS_FILE))) return [WEIGHTS_FILE];
  const shards = listedShards(folder);
  for (const file of shards)
    if (!existsSync(join(folder, file))) throw wrongIndex(folder, `lists ${file}, which is not there`);
  return [WEIGHTS_INDEX, ...shards];
}

/** The shards that the index lists, by name. @throws DataError as `readShardIndex`. */
export function listedShards(folder: string): string[] {
  return [...new Set(readShardIndex(folder).values())].sort();
}

/** The shard of each weight. @throws DataError when the index is missing or broken, or names a file elsewhere. */
export function readShardIndex(folder: string): Map<string, string> {
  const file = join(folder, WEIGHTS_INDEX);
  if (!existsSync(file)) throw missingFile(folder, WEIGHTS_FILE);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw wrongIndex(folder, "must be a JSON file", cause);
  }
  const map = (json as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) throw wrongIndex(folder, "must hold a weight_map");
  return new Map(
    Object.entries(map).map(([name, value]) => {
      if (typeof value === "string" && value === basename(value) && value.endsWith(".safetensors"))
        return [name, value];
      throw wrongIndex(folder, `must name a .safetensors file beside it for ${name}; got ${JSON.stringify(value)}`);
    }),
  );
}

/** The error for a folder without a file that every model has. */
export function missingFile(folder: string, file: string): DataError {
  const advice = "Run npm run checkpoints to make the models that belong to this repository, or name another folder.";
  return new DataError(`readCheckpoint: ${folder} must hold ${file}; there is none. ${advice}`, { folder, file });
}

/** The error for an index that does not fit its shards. */
export function wrongIndex(folder: string, problem: string, cause?: unknown): DataError {
  return new DataError(
    `readCheckpoint: ${join(folder, WEIGHTS_INDEX)} ${problem}. Fetch the index and all its shards again.`,
    { folder, file: WEIGHTS_INDEX },
    cause,
  );
}
