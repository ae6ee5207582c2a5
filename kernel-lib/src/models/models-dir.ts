import { join, resolve } from "node:path";
import { repositoryRoot } from "../base/repository-root";
import type { ModelName } from "./model-name";

const set = (name: string): string | null => process.env[name] || null;

/** Where fetched models go: the folder models of JOMED_DATA_DIR, else data/raw/models of the repository. */
export function fetchedModelsDir(): string {
  return resolve(set("JOMED_DATA_DIR") ?? join(repositoryRoot(), "data", "raw"), "models");
}

/** A folder with models that came another way: JOMED_MODELS_DIR; null where none is named. */
export function ownModelsDir(): string | null {
  const named = set("JOMED_MODELS_DIR");
  return named === null ? null : resolve(named);
}

/** The folder of a fetched model. A slash in a revision is written %2F. */
export function fetchedFolder(modelsDir: string, { owner, name, revision }: ModelName): string {
  return join(modelsDir, `${owner}--${name}`, encodeURIComponent(revision ?? "main"));
}
