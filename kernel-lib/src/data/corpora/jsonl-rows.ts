import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { DataError } from "../../base/errors";
import { readLines } from "../formats/lines";
import type { BrokenRow, CorpusRow } from "./corpus-source";

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
