import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isKernelError } from "../base/errors";
import { checkpointFiles } from "./checkpoint";
import { readFetched } from "./fetch-model";
import { fetchedModelsDir, ownModelsDir } from "./models-dir";

/** A model folder on this machine. */
export interface ListedModel {
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
  return [...fetchedPlaces(modelsDir), ...(own === null ? [] : ownPlaces(own))]
    .filter(({ folder }) => existsSync(join(folder, "config.json")))
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

function ownPlaces(dir: string): Place[] {
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
  try {
    const { model_type } = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as { model_type?: unknown };
    return typeof model_type === "string" ? model_type : null;
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
