import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import {
  digestOf,
  loadResults,
  type ReportedRow,
  type ResultsManifest,
  type ResultsTable,
  resultsFile,
  writeResults,
} from "../../src/experiments/stored-results";

const folder = mkdtempSync(join(tmpdir(), "results-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A table of one row. */
function tableOf(changes: Partial<ResultsManifest> = {}): ResultsTable {
  const rows = [{ task: "casebook", system: "jomed", metric: "accuracy", value: 0.9 } as ReportedRow];
  const manifest = {
    ...{ name: "main", what: "", needs: [], source: "phantom", profile: "quick", tasks: ["casebook"], kind: "systems" },
    ...{
      backbones: ["qwen2-vl"],
      seeds: [11],
      systems: ["jomed"],
      status: "reported",
      madeAt: "2026-11-30T20:00:00.000Z",
    },
    ...{ code: { commit: null, node: "20", platform: "linux-x64" }, backend: "native", models: {}, protocol: "p" },
    ...{ predictions: "q", rows: digestOf(rows) },
    ...changes,
  } as ResultsManifest;
  return { manifest, rows };
}

test("a table that was written is read as it was, one row a line", () => {
  const file = join(folder, "main.json");
  const table = tableOf();
  writeResults(table, file);
  expect(loadResults("main", file)).toEqual(table);
  expect(
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.startsWith('{"task"')),
  ).toHaveLength(1);
});

test("a table that was edited by hand is refused", () => {
  const file = join(folder, "edited.json");
  writeResults(tableOf(), file);
  writeFileSync(file, readFileSync(file, "utf8").replace("0.9", "0.95"));
  expect(() => loadResults("main", file)).toThrow(/must hold the rows that its manifest was written with/);
});

test("refuses a missing file, another report's, and one that is no table", () => {
  expect(() => loadResults("main", join(folder, "none.json"))).toThrow(
    /must be readable JSON. Run `npm run results -- main`/,
  );
  const file = join(folder, "other.json");
  writeResults(tableOf({ name: "other" }), file);
  expect(() => loadResults("main", file)).toThrow(/must hold the manifest and the rows of main/);
  writeFileSync(file, "[]");
  expect(() => loadResults("main", file)).toThrow(/must hold the manifest and the rows of main/);
});

test("a trial is not written into data/results, and may lie elsewhere", () => {
  const trial = tableOf({ status: "trial", seeds: [101] });
  expect(() => writeResults(trial)).toThrow(/a trial on seeds 101 must not be written to data\/results/);
  expect(() => writeResults(trial, resultsFile("main"))).toThrow(/Name another place with --out/);
  const file = join(folder, "trial.json");
  writeResults(trial, file);
  expect(loadResults("main", file)).toEqual(trial);
});
