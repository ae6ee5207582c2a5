import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { boardOf } from "../../src/analysis/findings";
import type { SweepRow } from "../../src/analysis/sweep";
import { planGrid } from "../../src/experiments/grid/plan";
import { runGrid } from "../../src/experiments/grid/run-grid";
import type { Protocol, ReportPlan } from "../../src/experiments/protocol";
import { type RecordOptions, recordGrid, recordReport } from "../../src/experiments/record";
import { digestOf, loadResults, type ReportedRow, writeResults } from "../../src/experiments/stored-results";
import { makeTinyModels } from "./grid/tiny-world";

const folder = mkdtempSync(join(tmpdir(), "record-"));
beforeAll(async () => {
  await makeTinyModels(folder);
  renameSync(join(folder, "reader"), join(folder, "qwen2-vl"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SIZES = { train: 24, validation: 12, test: 16, pairs: 60 };
const MARK = ":sizes.train=24:sizes.validation=12:sizes.test=16:sizes.pairs=60";
const REPORT: ReportPlan = {
  ...{ name: "tiny", what: "a test", needs: [], source: "phantom", profile: "test", tasks: [`casebook${MARK}`] },
  ...{
    backbones: ["qwen2-vl"],
    seeds: [11, 12],
    systems: ["closed-book", "ft-rag", "jomed", "caption-vote", "corpus-pairs"],
  },
};
const { tasks: _tasks, ...REST } = REPORT;
const SWEEP: ReportPlan = {
  ...REST,
  ...{ name: "tiny-sweep", systems: ["closed-book", "ft-rag", "jomed"] },
  sweep: { variant: "casebook", dials: { knowledge: [0, 0.7] }, sizes: SIZES },
};
/** A system that stands for one of others, beside the first report. */
const BESIDE: ReportPlan = {
  ...REPORT,
  name: "tiny-others",
  systems: ["ft-rag", "jomed", "gsco-like"],
  beside: "tiny",
};
/** One analysis, of FT RAG's stored answers. */
const TRUST: ReportPlan = { ...REPORT, name: "tiny-trust", systems: ["ft-rag"], beside: "tiny", analyses: ["trust"] };
const PROTOCOL: Protocol = {
  development: [{ seeds: [101], what: "dials", since: "2026-11-30" }],
  fresh: { seeds: [11, 12], what: "reports", since: "2026-11-30" },
  choices: [],
  reports: [REPORT, BESIDE, TRUST, SWEEP],
};
const OPTIONS: RecordOptions = { artifactsDir: join(folder, "artifacts"), checkpointsDir: folder };

async function compute(report: ReportPlan, options: RecordOptions = OPTIONS): Promise<void> {
  const { failures } = await runGrid(await planGrid(recordGrid(report, options)));
  expect(failures).toEqual([]);
}

test("a report is refused while a prediction is missing, then has every system over its seeds, and its manifest", async () => {
  await expect(recordReport(PROTOCOL, REPORT, OPTIONS)).rejects.toMatchObject({
    code: "state",
    message: expect.stringContaining("all predictions of tiny must be stored; 10 are missing"),
  });
  await compute(REPORT);
  const { manifest, rows } = await recordReport(PROTOCOL, REPORT, OPTIONS);
  const own = (rows as readonly ReportedRow[]).filter(
    ({ metric, subset, baseline }) => metric === "accuracy" && subset === "all" && baseline === null,
  );
  expect(own.map(({ system }) => system)).toEqual([
    "closed-book",
    "ft-rag",
    "jomed",
    "caption vote",
    "random pairs of the corpus",
  ]);
  const stored = rows as readonly ReportedRow[];
  const numOf = (metric: string): number => stored.filter((row) => row.metric === metric).length;
  expect([numOf("outcome"), numOf("flow")]).toEqual([2 * 6, 36]); // the analyses of its one task, over both seeds
  expect(numOf("largestWeight")).toBeGreaterThan(0);
  expect(stored.find(({ system, metric }) => system === "right pair" && metric === "accuracy")).toMatchObject({
    subset: "one pair",
    seeds: 2,
  });
  expect(own.every(({ n, seeds, backbone }) => n === 32 && seeds === 2 && backbone === "qwen2-vl")).toBe(true);
  expect(manifest).toMatchObject({
    name: "tiny",
    seeds: [11, 12],
    kind: "systems",
    status: "reported",
    rows: digestOf(rows),
  });
  expect(manifest.models).toEqual({
    clip: expect.stringMatching(/^clip:/),
    "qwen2-vl": expect.stringMatching(/^qwen2-vl:/),
  });
  writeResults({ manifest, rows }, join(folder, "tiny.json"));
  expect(loadResults("tiny", join(folder, "tiny.json")).rows).toEqual(rows);
});

test("a report beside another has what that one lacks: its systems, the oracle by number of candidates, what each system costs", async () => {
  await compute(BESIDE);
  const rows = (await recordReport(PROTOCOL, BESIDE, OPTIONS)).rows as readonly ReportedRow[];
  const of = (wanted: Partial<ReportedRow>) =>
    rows.filter((row) => Object.entries(wanted).every(([name, value]) => row[name as keyof ReportedRow] === value));
  const paired = { metric: "accuracy", subset: "all" } as const;
  expect(of({ ...paired, baseline: null }).map(({ system }) => system)).toEqual(["ft-rag", "jomed", "GSCo-like"]);
  expect(of({ ...paired, system: "GSCo-like", baseline: "ft-rag" })).toHaveLength(1);
  expect(of({ ...paired, system: "jomed", baseline: "GSCo-like" })).toHaveLength(1);
  expect(of({ system: "jomed", baseline: "ft-rag" })).toEqual([]); // told by the other
  expect(of({ metric: "outcome" })).toEqual([]);
  const oracle = (subset: string): number => of({ metric: "oracle", subset })[0]!.value;
  expect(oracle("both heads, 10")).toBeGreaterThanOrEqual(oracle("both heads, 1"));
  expect(of({ metric: "picked", subset: "both heads, 10, cross-scorer" })).toHaveLength(1);
  const share = (system: string): number => of({ metric: "trainedShare", system })[0]!.value;
  expect(share("jomed")).toBeGreaterThan(share("ft-rag")); // two towers more
  expect(share("jomed")).toBeLessThan(1);
  expect(of({ metric: "answeringPasses", system: "jomed" })[0]).toMatchObject({ seeds: 2, n: 32 });
});

test("a report that names one analysis stores it alone, as a report of all has it, and says nothing to a claim", async () => {
  await compute(TRUST);
  const { manifest, rows } = await recordReport(PROTOCOL, TRUST, OPTIONS);
  const told = rows as readonly ReportedRow[];
  expect(manifest.analyses).toEqual(["trust"]);
  const ofTrust = ["trust", "followsCaption", "trustGap"];
  expect([...new Set(told.map(({ metric }) => metric))]).toEqual(["accuracy", "macroF1", ...ofTrust]);
  expect(told.every(({ system, baseline }) => system === "ft-rag" && baseline === null)).toBe(true);
  const board = boardOf([{ report: "tiny-trust", rows: told }]);
  expect(board.flatMap(({ finding, elsewhere }) => [...elsewhere, ...(finding === null ? [] : [finding])])).toEqual([]);
  const all = (await recordReport(PROTOCOL, REPORT, OPTIONS)).rows as readonly ReportedRow[];
  expect(told.filter(({ metric }) => ofTrust.includes(metric))).toEqual(
    all.filter(({ metric, subset }) => ofTrust.includes(metric) && subset !== "one pair"),
  );
});

test("analyses of stored answers need no reader, those that ask it do", async () => {
  const readers = join(folder, "artifacts", "reader");
  renameSync(readers, `${readers}-away`);
  try {
    const record = (analyses: ReportPlan["analyses"] & {}) => recordReport(PROTOCOL, { ...REPORT, analyses }, OPTIONS);
    expect((await record(["trust", "weights"])).rows.length).toBeGreaterThan(0);
    await expect(record(["trust", "pairs"])).rejects.toThrow(/the reader of qwen2-vl, seed 11, must be stored/);
  } finally {
    renameSync(`${readers}-away`, readers);
  }
});

test("an analysis that a report names is refused of questions with several labels", async () => {
  const named: ReportPlan = { ...TRUST, name: "tiny-set", tasks: [`casebook-set${MARK}`] };
  await compute(named);
  await expect(recordReport(PROTOCOL, named, OPTIONS)).rejects.toThrow(
    /the analyses of tiny-set \(trust\) must be of questions with one label each; got the form labels/,
  );
});

test("a sweep has what was measured and what was predicted of each world, and the same rows again", async () => {
  await compute(SWEEP);
  const { manifest, rows } = await recordReport(PROTOCOL, SWEEP, OPTIONS);
  const sweep = rows as readonly SweepRow[];
  expect([...new Set(sweep.map(({ task }) => task))]).toEqual([`casebook:knowledge=0${MARK}`, `casebook${MARK}`]);
  for (const measure of [
    "gain",
    "ragGain",
    "predictedGain",
    "predictedRagGain",
    "sameBefore",
    "known",
    "believed",
  ] as const)
    expect(sweep.filter((row) => row.measure === measure).map(({ knowledge }) => knowledge)).toEqual([0, 0.7]);
  expect(manifest.kind).toBe("sweep");
  expect((await recordReport(PROTOCOL, SWEEP, OPTIONS)).rows).toEqual(rows);
});

test("other seeds are a trial; seeds that were used to choose, and fresh ones in a trial, are refused", async () => {
  const trial = { ...OPTIONS, seeds: [101] };
  await compute(REPORT, trial);
  expect((await recordReport(PROTOCOL, REPORT, trial)).manifest).toMatchObject({ status: "trial", seeds: [101] });
  await expect(recordReport(PROTOCOL, REPORT, { ...OPTIONS, seeds: [12] })).rejects.toThrow(
    /must not use fresh seeds; got 12/,
  );
  await expect(recordReport(PROTOCOL, { ...REPORT, seeds: [101] }, OPTIONS)).rejects.toThrow(
    /used to choose; got 101 \(dials\)/,
  );
});
