import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { isObject } from "../base/check";
import { DataError } from "../base/errors";

/**
 * Which files make a model, in the layout in which the hub publishes it: a folder with config.json, weights as safetensors (one
 * file, or shards with an index), tokenizer, processor and chat template.
 */
export const MODEL_FILES = {
  config: "config.json",
  /** Instead of config.json in a folder of open_clip's layout. */
  openClip: "open_clip_config.json",
  tokenizer: "tokenizer.json",
  tokenizerConfig: "tokenizer_config.json",
  /** Special tokens, and tokens beside the vocabulary, as folders of before 2023 have them. */
  specialTokens: "special_tokens_map.json",
  addedTokens: "added_tokens.json",
  preprocessor: "preprocessor_config.json",
  processor: "processor_config.json",
  generation: "generation_config.json",
  chatTemplate: "chat_template.jinja",
  /** The template in a JSON file, as older models have it. */
  chatTemplateJson: "chat_template.json",
} as const;

/** All weights in one file; where it is there, it is read. */
export const WEIGHTS_FILE = "model.safetensors";
/** The same in a folder of open_clip's layout, by its name and by that of the pickle it replaces. */
export const OPEN_CLIP_WEIGHTS: readonly string[] = [
  "open_clip_model.safetensors",
  "open_clip_pytorch_model.safetensors",
];
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
  MODEL_FILES.specialTokens,
  MODEL_FILES.addedTokens,
];

/**
 * The names of all files that a model is read from, those that are there, in an order that never changes: what decides how the
 * model answers.
 *
 * @throws DataError when config.json or the weights are missing, naming the file.
 */
export function checkpointFiles(folder: string): string[] {
  const others = OPTIONAL_FILES.filter((file) => existsSync(join(folder, file)));
  return [requireConfigFile(folder), ...weightFiles(folder), ...others];
}

/** config.json, or, where there is none, open_clip_config.json; null where neither is there. */
export function findConfigFile(folder: string): string | null {
  const names = [MODEL_FILES.config, MODEL_FILES.openClip];
  return names.find((name) => existsSync(join(folder, name))) ?? null;
}

/** The same where there must be one. @throws DataError where neither is there. */
export function requireConfigFile(folder: string): string {
  const found = findConfigFile(folder);
  if (found !== null) return found;
  throw missingFile(folder, MODEL_FILES.config);
}

/**
 * The one file that holds all weights, in either layout; null where there are shards or none.
 *
 * @throws DataError where a folder of open_clip's layout has none, which knows no shards.
 */
export function findWeightsFile(folder: string): string | null {
  if (findConfigFile(folder) !== MODEL_FILES.openClip)
    return existsSync(join(folder, WEIGHTS_FILE)) ? WEIGHTS_FILE : null;
  const found = OPEN_CLIP_WEIGHTS.find((name) => existsSync(join(folder, name)));
  if (found !== undefined) return found;
  throw missingOpenClipWeights(folder);
}

/** The file of all weights, or the index and then its shards by name. */
function weightFiles(folder: string): string[] {
  const single = findWeightsFile(folder);
  if (single !== null) return [single];
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
  if (!existsSync(file)) throw missingWeights(folder);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw wrongIndex(folder, "must be a JSON file", cause);
  }
  const map = isObject(json) ? json["weight_map"] : null;
  if (!isObject(map)) throw wrongIndex(folder, "must hold a weight_map");
  return new Map(
    Object.entries(map).map(([name, value]) => {
      if (typeof value === "string" && value === basename(value) && value.endsWith(".safetensors"))
        return [name, value];
      throw wrongIndex(folder, `must name a .safetensors file beside it for ${name}; got ${JSON.stringify(value)}`);
    }),
  );
}

/** What other programs keep weights in. */
const OTHER_WEIGHTS = /\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|onnx|gguf)$/;
/** Files of other layouts, and what they are. */
const OTHER_LAYOUTS: Readonly<Record<string, string>> = {
  "params.json": "Mistral's own layout, which is not read. Take the model in the layout of transformers",
  "adapter_config.json": "an adapter, which is no model. Load its model, and the adapter with loadLora",
};

const hasNames = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).sort() : []);

/** The error for a folder whose weights are missing, or in a format that is not read. */
function missingWeights(folder: string): DataError {
  const other = hasNames(folder).find((name) => OTHER_WEIGHTS.test(name));
  if (other === undefined) return missingFile(folder, WEIGHTS_FILE);
  return new DataError(
    `readCheckpoint: ${folder} must hold ${WEIGHTS_FILE} or ${WEIGHTS_INDEX}; got ${other}, which is not read. Load the model with transformers and save it again with save_pretrained.`,
    { folder, file: WEIGHTS_FILE, other },
  );
}

/** The error for a folder without a file that every model has. */
export function missingFile(folder: string, file: string): DataError {
  const other =
    file === MODEL_FILES.config ? hasNames(folder).find((name) => Object.hasOwn(OTHER_LAYOUTS, name)) : undefined;
  if (other !== undefined)
    return new DataError(`readCheckpoint: ${folder} must hold ${file}; got ${other}: ${OTHER_LAYOUTS[other]}.`, {
      folder,
      file,
      other,
    });
  const advice = "Run npm run checkpoints to make the models that belong to this repository, or name another folder.";
  return new DataError(`readCheckpoint: ${folder} must hold ${file}; there is none. ${advice}`, { folder, file });
}

/** The error for a folder of open_clip's layout without safetensors: the published BiomedCLIP has a pickle, which is never opened. */
function missingOpenClipWeights(folder: string): DataError {
  const [file] = OPEN_CLIP_WEIGHTS;
  return new DataError(
    `readCheckpoint: ${folder} must hold ${file}; there is none. Write it once where open_clip is installed: safetensors.torch.save_model(open_clip.create_model("local-dir:<folder>"), "${file}").`,
    { folder, file },
  );
}

/** The error for an index that does not fit its shards. */
export function wrongIndex(folder: string, problem: string, cause?: unknown): DataError {
  return new DataError(
    `readCheckpoint: ${join(folder, WEIGHTS_INDEX)} ${problem}. Fetch the index and all its shards again.`,
    { folder, file: WEIGHTS_INDEX },
    cause,
  );
}
