import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../base/errors";
import { type Clip, loadClip, saveClip } from "./clip";
import type { DualEncoder } from "./dual-encoder";
import { type JinaClip, loadJinaClip, saveJinaClip } from "./jina-clip";

/** Loaders by the `model_type` of config.json. */
const LOADERS: Readonly<Record<string, (folder: string) => DualEncoder>> = { clip: loadClip, jina_clip: loadJinaClip };

/**
 * Reads a folder of either dual encoder: CLIP or Jina-CLIP, whichever its config.json names.
 *
 * @throws DataError when config.json is missing, broken or of another model, or the folder does not fit it.
 */
export function loadDualEncoder(folder: string): DualEncoder {
  const type = modelType(join(folder, "config.json"));
  const load = typeof type === "string" && Object.hasOwn(LOADERS, type) ? LOADERS[type] : undefined;
  if (load !== undefined) return load(folder);
  throw new DataError(
    `loadDualEncoder: model_type of ${folder}/config.json must be one of ${Object.keys(LOADERS).join(", ")}; got ${JSON.stringify(type)}. Name the folder of a CLIP or a Jina-CLIP.`,
    { folder, model_type: type },
  );
}

/** Writes either dual encoder as a folder that `loadDualEncoder` reads. */
export function saveDualEncoder(encoder: DualEncoder, folder: string): void {
  if (encoder.kind === "clip") saveClip(encoder as Clip, folder);
  else saveJinaClip(encoder as JinaClip, folder);
}

function modelType(file: string): unknown {
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
