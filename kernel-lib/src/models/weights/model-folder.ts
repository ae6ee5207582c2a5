import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import { MODEL_FILES, missingFile } from "../../hub/model-files";
import { writeFileAtomic } from "../../store/files";
import type { JsonObject } from "./fields";
import type { WeightArray } from "./parameters";
import { readWeights, type WriteWeightsOptions, writeWeights } from "./weight-files";

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

/** The JSON files that are parts of a checkpoint as they stand. */
const PARTS = ["config", "tokenizer", "tokenizerConfig", "preprocessor", "processor"] as const;
type Part = (typeof PARTS)[number];

/**
 * Reads a Hugging Face model folder.
 *
 * @throws DataError when the folder, config.json or the weights are missing or broken, naming the file.
 */
export function readCheckpoint(folder: string): Checkpoint {
  if (!existsSync(join(folder, MODEL_FILES.config))) throw missingFile(folder, MODEL_FILES.config);
  const tokenizerConfig = readJson(folder, MODEL_FILES.tokenizerConfig);
  const processor = readJson(folder, MODEL_FILES.processor);
  return {
    config: readJson(folder, MODEL_FILES.config)!,
    weights: readWeights(folder),
    tokenizer: readJson(folder, MODEL_FILES.tokenizer),
    tokenizerConfig,
    preprocessor: readJson(folder, MODEL_FILES.preprocessor) ?? objectIn(processor, "image_processor"),
    ...(processor === null ? {} : { processor }),
    chatTemplate: readTemplate(folder, tokenizerConfig),
  };
}

/**
 * Writes a Hugging Face model folder, each file atomically and the weights last; parts that are null are left out.
 *
 * Memory: one weight at a time where `weights` makes its values when asked, as `ParameterStore.entries` does.
 */
export function writeCheckpoint(folder: string, checkpoint: Checkpoint, options: WriteWeightsOptions = {}): void {
  for (const part of PARTS) {
    const json = checkpoint[part];
    if (json !== null && json !== undefined)
      writeFileAtomic(join(folder, MODEL_FILES[part]), `${JSON.stringify(json, null, 2)}\n`);
  }
  if (checkpoint.chatTemplate !== null)
    writeFileAtomic(join(folder, MODEL_FILES.chatTemplate), checkpoint.chatTemplate);
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
export function requirePart<K extends Part>(
  where: string,
  checkpoint: Checkpoint,
  part: K,
): NonNullable<Checkpoint[K]> {
  const value = checkpoint[part];
  if (value !== null && value !== undefined) return value as NonNullable<Checkpoint[K]>;
  throw new DataError(
    `${where}: the model's folder must hold ${MODEL_FILES[part]}; there is none. Copy it from the model.`,
    {
      file: MODEL_FILES[part],
    },
  );
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
  const file = join(folder, MODEL_FILES.chatTemplate);
  if (existsSync(file)) return readFileSync(file, "utf8");
  const value = (readJson(folder, MODEL_FILES.chatTemplateJson) ?? tokenizerConfig)?.["chat_template"];
  return typeof value === "string" ? value : null;
}
