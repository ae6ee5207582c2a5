import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../base/errors";
import { type Clip, loadClip, saveClip } from "./clip/weights";
import type { DualEncoder } from "./dual-encoder";
import { type JinaClip, loadJinaClip, saveJinaClip } from "./jina-clip/weights";
import { loadPixtral, type Pixtral, savePixtral } from "./pixtral/weights";
import { loadQwen2Vl, type Qwen2Vl, saveQwen2Vl } from "./qwen2-vl/weights";
import type { VisionLanguageModel } from "./vision-language/model";

/** Loaders by the `model_type` of config.json. */
const ENCODER_LOADERS: Readonly<Record<string, (folder: string) => DualEncoder>> = {
  clip: loadClip,
  jina_clip: loadJinaClip,
};

/**
 * Reads a folder of either dual encoder: CLIP or Jina-CLIP, whichever its config.json names.
 *
 * @throws DataError when config.json is missing, broken or of another model, or the folder does not fit it.
 */
export function loadDualEncoder(folder: string): DualEncoder {
  const type = encoderType(join(folder, "config.json"));
  const load = typeof type === "string" && Object.hasOwn(ENCODER_LOADERS, type) ? ENCODER_LOADERS[type] : undefined;
  if (load !== undefined) return load(folder);
  throw new DataError(
    `loadDualEncoder: model_type of ${folder}/config.json must be one of ${Object.keys(ENCODER_LOADERS).join(", ")}; got ${JSON.stringify(type)}. Name the folder of a CLIP or a Jina-CLIP.`,
    { folder, model_type: type },
  );
}

/** Writes either dual encoder as a folder that `loadDualEncoder` reads. */
export function saveDualEncoder(encoder: DualEncoder, folder: string): void {
  if (encoder.kind === "clip") saveClip(encoder as Clip, folder);
  else saveJinaClip(encoder as JinaClip, folder);
}

function encoderType(file: string): unknown {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { model_type?: unknown } | null)?.model_type;
  } catch (cause) {
    throw new DataError(
      `loadDualEncoder: ${file} must be a JSON file. Name a folder with a model in it.`,
      { file },
      cause,
    );
  }
}

/** Loaders by the `model_type` of config.json. Pixtral's folders are LLaVA's with another vision tower. */
const READER_LOADERS: Readonly<Record<string, (folder: string) => VisionLanguageModel>> = {
  qwen2_vl: loadQwen2Vl,
  llava: loadPixtral,
};

/**
 * Reads a Hugging Face folder of either reader: Qwen2-VL or Pixtral, whichever its config.json names.
 *
 * @throws DataError when config.json is missing, broken or of another model, or the folder does not fit it.
 */
export function loadReaderModel(folder: string): VisionLanguageModel {
  const type = readerType(join(folder, "config.json"));
  const load = typeof type === "string" && Object.hasOwn(READER_LOADERS, type) ? READER_LOADERS[type] : undefined;
  if (load !== undefined) return load(folder);
  throw new DataError(
    `loadReaderModel: model_type of ${folder}/config.json must be one of ${Object.keys(READER_LOADERS).join(", ")}; got ${JSON.stringify(type)}. Name the folder of a Qwen2-VL or a Pixtral.`,
    { folder, model_type: type },
  );
}

/** Writes either reader as a folder that `loadReaderModel` and transformers read. Adapters are not in it. */
export function saveReaderModel(model: VisionLanguageModel, folder: string): void {
  if (model.kind === "pixtral") savePixtral(model as Pixtral, folder);
  else saveQwen2Vl(model as Qwen2Vl, folder);
}

function readerType(file: string): unknown {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { model_type?: unknown } | null)?.model_type;
  } catch (cause) {
    throw new DataError(
      `loadReaderModel: ${file} must be a JSON file. Name a folder with a model in it.`,
      { file },
      cause,
    );
  }
}
