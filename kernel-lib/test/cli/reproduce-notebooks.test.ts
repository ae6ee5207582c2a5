import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  formatReport,
  listFiguresSince,
  readEarlierRun,
  recordRun,
  scheduleNotebooks,
  selectNotebooks,
} from "../../src/cli/reproduce-notebooks";

const folder = mkdtempSync(join(tmpdir(), "jomed-reproduce-"));
afterAll(() => rmSync(folder, { recursive: true }));

const FILES = ["a/00.ipynb", "a/01.ipynb", "a/02.ipynb", "a/03.ipynb"];

describe("the notebooks' schedule", () => {
  test("is their order while nothing is known, two at a time", () => {
    const lanes = Math.min(2, availableParallelism());
    expect(scheduleNotebooks(FILES, readEarlierRun(join(folder, "none")))).toEqual({ order: FILES, lanes });
  });

  test("begins the longest of the last run first; equally long and new ones keep their order", () => {
    const file = join(folder, "reports", "default.finished");
    recordRun(file, [
      { notebook: "00", seconds: 4 },
      { notebook: "01", seconds: 9.5 },
      { notebook: "02", seconds: 4 },
    ]);
    const { order, lanes } = scheduleNotebooks(FILES, readEarlierRun(file));
    expect(order).toEqual(["a/01.ipynb", "a/00.ipynb", "a/02.ipynb", "a/03.ipynb"]);
    expect(lanes).toBe(Math.min(2, availableParallelism()));
    expect(readdirSync(join(folder, "reports"))).toEqual(["default.finished"]);
  });

  test.each(["", "{", "[]", '{"notebooks":["00"]}', "null"])("takes a file with %j for none", (text) => {
    const file = join(folder, "odd.finished");
    writeFileSync(file, text);
    expect(readEarlierRun(file)).toBeNull();
  });
});

describe("the notebooks of a run", () => {
  test("are selected by the beginning of their names, in order", async () => {
    for (const name of ["01-b.ipynb", "00-a.ipynb", "notes.md"]) writeFileSync(join(folder, name), "");
    expect(await selectNotebooks(folder, [])).toEqual([join(folder, "00-a.ipynb"), join(folder, "01-b.ipynb")]);
    expect(await selectNotebooks(folder, ["01"])).toEqual([join(folder, "01-b.ipynb")]);
    await expect(selectNotebooks(folder, ["9"])).rejects.toThrow("got 9. Use one of 00-a, 01-b.");
  });

  test("have the figures written since a notebook began", async () => {
    for (const name of ["old.json", "new.json", "new.svg"]) writeFileSync(join(folder, name), "");
    utimesSync(join(folder, "old.json"), 1, 1);
    expect(await listFiguresSince(folder, Date.now() - 60_000)).toEqual(["new"]);
    expect(await listFiguresSince(join(folder, "missing"), 0)).toEqual([]);
  });

  test("are told in a table with sums", () => {
    const reports = [
      { notebook: "00-a", seconds: 30, figures: ["figure-1"] },
      { notebook: "01-longer", seconds: 6, figures: [] },
    ];
    expect(formatReport(reports, 40)).toBe(
      "notebook   minutes  figures\n00-a          0.50  figure-1\n01-longer     0.10\ntotal         0.67  1",
    );
  });
});
