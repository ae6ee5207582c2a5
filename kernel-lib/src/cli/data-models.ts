import { join } from "node:path";
import type { Control } from "../base/types";
import { fetchModel } from "../hub/fetch-model";
import { listModels } from "../hub/models";
import type { TerminalProgress } from "./terminal-progress";

/** Which model, in which state; null for the hub's main branch. */
export interface FetchModelWish {
  readonly name: string;
  readonly revision: string | null;
  /** The data folder; models go to its folder models. */
  readonly dir: string;
}

/** `npm run data -- fetch-model`: fetches a model and says where it is. */
export async function sayFetchedModel(
  { name, revision, dir }: FetchModelWish,
  progress: TerminalProgress,
  control: Control,
): Promise<void> {
  const { folder, commit, outcome } = await fetchModel(name, {
    modelsDir: join(dir, "models"),
    control,
    ...(revision === null ? {} : { revision }),
  });
  progress.say(`${name}: ${outcome === "present" ? "already there" : "fetched"}, ${folder}. Commit ${commit}.`);
}

/** `npm run data -- list-models`: a line for every model on this machine. */
export function sayModels(dir: string, progress: TerminalProgress): void {
  const models = listModels(join(dir, "models"));
  progress.say(`models folder: ${join(dir, "models")}${models.length === 0 ? ", no model" : ""}`);
  for (const { name, revision, type, bytes, folder } of models) {
    const size = bytes === null ? "not complete" : `${(bytes / 1e6).toFixed(1)} MB`;
    progress.say(`${name}${revision === null ? "" : `@${revision}`}  ${type ?? "no model_type"}, ${size}, ${folder}`);
  }
}
