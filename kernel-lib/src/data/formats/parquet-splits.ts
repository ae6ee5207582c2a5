import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
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

const namesIn = (folder: string): string[] =>
  existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder).sort() : [];

const ENDING = ".parquet";
const parquetIn = (folder: string): string[] => namesIn(folder).filter((name) => name.endsWith(ENDING));

/** Folders that may hold the files: the publisher's own, the data set's, and the hub's conversion. */
const PLACES = ["data", "", "default"];

/**
 * The parquet files of a split, in order: `data/train-00000-of-00002-….parquet`, `train.parquet`, `train/0000.parquet`, in `data`, the
 * folder itself or `default`. The first of these places that has some counts.
 */
export function parquetFiles(folder: string, split: Split): string[] {
  for (const name of PLACES) {
    const place = join(folder, name);
    const named = parquetIn(place).filter((file) => splitOf(file.slice(0, -ENDING.length)) === split);
    if (named.length > 0) return named.map((file) => join(place, file));
    for (const own of namesIn(place).filter((entry) => SPLIT_OF.get(entry.toLowerCase()) === split)) {
      const files = parquetIn(join(place, own));
      if (files.length > 0) return files.map((file) => join(place, own, file));
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
