import { expect, inject, test } from "vitest";
import { examplesFrame, passagesFrame } from "../../src/frames/data-frames";
import { FRAMES, type FrameName } from "../../src/frames/schemas";
import type { Table } from "../../src/frames/table";
import { CORPUS_NAMES, loadCorpus } from "../../src/phantoms/load-corpus";
import { loadTask } from "../../src/phantoms/load-task";
import { SMALL_TASKS } from "../helpers/small-casebook";

const cacheDir = inject("drawnFolder");
const CORPORA = CORPUS_NAMES.filter((name) => name !== "medpix2" && name !== "folder");

/** Columns that may hold nothing, and those that may not. */
function expectFilled(name: FrameName, table: Table): void {
  const { columns } = FRAMES[name];
  expect(table.columnNames()).toEqual(columns.map((column) => column.name));
  for (const column of columns.filter(({ meaning }) => !meaning.includes("null"))) {
    const values = Array.from({ length: table.numRows() }, (_, row) => table.get(column.name, row));
    expect(values.filter((value) => value === null || value === undefined || value === "")).toEqual([]);
  }
}

test.each(SMALL_TASKS)("the examples of %s as a table", async (name) => {
  const task = await loadTask(name, { cacheDir });
  const table = examplesFrame(task);
  expect(table.numRows()).toBe(Object.values(task.splits).flat().length);
  expectFilled("examples", table);
  expect(new Set(Array.from(table.array("task")))).toEqual(new Set([name]));
});

test.each(CORPORA)("the passages of %s as a table", async (name) => {
  const corpus = await loadCorpus(name, { numPassages: 200, cacheDir });
  const table = passagesFrame(corpus);
  expect(table.numRows()).toBe(corpus.passages.length);
  expectFilled("passages", table);
});
