import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readParquet } from "../../../src/data/formats/parquet";
import { allParquetFiles, holdsParquet, parquetFiles } from "../../../src/data/formats/parquet-splits";
import { refusal } from "../helpers";

const REFERENCE = join(__dirname, "../../reference/data");
const { files } = JSON.parse(readFileSync(join(REFERENCE, "row-groups.json"), "utf8")) as {
  files: Record<string, { groups: number[]; rows: Record<string, unknown>[] }>;
};

test.each(Object.entries(files))("%s, with groups of no rows, reads as PyArrow reads it", async (name, { rows }) => {
  const found = await readParquet(join(REFERENCE, name), ["question", "answer", "number"]);
  const plain = found.map((row) => ({ ...row, number: row["number"] === null ? null : Number(row["number"]) }));
  expect(plain).toEqual(rows);
});

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "splits-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(...names: string[]): void {
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), "");
  }
}

const found = (split: "train" | "validation" | "test") =>
  parquetFiles(folder, split).map((path) => relative(folder, path));

test.each([
  [["data/train-00001-of-00002.parquet", "data/train-00000-of-00002-abc.parquet", "data/test-00000-of-00001.parquet"]],
  [["train.parquet", "test.parquet"]],
  [["data/train.parquet", "data/test.parquet"]],
  [["train/0000.parquet", "train/0001.parquet", "test/0000.parquet"]],
  [["default/train/0000.parquet", "default/test/0000.parquet"]],
  [["data/path_vqa-train.parquet", "data/path_vqa-test.parquet"]],
  [["training_0.parquet", "eval_0.parquet"]],
])("files of a split are found under the names of the hub and its tools: %s", (names) => {
  write(...names, "data/README.md");
  const isTrain = (name: string) => /train/.test(name);
  expect(found("train")).toEqual(names.filter(isTrain).sort());
  expect(found("test")).toEqual(names.filter((name) => !isTrain(name)));
  expect(found("validation")).toEqual([]);
  expect(holdsParquet(folder)).toBe(true);
});

test.each([
  [["data/train-00000-of-00003.parquet", "data/train-00002-of-00003.parquet"], 3],
  [["data/train-00000-of-00002-aa.parquet", "data/train-00000-of-00002-bb.parquet"], 2],
  [["data/train-00000-of-00001.parquet", "data/train.parquet"], 1],
  [["data/train-00000-of-00001.parquet", "data/train-00001-of-00002.parquet"], 1],
  [["data/train-00000-of-00001.parquet", "data/train-00001-of-00001.parquet"], 1],
  [["train/0000.parquet", "train/0002.parquet"], 3],
  [["train/0001.parquet"], 2],
])("refuses a split of which a file is missing, or there twice: %s", async (names, count) => {
  write(...names);
  const { message, code } = await refusal(() => parquetFiles(folder, "train"));
  expect(code).toBe("data");
  expect(message).toContain(`must hold each of the ${count} files of train once; got ${basename(names[0]!)}`);
});

test("the middle split has several names", () => {
  write("validation.parquet");
  expect(found("validation")).toEqual(["validation.parquet"]);
  rmSync(join(folder, "validation.parquet"));
  write("data/dev/0000.parquet");
  expect(found("validation")).toEqual(["data/dev/0000.parquet"]);
});

test("the same files in two places are taken once, from the publisher's own", () => {
  write("data/train-00000-of-00001.parquet", "default/train/0000.parquet");
  expect(found("train")).toEqual(["data/train-00000-of-00001.parquet"]);
});

test("a folder without a training file holds no data set", () => {
  write("data/pictures.txt", "train/picture.png", "test.parquet");
  expect(holdsParquet(folder)).toBe(false);
});

test("files whose names say no split all belong to a data set that needs none", () => {
  write("data/0000.parquet", "data/part-1.parquet");
  expect(allParquetFiles(folder).map((path) => relative(folder, path))).toEqual([
    "data/0000.parquet",
    "data/part-1.parquet",
  ]);
});

test("files that programs keep for themselves are no part of a split", () => {
  write("data/train-00000-of-00001.parquet", "data/._train-00000-of-00001.parquet", "data/_train_metadata.parquet");
  write("data/.ipynb_checkpoints/train.parquet");
  expect(found("train")).toEqual(["data/train-00000-of-00001.parquet"]);
  expect(allParquetFiles(folder).map((path) => relative(folder, path))).toEqual(["data/train-00000-of-00001.parquet"]);
});
