import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import { writeFileAtomic } from "../../store/files";
import type { JsonObject } from "../text/tokenizer";
import type { WeightArray } from "./parameters";
import { missingFile, readWeights, type WriteWeightsOptions, weightFiles, writeWeights } from "./weight-files";

/** A Hugging Face model folder in memory. Files that a folder does not have are null. */
export interface Checkpoint {
  /** config.json */
  readonly config: JsonObject;
  /** Of model.safetensors or its shards; F16 and BF16 widened to 32 bits. Read from the file each time `data` is asked for. */
  readonly weights: ReadonlyMap<string, WeightArray>;
  /** tokenizer.json */
  readonly tokenizer: JsonObject | null;
  /** tokenizer_config.json */
  readonly tokenizerConfig: JsonObject | null;
  /** preprocessor_config.json, or the image processor inside processor_config.json. */
  readonly preprocessor: JsonObject | null;
  /** processor_config.json: which tokens pictures are written with. Left out where a model has none. */
  readonly processor?: JsonObject;
  /** chat_template.jinja, or the template inside chat_template.json or tokenizer_config.json. */
  readonly chatTemplate: string | null;
}

const FILES = {
  config: "config.json",
  tokenizer: "tokenizer.json",
  tokenizerConfig: "tokenizer_config.json",
  preprocessor: "preprocessor_config.json",
  processor: "processor_config.json",
} as const;
const CHAT_TEMPLATE = "chat_template.jinja";
const CHAT_TEMPLATE_JSON = "chat_template.json";

/** Files of a model folder beside its weights, in the order of its fingerprint. */
export const REQUIRED_FILES: readonly string[] = [FILES.config];
export const OPTIONAL_FILES: readonly string[] = [
  FILES.tokenizer,
  FILES.tokenizerConfig,
  FILES.preprocessor,
  CHAT_TEMPLATE,
  FILES.processor,
  CHAT_TEMPLATE_JSON,
];

/**
 * Reads a Hugging Face model folder.
 *
 * @throws DataError when the folder, config.json or the weights are missing or broken, naming the file.
 */
export function readCheckpoint(folder: string): Checkpoint {
  if (!existsSync(join(folder, FILES.config))) throw missingFile(folder, FILES.config);
  const tokenizerConfig = readJson(folder, FILES.tokenizerConfig);
  const processor = readJson(folder, FILES.processor);
  return {
    config: readJson(folder, FILES.config)!,
    weights: readWeights(folder),
    tokenizer: readJson(folder, FILES.tokenizer),
    tokenizerConfig,
    preprocessor: readJson(folder, FILES.preprocessor) ?? objectIn(processor, "image_processor"),
    ...(processor === null ? {} : { processor }),
    chatTemplate: readTemplate(folder, tokenizerConfig),
  };
}

/**
 * The names of all files of a model folder that `readCheckpoint` reads, those that are there, in an order that never changes:
 * what decides how the model answers.
 *
 * @throws DataError when config.json or the weights are missing, naming the file.
 */
export function checkpointFiles(folder: string): string[] {
  if (!existsSync(join(folder, FILES.config))) throw missingFile(folder, FILES.config);
  const others = OPTIONAL_FILES.filter((file) => existsSync(join(folder, file)));
  return [...REQUIRED_FILES, ...weightFiles(folder), ...others];
}

/**
 * Writes a Hugging Face model folder, each file atomically and the weights last; parts that are null are left out.
 *
 * Memory: one weight at a time where `weights` makes its values when asked, as `ParameterStore.entries` does.
 */
export function writeCheckpoint(folder: string, checkpoint: Checkpoint, options: WriteWeightsOptions = {}): void {
  for (const [part, file] of Object.entries(FILES) as [keyof typeof FILES, string][]) {
    const json = checkpoint[part];
    if (json !== null && json !== undefined) writeFileAtomic(join(folder, file), `${JSON.stringify(json, null, 2)}\n`);
  }
  if (checkpoint.chatTemplate !== null) writeFileAtomic(join(folder, CHAT_TEMPLATE), checkpoint.chatTemplate);
  writeWeights(folder, checkpoint.weights, options);
}

/**
 * Checks that a model got exactly the weights its configuration asks for.
 *
 * @param expected shape per weight name.
 * @throws DataError naming the first missing, unknown or wrongly shaped weight, with both shapes.
 */
export function assertWeights(
  where: string,
  weights: ReadonlyMap<string, WeightArray>,
  expected: ReadonlyMap<string, readonly number[]>,
): void {
  const advice = "Use the config.json and model.safetensors of one checkpoint.";
  for (const [name, shape] of expected) {
    const weight = weights.get(name);
    if (weight === undefined) {
      const wanted = `weight ${name} with shape [${shape.join(", ")}]`;
      throw new DataError(`${where}: model.safetensors must hold ${wanted}; there is none. ${advice}`, { name, shape });
    }
    if (shape.length !== weight.shape.length || shape.some((n, axis) => n !== weight.shape[axis]))
      throw new DataError(
        `${where}: weight ${name} must have shape [${shape.join(", ")}]; got [${weight.shape.join(", ")}]. ${advice}`,
        { name, shape: weight.shape, expected: shape },
      );
  }
  for (const [name, { shape }] of weights) {
    if (expected.has(name)) continue;
    throw new DataError(
      `${where}: model.safetensors must hold no weight the model does not know; got ${name} [${shape.join(", ")}]. ${advice}`,
      { name, shape },
    );
  }
}

/** A part that a model cannot do without. @throws DataError naming the file. */
export function requirePart<K extends keyof typeof FILES>(
  where: string,
  checkpoint: Checkpoint,
  part: K,
): NonNullable<Checkpoint[K]> {
  const value = checkpoint[part];
  if (value !== null && value !== undefined) return value as NonNullable<Checkpoint[K]>;
  throw new DataError(`${where}: the model's folder must hold ${FILES[part]}; there is none. Copy it from the model.`, {
    file: FILES[part],
  });
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
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new DataError(`readCheckpoint: ${path} must hold a JSON object. Write it again.`, { file });
}

function objectIn(json: JsonObject | null, field: string): JsonObject | null {
  const value = json?.[field];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

function readTemplate(folder: string, tokenizerConfig: JsonObject | null): string | null {
  const file = join(folder, CHAT_TEMPLATE);
  if (existsSync(file)) return readFileSync(file, "utf8");
  const value = (readJson(folder, CHAT_TEMPLATE_JSON) ?? tokenizerConfig)?.["chat_template"];
  return typeof value === "string" ? value : null;
}
