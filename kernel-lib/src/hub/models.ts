import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { isObject } from "../base/check";
import { ConfigError, DataError, isKernelError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import type { HubFile } from "./client";
import { checkpointFiles, findConfigFile, MODEL_FILES } from "./model-files";

/** A model of the hub: whose, which, and which state of it. */
export interface ModelName {
  readonly owner: string;
  readonly name: string;
  /** "owner/name" */
  readonly id: string;
  /** A branch, a tag or a commit; null where none is said. */
  readonly revision: string | null;
}

const PART = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/;
const REVISION = /^[A-Za-z0-9_][A-Za-z0-9._/-]*$/;

/** Whether a text is written as the name of a model of the hub. */
export function isModelName(text: string): boolean {
  const [id = "", revision, ...rest] = text.split("@");
  const parts = id.split("/");
  const isId = parts.length === 2 && parts.every((part) => part.length <= 96 && PART.test(part) && !isOdd(part));
  return isId && rest.length === 0 && (revision === undefined || isRevision(revision));
}

/**
 * Reads "owner/name" or "owner/name@revision".
 *
 * @param revision as if it stood behind the @.
 * @throws ConfigError when it is written otherwise, or names two revisions.
 * @example parseModelName("Qwen/Qwen2-VL-2B-Instruct@main")
 */
export function parseModelName(where: string, text: string, revision?: string): ModelName {
  if (!isModelName(text))
    throw new ConfigError(
      `${where}: name must be owner/name or owner/name@revision of a model; got ${JSON.stringify(text)}. Copy it from the model's page.`,
      { name: text },
    );
  if (revision !== undefined && !isRevision(revision))
    throw new ConfigError(
      `${where}: revision must be a branch, a tag or a commit; got ${JSON.stringify(revision)}. Copy it from the model's page.`,
      { revision },
    );
  const [id, written] = text.split("@") as [string, string?];
  if (revision !== undefined && written !== undefined && revision !== written)
    throw new ConfigError(`${where}: revision must be said once; got ${written} and ${revision}. Leave one out.`, {
      revision,
      written,
    });
  const [owner, name] = id.split("/") as [string, string];
  return { owner, name, id, revision: revision ?? written ?? null };
}

const isRevision = (text: string): boolean => text.length <= 200 && REVISION.test(text) && !isOdd(text);

/** Dots and dashes that the hub allows in no name; the first one would climb out of a folder. */
const isOdd = (text: string): boolean => text.includes("..") || text.includes("--") || text.includes("//");

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

/** What was fetched; written beside the model as hub.json. */
export interface FetchedModel {
  readonly id: string;
  readonly revision: string;
  readonly commit: string;
  readonly files: readonly HubFile[];
}

export const FETCHED_FILE = "hub.json";

/** What hub.json says of a fetched model; null where there is none to read. */
export function readFetched(folder: string): FetchedModel | null {
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(join(folder, FETCHED_FILE), "utf8"));
  } catch {
    return null; // another folder, or a damaged one: it is fetched anew
  }
  return isFetched(found) ? found : null;
}

function isFetched(value: unknown): value is FetchedModel {
  if (!isObject(value) || !Array.isArray(value["files"])) return false;
  const isFile = (file: unknown): boolean =>
    isObject(file) && typeof file["path"] === "string" && typeof file["bytes"] === "number";
  return ["id", "revision", "commit"].every((name) => typeof value[name] === "string") && value["files"].every(isFile);
}

/** The folder of a fetched model. A slash in a revision is written %2F. */
export function fetchedFolder(modelsDir: string, { owner, name, revision }: ModelName): string {
  return join(modelsDir, `${owner}--${name}`, encodeURIComponent(revision ?? "main"));
}

interface FindModelOptions {
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
  const found = places.find((folder) => findConfigFile(folder) !== null);
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

/** A model folder on this machine. */
interface ListedModel {
  /** What `findModel` finds it by; just its last part where the folder does not say whose it is. */
  readonly name: string;
  /** Null where the folder does not say. */
  readonly revision: string | null;
  readonly folder: string;
  /** model_type of config.json; null where it names none. */
  readonly type: string | null;
  /** Size of the files it is read from; null where it is not complete. */
  readonly bytes: number | null;
}

type Place = Pick<ListedModel, "name" | "revision" | "folder">;

/**
 * The models on this machine: fetched ones, and those of JOMED_MODELS_DIR in the layouts that `findModel` knows.
 *
 * @param modelsDir where fetched models lie. Default data/raw/models.
 */
export function listModels(modelsDir: string = fetchedModelsDir()): ListedModel[] {
  const own = ownModelsDir();
  return [...fetchedPlaces(modelsDir), ...(own === null ? [] : listedPlaces(own))]
    .filter(({ folder }) => findConfigFile(folder) !== null)
    .map((place) => ({ ...place, type: typeOf(place.folder), bytes: bytesOf(place.folder) }));
}

function fetchedPlaces(dir: string): Place[] {
  return foldersIn(dir).flatMap((model) =>
    foldersIn(join(dir, model))
      .map((revision) => join(dir, model, revision))
      .flatMap((folder) => {
        const fetched = readFetched(folder);
        // drafts hold none until they are complete
        return fetched === null ? [] : [{ name: fetched.id, revision: fetched.revision, folder }];
      }),
  );
}

function listedPlaces(dir: string): Place[] {
  return foldersIn(dir).flatMap((first): Place[] => {
    const [kind, owner, name] = first.split("--");
    if (kind === "models" && owner !== undefined && name !== undefined) {
      const snapshots = join(dir, first, "snapshots");
      return foldersIn(snapshots).map((commit) => ({
        name: `${owner}/${name}`,
        revision: commit,
        folder: join(snapshots, commit),
      }));
    }
    const inner = foldersIn(join(dir, first)).map((second) => ({
      name: `${first}/${second}`,
      revision: null,
      folder: join(dir, first, second),
    }));
    return [{ name: first, revision: null, folder: join(dir, first) }, ...inner];
  });
}

function foldersIn(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .sort()
    .filter((name) => statSync(join(dir, name), { throwIfNoEntry: false })?.isDirectory() === true);
}

function typeOf(folder: string): string | null {
  if (findConfigFile(folder) === MODEL_FILES.openClip) return "open_clip";
  try {
    const config: unknown = JSON.parse(readFileSync(join(folder, MODEL_FILES.config), "utf8"));
    const type = isObject(config) ? config["model_type"] : null;
    return typeof type === "string" ? type : null;
  } catch {
    return null; // the list shows it without a type; loading it says what is wrong
  }
}

function bytesOf(folder: string): number | null {
  try {
    return checkpointFiles(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  } catch (error) {
    if (isKernelError(error, "data")) return null;
    throw error;
  }
}
