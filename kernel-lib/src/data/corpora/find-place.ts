import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../../base/errors";

/** Whether there is a folder. */
export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** The first of these folders that is there, or null. */
export async function firstFolder(places: readonly string[]): Promise<string | null> {
  for (const place of places) if (await isFolder(place)) return place;
  return null;
}

/** Names in a folder, sorted; none when there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

/**
 * The corpus's folder within the data folder, under any of its names.
 *
 * @throws DataError naming every place that was looked at.
 */
export async function corpusFolder(dataDir: string, names: readonly string[], obtain: string): Promise<string> {
  const places = names.map((name) => join(dataDir, name));
  const found = await firstFolder(places);
  if (found !== null) return found;
  throw new DataError(`loadCorpus: dataDir must hold the corpus; got no folder ${places.join(" or ")}. ${obtain}`, {
    dataDir,
    places,
  });
}
