import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../base/check";
import { ConfigError, DataError } from "../base/errors";
import { findConfigFile, MODEL_FILES } from "../hub/model-files";
import type { DualEncoder, EncoderArchitecture } from "./dual-encoder/encoder";
import * as registry from "./registry";
import type { ReaderArchitecture, VisionLanguageModel } from "./vision-language/model";

type Architecture = EncoderArchitecture | ReaderArchitecture;

const ROWS: readonly Architecture[] = Object.values(registry);
const ENCODERS = ROWS.filter((row): row is EncoderArchitecture => row.family === "encoder");
const READERS = ROWS.filter((row): row is ReaderArchitecture => row.family === "reader");

/** The readers of `registry.ts`, by kind: "qwen2-vl", "pixtral" … */
export function readerKinds(): string[] {
  return READERS.map(({ kind }) => kind);
}

/** The folders inside `folder` that say they hold a reader of `registry.ts`, by name; none where there is no such folder. */
export function readersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const holdsReader = (name: string): boolean => {
    const file = join(folder, name, MODEL_FILES.config);
    return existsSync(file) && READERS.some(({ modelType }) => modelType === modelTypeOf("readersIn", file));
  };
  return readdirSync(folder).filter(holdsReader).sort();
}

/**
 * Reads a folder of any dual encoder of `registry.ts`: whichever its config.json names.
 *
 * @throws DataError when config.json is missing, broken or of another model, or the folder does not fit it.
 */
export function loadDualEncoder(folder: string): DualEncoder {
  return byModelType("loadDualEncoder", ENCODERS, folder).load(folder);
}

/** Writes a dual encoder as a folder that `loadDualEncoder` reads. */
export function saveDualEncoder(encoder: DualEncoder, folder: string): void {
  byKind("saveDualEncoder", ENCODERS, encoder.kind).save(encoder, folder);
}

/**
 * Reads a Hugging Face folder of any reader of `registry.ts`: whichever its config.json names.
 *
 * @throws DataError when config.json is missing, broken or of another model, or the folder does not fit it.
 */
export function loadReaderModel(folder: string): VisionLanguageModel {
  return byModelType("loadReaderModel", READERS, folder).load(folder);
}

/** Writes a reader as a folder that `loadReaderModel` and transformers read. Adapters are not in it. */
export function saveReaderModel(model: VisionLanguageModel, folder: string): void {
  byKind("saveReaderModel", READERS, model.kind).save(model, folder);
}

function byModelType<Row extends Architecture>(where: string, rows: readonly Row[], folder: string): Row {
  const file = findConfigFile(folder) ?? MODEL_FILES.config;
  const type = file === MODEL_FILES.openClip ? "open_clip" : modelTypeOf(where, join(folder, file));
  const row = rows.find(({ modelType }) => modelType === type);
  if (row !== undefined) return row;
  const [types, names] = [rows.map(({ modelType }) => modelType).join(", "), rows.map(({ name }) => name).join(" or ")];
  throw new DataError(
    `${where}: model_type of ${folder}/config.json must be one of ${types}; got ${JSON.stringify(type)}. Name the folder of a ${names}.`,
    { folder, model_type: type },
  );
}

function byKind<Row extends Architecture>(where: string, rows: readonly Row[], kind: string): Row {
  const row = rows.find((each) => each.kind === kind);
  if (row !== undefined) return row;
  throw new ConfigError(
    `${where}: kind of the model must be one of ${rows.map((each) => each.kind).join(", ")}; got ${JSON.stringify(kind)}. Add its row to registry.ts.`,
    { kind },
  );
}

function modelTypeOf(where: string, file: string): unknown {
  try {
    const config: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isObject(config) ? config["model_type"] : undefined;
  } catch (cause) {
    throw new DataError(`${where}: ${file} must be a JSON file. Name a folder with a model in it.`, { file }, cause);
  }
}
