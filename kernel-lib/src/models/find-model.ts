import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, DataError } from "../base/errors";
import { isModelName, type ModelName, parseModelName } from "./model-name";
import { fetchedFolder, fetchedModelsDir, ownModelsDir } from "./models-dir";

export interface FindModelOptions {
  /** A branch, a tag or a commit. Default "main", or what JOMED_MODELS_DIR holds under the name. */
  readonly revision?: string;
  /** Where fetched models lie. Default data/raw/models. */
  readonly modelsDir?: string;
}

/**
 * The folder of a model on this machine, by its name on the hub. A folder's path gives that folder. Nothing is fetched.
 *
 * Looked for in JOMED_MODELS_DIR (as <owner>/<name>, <name>, or the hub's own cache models--<owner>--<name>/snapshots; where a
 * revision is named in the cache only, which knows revisions), then among the models that npm run data -- fetch-model fetched.
 *
 * @param name folder, "owner/name" or "owner/name@revision".
 * @throws DataError when it is not here, naming the command that fetches it. ConfigError when two revisions are named.
 * @example const model = loadReaderModel(findModel("Qwen/Qwen2-VL-2B-Instruct"))
 */
export function findModel(name: string, { revision, modelsDir }: FindModelOptions = {}): string {
  if (isFolder(name)) {
    if (revision === undefined) return name;
    throw new ConfigError(`findModel: revision must be left out for a folder; got ${revision} for ${name}.`, { name });
  }
  if (!isModelName(name))
    throw new DataError(
      `findModel: name must be a folder, or owner/name of a model; got ${JSON.stringify(name)}. Check the path.`,
      { name },
    );
  const model = parseModelName("findModel", name, revision);
  const fetched = fetchedFolder(modelsDir ?? fetchedModelsDir(), model);
  const own = ownModelsDir();
  const places = [...(own === null ? [] : ownPlaces(own, model)), fetched];
  const found = places.find((folder) => existsSync(join(folder, "config.json")));
  if (found !== undefined) return found;
  const ask = `${model.id}${model.revision === null ? "" : ` --revision ${model.revision}`}`;
  throw new DataError(
    `findModel: ${name} must be on this machine; it is not in ${places.join(", ")}. Run npm run data -- fetch-model ${ask}, or name its folder.`,
    { name, places },
  );
}

function ownPlaces(dir: string, { owner, name, revision }: ModelName): string[] {
  const cache = join(dir, `models--${owner}--${name}`);
  const snapshot = join(cache, "snapshots", commitOf(cache, revision ?? "main"));
  return revision === null ? [join(dir, owner, name), join(dir, name), snapshot] : [snapshot];
}

/** The hub's cache keeps the commit of a branch or tag in a file of that name; a commit stands for itself. */
function commitOf(cache: string, revision: string): string {
  const file = join(cache, "refs", revision);
  const commit = existsSync(file) && statSync(file).isFile() ? readFileSync(file, "utf8").trim() : revision;
  return /^[0-9a-f]{40}$/.test(commit) ? commit : encodeURIComponent(revision);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
