import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { DataError } from "../../base/errors";
import type { DataCard } from "../../base/types";
import type { Publication } from "../../hub/publishers";
import { readLines } from "../formats/text-file";

/** One pair as its publisher's files hold it, the picture still encoded. */
export interface CorpusRow {
  /** File and line, member or path: where it stands, for messages. */
  readonly place: string;
  readonly id: string;
  readonly text: string;
  readonly licence: string;
  readonly group?: string;
  readonly entities?: readonly string[];
  /** The encoded bytes, or the path of a file within a folder. */
  readonly picture: Uint8Array | { readonly folder: string; readonly path: string };
}

/** A row that cannot be used, and why. */
export interface BrokenRow {
  readonly place: string;
  readonly reason: string;
}

/** A corpus on disk, read row by row. */
export interface CorpusSource {
  readonly name: string;
  readonly card: Omit<DataCard, "source">;
  /** Files and folders that decide what is read: a change of name, size or time in them makes another corpus. */
  readonly files: readonly string[];
  /** Reads all rows once, in the same order every time. */
  readonly rows: () => AsyncIterable<CorpusRow | BrokenRow>;
  /** How far the reading of `rows` is, in any unit. */
  readonly progress: () => { readonly done: number; readonly total: number };
  /** What the last reading found out about the whole, in words, for its card and for `npm run data -- check`. Default nothing. */
  readonly notes?: () => readonly string[];
}

/** Everything that is fixed about one corpus. Nothing else in the library knows its name. */
export interface CorpusDefinition {
  readonly name: string;
  /** What its pictures are. */
  readonly modality: string;
  readonly card: CorpusSource["card"];
  /** Files and folders looked for within the data folder. */
  readonly layout: readonly string[];
  readonly access: "open" | "credentialed";
  /** Where it can be fetched, the first by default; empty where `card.obtain` says the steps. */
  readonly publications: readonly Publication[];
  /** Finds its files. @throws DataError when there are none. */
  readonly open: (dataDir: string) => Promise<CorpusSource>;
}

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

/** Names in a folder, sorted, but hidden ones ("._a.jpg" of a Mac); none when there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith(".")).sort();
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

/** Bytes read of several files, for progress. */
export interface ByteProgress {
  done: number;
  total: number;
}

/** The sum of the files' sizes. */
export async function countBytes(files: readonly string[]): Promise<number> {
  let total = 0;
  for (const file of files) {
    const found = await stat(file).catch((cause: unknown) => {
      throw new DataError(`countBytes: ${file} must be readable. Check dataDir.`, { file }, cause);
    });
    total += found.size;
  }
  return total;
}

/** A field that must be a string. */
export function stringField(row: Readonly<Record<string, unknown>>, name: string): string {
  const value = row[name];
  if (typeof value === "string") return value;
  throw new Error(`${name} must be a string; got ${value === undefined ? "none" : typeof value}`);
}

/**
 * The rows of files with one JSON object a line; blank lines are passed over.
 *
 * @param toRow makes a row of an object; what it throws is the reason why the line is broken.
 */
export async function* readJsonlRows(
  files: readonly string[],
  toRow: (object: Readonly<Record<string, unknown>>, place: string) => CorpusRow,
  progress: ByteProgress,
): AsyncGenerator<CorpusRow | BrokenRow> {
  let before = 0;
  for (const file of files) {
    for await (const { number, text, bytesRead } of readLines(file)) {
      progress.done = before + bytesRead;
      if (text.trim() === "") continue;
      const place = `${basename(file)}, line ${number}`;
      try {
        const value: unknown = JSON.parse(text);
        if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("no JSON object");
        yield toRow(value as Readonly<Record<string, unknown>>, place);
      } catch (error) {
        yield { place, reason: (error as Error).message };
      }
    }
    before += await countBytes([file]);
  }
}

/** The article a picture comes from, where its name begins with a PMC number. */
export function articleOf(name: string): { group?: string } {
  const found = /^PMC\d+/.exec(basename(name));
  return found === null ? {} : { group: found[0] };
}
