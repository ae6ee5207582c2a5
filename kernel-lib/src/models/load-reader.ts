import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../base/errors";
import { loadPixtral, type Pixtral, savePixtral } from "./pixtral";
import { loadQwen2Vl, type Qwen2Vl, saveQwen2Vl } from "./qwen2-vl";
import type { VisionLanguageModel } from "./vision-language";

/** Loaders by the `model_type` of config.json. Pixtral's folders are LLaVA's with another vision tower. */
const LOADERS: Readonly<Record<string, (folder: string) => VisionLanguageModel>> = {
  qwen2_vl: loadQwen2Vl,
  llava: loadPixtral,
};

/**
 * Reads a Hugging Face folder of either reader: Qwen2-VL or Pixtral, whichever its config.json names.
 *
 * @throws DataError when config.json is missing, broken or of another model, or the folder does not fit it.
 */
export function loadReaderModel(folder: string): VisionLanguageModel {
  const type = modelType(join(folder, "config.json"));
  const load = typeof type === "string" && Object.hasOwn(LOADERS, type) ? LOADERS[type] : undefined;
  if (load !== undefined) return load(folder);
  throw new DataError(
    `loadReaderModel: model_type of ${folder}/config.json must be one of ${Object.keys(LOADERS).join(", ")}; got ${JSON.stringify(type)}. Name the folder of a Qwen2-VL or a Pixtral.`,
    { folder, model_type: type },
  );
}

/** Writes either reader as a folder that `loadReaderModel` and transformers read. Adapters are not in it. */
export function saveReaderModel(model: VisionLanguageModel, folder: string): void {
  if (model.kind === "pixtral") savePixtral(model as Pixtral, folder);
  else saveQwen2Vl(model as Qwen2Vl, folder);
}

function modelType(file: string): unknown {
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
