import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../base/errors";
import { repositoryRoot } from "../base/repository-root";

/** A pre-trained model on disk, and the hash of everything in it that matters. */
export interface CheckpointFolder {
  readonly folder: string;
  readonly fingerprint: string;
}

const FILES = [
  "config.json",
  "model.safetensors",
  "tokenizer.json",
  "tokenizer_config.json",
  "preprocessor_config.json",
  "chat_template.jinja",
];

/**
 * The folder of a pre-trained model: the one named, or the repository's own in data/checkpoints.
 *
 * @throws DataError when it holds no model, saying which command makes one.
 */
export function checkpointFolder(model: "clip" | "qwen2-vl", named?: string): CheckpointFolder {
  const folder = named ?? join(repositoryRoot(), "data", "checkpoints", model);
  if (!existsSync(join(folder, "model.safetensors"))) {
    throw new DataError(
      `checkpointFolder: ${folder} must hold a ${model} model (model.safetensors); there is none. Run npm run checkpoints, or name another folder.`,
      { folder, model },
    );
  }
  const hash = createHash("sha256");
  for (const name of FILES) {
    const file = join(folder, name);
    if (existsSync(file)) hash.update(`${name}\n`).update(readFileSync(file));
  }
  return { folder, fingerprint: `${model}:${hash.digest("hex").slice(0, 32)}` };
}
