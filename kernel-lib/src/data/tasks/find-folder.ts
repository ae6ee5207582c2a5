import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import type { TaskDefinition } from "./task-definition";

/** One way in which a publisher lays out files. */
export interface Layout<Name extends string> {
  readonly name: Name;
  /** Files that all have to be there, relative to the task's folder. */
  readonly files: readonly string[];
}

/** A folder of downloads and which layout it has. */
export interface FoundLayout<Name extends string> {
  readonly folder: string;
  readonly layout: Name;
}

/**
 * Looks for a task's files in the data folder and in the task's own folders within.
 *
 * @param folders names of the task's own folder, e.g. "vqa_rad".
 * @throws DataError that lists what was looked for and how to get it.
 */
export function findLayout<Name extends string>(
  dataDir: string,
  folders: readonly string[],
  layouts: readonly Layout<Name>[],
  card: TaskDefinition["card"],
): FoundLayout<Name> {
  for (const folder of [...folders.map((name) => join(dataDir, name)), dataDir]) {
    const layout = layouts.find(({ files }) => files.every((file) => existsSync(join(folder, file))));
    if (layout !== undefined) return { folder, layout: layout.name };
  }
  const wanted = layouts.map(({ files }) => files.join(" + ")).join(", or ");
  throw new DataError(
    `loadTask: dataDir must hold ${wanted}, in it or in its folder ${folders.join(" or ")}; got ${dataDir}. Get ${card.obtain}`,
    { dataDir, folders, layouts },
  );
}
