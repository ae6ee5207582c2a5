import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { earlierRun, noteRun, scheduleNotebooks } from "../../src/cli/reproduce-notebooks";

const folder = mkdtempSync(join(tmpdir(), "jomed-schedule-"));
afterAll(() => rmSync(folder, { recursive: true }));

const FILES = ["a/00.ipynb", "a/01.ipynb", "a/02.ipynb", "a/03.ipynb"];

describe("the notebooks' schedule", () => {
  test("is their order, one at a time, while nothing is known", () => {
    expect(scheduleNotebooks(FILES, earlierRun(join(folder, "none")))).toEqual({ order: FILES, lanes: 1 });
  });

  test("begins the longest of the last run first; equally long and new ones keep their order", () => {
    const file = join(folder, "reports", "default.finished");
    noteRun(file, [
      { notebook: "00", seconds: 4 },
      { notebook: "01", seconds: 9.5 },
      { notebook: "02", seconds: 4 },
    ]);
    const { order, lanes } = scheduleNotebooks(FILES, earlierRun(file));
    expect(order).toEqual(["a/01.ipynb", "a/00.ipynb", "a/02.ipynb", "a/03.ipynb"]);
    expect(lanes).toBe(Math.min(2, availableParallelism()));
    expect(readdirSync(join(folder, "reports"))).toEqual(["default.finished"]);
  });

  test.each(["", "{", "[]", '{"notebooks":["00"]}', "null"])("takes a file with %j for none", (text) => {
    const file = join(folder, "odd.finished");
    writeFileSync(file, text);
    expect(earlierRun(file)).toBeNull();
  });
});
