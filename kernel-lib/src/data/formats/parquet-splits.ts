import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../../base/errors";
import type { Split } from "../../base/types";

/** Where the parquet files of a data set lie: every way in which the Hugging Face hub and its tools name and split them. */

/** What a split is called in names of files and folders, as the datasets library takes them. */
const WORDS: Readonly<Record<Split, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing", "eval", "evaluation"],
};
const SPLITS = Object.keys(WORDS) as Split[];
const SPLIT_OF = new Map(SPLITS.flatMap((split) => WORDS[split].map((word) => [word, split] as const)));

/** The split that a name says, by its first word that says one: "train-00000-of-00002", "path_vqa.train", "0000" (none). */
function splitOf(name: string): Split | null {
  for (const word of name.toLowerCase().split(/[-._ 0-9]+/)) {
    const split = SPLIT_OF.get(word);
    if (split !== undefined) return split;
  }
  return null;
}

/** Names in a folder, but those that programs keep for themselves ("._train.parquet" of a Mac, "_metadata" of Spark), as pyarrow passes them over. */
const namesIn = (folder: string): string[] =>
  existsSync(folder) && statSync(folder).isDirectory()
    ? readdirSync(folder)
        .filter((name) => !/^[._]/.test(name))
        .sort()
    : [];

const ENDING = ".parquet";
const parquetIn = (folder: string): string[] => namesIn(folder).filter((name) => name.endsWith(ENDING));

/** A file that says which of how many it is; publishers put a hash behind. */
const PART = /^.*-(\d{5})-of-(\d{5})(?:-[0-9a-z]+)?$/i;

/**
 * Refuses a split whose files say that one of them is not there, or is there twice: rows would be lost, or counted twice. Files are
 * parts of a stated number ("train-00001-of-00003"), or counted from 0000; other names say nothing.
 */
function assertEveryPart(place: string, split: Split, files: readonly string[]): void {
  const names = files.map((file) => file.slice(0, -ENDING.length));
  const parts = names.map((name) => PART.exec(name));
  const isCounted = names.every((name) => /^\d{4}$/.test(name));
  if (!isCounted && parts.every((part) => part === null)) return;
  const count = isCounted ? Math.max(...names.map(Number)) + 1 : Number(parts.find((part) => part !== null)![2]);
  const numbers = isCounted
    ? names.map(Number)
    : parts.map((part) => (part !== null && Number(part[2]) === count ? Number(part[1]) : Number.NaN));
  const isWhole = new Set(numbers).size === count && numbers.length === count && numbers.every((n) => n < count);
  if (isWhole) return;
  throw new DataError(
    `parquetFiles: ${place} must hold each of the ${count} files of ${split} once; got ${files.join(", ")}. Download what is missing, and take out what is there twice.`,
    { place, split, files, count },
  );
}

/** Folders that may hold the files: the publisher's own, the data set's, and the hub's conversion. */
const PLACES = ["data", "", "default"];

/**
 * The parquet files of a split, in order: `data/train-00000-of-00002-….parquet`, `train.parquet`, `train/0000.parquet`, in `data`, the
 * folder itself or `default`. The first of these places that has some counts.
 *
 * @throws DataError where the names say that a file is missing, or there twice.
 */
export function parquetFiles(folder: string, split: Split): string[] {
  for (const name of PLACES) {
    const place = join(folder, name);
    const named = parquetIn(place).filter((file) => splitOf(file.slice(0, -ENDING.length)) === split);
    if (named.length > 0) {
      assertEveryPart(place, split, named);
      return named.map((file) => join(place, file));
    }
    for (const own of namesIn(place).filter((entry) => SPLIT_OF.get(entry.toLowerCase()) === split)) {
      const files = parquetIn(join(place, own));
      if (files.length > 0) {
        assertEveryPart(join(place, own), split, files);
        return files.map((file) => join(place, own, file));
      }
    }
  }
  return [];
}

/** Whether a folder holds parquet files of the training split. */
export const holdsParquet = (folder: string): boolean => parquetFiles(folder, "train").length > 0;

/** All parquet files of a data set: those whose names say no split, or all splits'. */
export function allParquetFiles(folder: string): string[] {
  const plain = [folder, join(folder, "data")].flatMap((place) => parquetIn(place).map((file) => join(place, file)));
  return plain.length > 0 ? plain : SPLITS.flatMap((split) => parquetFiles(folder, split));
}
