import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { SweepRow } from "../../src/analysis/sweep";
import {
  digestOf,
  loadResults,
  loadSweep,
  type ReportedRow,
  type ResultsManifest,
  type ResultsTable,
  resultsFile,
  storedBoard,
  storedSweeps,
  writeResults,
} from "../../src/experiments/stored-results";
import { parseCasebookName } from "../../src/phantoms/casebook/names";

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

/** A sweep's table: of every setting, what training gains. */
function sweepOf(name: string, tasks: readonly string[]): ResultsTable {
  const rows = tasks.map((task): SweepRow => {
    const { knowledge, visibility, pull, alike } = parseCasebookName(task)!.dials;
    const gain = { measure: "gain", value: 0.05, low: 0.04, high: 0.06, n: 3000, seeds: 3 } as const;
    return { task, knowledge, visibility, pull, alike, ...gain };
  });
  const { manifest } = tableOf({ name, kind: "sweep", tasks });
  return { manifest: { ...manifest, rows: digestOf(rows) }, rows };
}

/** A folder that holds these tables. */
function folderOf(name: string, tables: readonly ResultsTable[]): string {
  for (const table of tables) writeResults(table, join(folder, name, `${table.manifest.name}.json`));
  return join(folder, name);
}

const FIRST = sweepOf("sweep", ["casebook:knowledge=0", "casebook", "casebook:visibility=0.6", "casebook:pull=0"]);
const MORE = sweepOf("sweep-dials", ["casebook:visibility=0.3", "casebook:visibility=0.8", "casebook:pull=0.5"]);

test("the sweep is one table of all its reports, in the order of the dials; of one report as that one is", () => {
  const one = folderOf("one-sweep", [FIRST]);
  expect(loadSweep(one)).toEqual({ manifests: [FIRST.manifest], rows: FIRST.rows });
  const both = folderOf("two-sweeps", [MORE, FIRST]);
  expect(storedSweeps(both)).toEqual(["sweep", "sweep-dials"]);
  const { manifests, rows } = loadSweep(both);
  expect(manifests).toEqual([FIRST.manifest, MORE.manifest]);
  expect(rows.map(({ task }) => task)).toEqual([
    ...["casebook:knowledge=0", "casebook"],
    ...["casebook:visibility=0.3", "casebook:visibility=0.6", "casebook:visibility=0.8"],
    ...["casebook:pull=0", "casebook:pull=0.5"],
  ]);
  const later = folderOf("later-sweep", [MORE]); // the second may be stored alone
  expect(loadSweep(later).manifests).toEqual([MORE.manifest]);
});

test("a sweep is refused where none is stored, and where two reports hold one setting", () => {
  expect(() => loadSweep(join(folder, "no-sweep"))).toThrow(
    /no-sweep must hold a sweep; got none. Run `npm run results -- sweep`/,
  );
  const again = sweepOf("sweep-dials", ["casebook:visibility=0.3", "casebook:pull=0"]);
  expect(() => loadSweep(folderOf("twice", [FIRST, again]))).toThrow(
    /each setting in one sweep; got casebook:pull=0 in sweep and sweep-dials/,
  );
});

test("the board knows the sweep of several reports as one", () => {
  const board = storedBoard(folderOf("board", [FIRST, MORE]));
  const { elsewhere } = board.find(({ claim }) => claim.name === "jomed-over-ft-rag")!;
  expect(elsewhere.map(({ report, task }) => [report, task])).toEqual(
    loadSweep(join(folder, "board")).rows.map(({ task }) => ["sweep", task]),
  );
});
