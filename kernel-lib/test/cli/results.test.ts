import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SweepMeasure, SweepRow } from "../../src/analysis/sweep";
import { repositoryRoot } from "../../src/base/paths";
import { main, parseResults } from "../../src/cli/results";
import { RESULT_PAGES, resultsMarkdown, withResults } from "../../src/cli/results-pages";
import type { ReportedRow, ResultsManifest } from "../../src/experiments/stored-results";

const manifest = (changes: Partial<ResultsManifest> = {}): ResultsManifest =>
  ({
    ...{ name: "main", kind: "systems", tasks: ["casebook"], seeds: [11, 12], source: "phantom" },
    ...{ madeAt: "2026-11-30T20:00:00.000Z", code: { commit: "0123456789ab", node: "20", platform: "linux-x64" } },
    ...changes,
  }) as ResultsManifest;

function row(system: string, value: number, changes: Partial<ReportedRow> = {}): ReportedRow {
  return {
    ...{
      task: "casebook",
      backbone: "qwen2-vl",
      system,
      baseline: null,
      subset: "all",
      splitBy: null,
      metric: "accuracy",
    },
    ...{
      value,
      low: value - 0.01,
      high: value + 0.01,
      pValue: null,
      n: 2000,
      seeds: 2,
      scale: "replica",
      data: "phantom",
    },
    ...changes,
  } as ReportedRow;
}
const ROWS = [
  ...[row("closed-book", 0.6), row("ft-rag", 0.8), row("jomed", 0.85), row("logits", 0.8)],
  row("ft-rag", 0.4, { metric: "inconsistency" }),
  row("jomed", 0.05, { baseline: "ft-rag" }),
  row("jomed", 0.08, { baseline: "ft-rag", subset: "inconsistent" }),
  row("logits", 0, { baseline: "ft-rag", low: 0, high: 0 }),
];

describe("tables of pages", () => {
  it("of one task: a line a system, paired differences, identical answers said", () => {
    const text = resultsMarkdown({ manifest: manifest(), rows: ROWS });
    expect(text).toContain(
      "Replica scale, phantom, seeds 11, 12, per cent, 95 % intervals over seeds and questions (2026-11-30, commit 01234567).",
    );
    expect(text).toContain("| JOMED | 85.0 (84.0 to 86.0) | +5.0 (+4.0 to +6.0) | +8.0 (+7.0 to +9.0) | – |");
    expect(text).toContain("| logits | 80.0 (79.0 to 81.0) | 0, identical | – | – |");
    expect(text).toContain("40.0 % of the 2,000 questions are inconsistent under FT RAG.");
  });

  it("of several tasks: a line a metric, a column a system", () => {
    const rows = [...ROWS, row("ft-rag", 0.5, { task: "slake", metric: "tokenRecall", n: 58 })];
    const text = resultsMarkdown({ manifest: manifest({ tasks: ["casebook", "slake"] }), rows });
    expect(text).toContain("| casebook (2,000) | accuracy | 60.0 | 80.0 | 85.0 | 80.0 | +5.0 (+4.0 to +6.0) |");
    expect(text).toMatch(/\| slake \(58\) \| [^|]*recall[^|]* \| – \| 50.0 \| – \| – \| – \|/i);
  });

  it("of a sweep: a line a setting, predicted beside measured, and how they go together", () => {
    const measures: readonly SweepMeasure[] = [
      "closedBook",
      "ftRag",
      "jomed",
      "ragGain",
      "gain",
      "inconsistent",
      "sameBefore",
      "sameAfter",
      "predictedRagGain",
      "predictedGain",
    ];
    const rows = [0, 0.3, 0.7, 1].flatMap((knowledge) =>
      measures.map((measure): SweepRow => {
        const [value, low, high] = [0.1 * knowledge + 0.01, 0.1 * knowledge, 0.1 * knowledge + 0.02];
        return {
          task: `k${knowledge}`,
          knowledge,
          visibility: 1,
          pull: 1,
          alike: 1 / 6,
          measure,
          value,
          low,
          high,
          n: 3000,
          seeds: 3,
        };
      }),
    );
    const text = resultsMarkdown({ manifest: manifest({ kind: "sweep" }), rows });
    expect(text).toContain(
      "| 0.3 | 1 | 1 | 4.0 | 4.0 | 4.0 | +4.0 (+3.0 to +5.0) | +4.0 | +4.0 (+3.0 to +5.0) | +4.0 | 4.0 | 4.0 → 4.0 | – |",
    );
    expect(text).toContain("of training the retriever 1.00");
  });

  it("stand between their marks; an end that is missing is found", () => {
    const page = "a\n<!-- results: main -->\nold\n<!-- /results -->\nb\n<!-- results: sweep -->\n<!-- /results -->\n";
    expect(withResults("p", page, (name) => `new ${name}`)).toBe(
      "a\n<!-- results: main -->\nnew main\n<!-- /results -->\nb\n<!-- results: sweep -->\nnew sweep\n<!-- /results -->\n",
    );
    expect(() => withResults("README.md", "<!-- results: main -->\nold", () => "")).toThrow(/README.md must end each/);
  });

  it("are current in every committed page: npm run results draws them", () => {
    for (const page of RESULT_PAGES) {
      const text = readFileSync(join(repositoryRoot(), page), "utf8");
      expect(text, page).toContain("<!-- results: casebook -->");
      expect(withResults(page, text), page).toBe(text);
    }
  });
});

describe("the command line of npm run results", () => {
  it("names reports, a trial with its seeds and place, or nothing", () => {
    expect(parseResults([], {})).toEqual({ names: [], verb: "run", options: {}, out: null });
    expect(parseResults(["sweep", "casebook", "--dry-run"], {})).toMatchObject({
      names: ["sweep", "casebook"],
      verb: "dry",
    });
    const trial = parseResults(["sweep", "--seeds", "101, 102", "--out", "/tmp/x.json"], { JOMED_DATA_DIR: "/data" });
    expect(trial).toMatchObject({ options: { seeds: [101, 102], dataDir: "/data" }, out: "/tmp/x.json" });
    expect(parseResults(["--help"], {})).toBeNull();
  });

  it("refuses what contradicts", () => {
    expect(() => parseResults(["sweep", "--seeds", "101"], {})).toThrow(/--seeds must go with --out/);
    expect(() => parseResults(["sweep", "--out", "x"], {})).toThrow(/--out must go with --seeds/);
    expect(() => parseResults(["--dry-run", "--status"], {})).toThrow(/leave one out/);
    expect(() => parseResults(["--seeds", "a", "--status"], {})).toThrow(/whole numbers joined by commas; got "a"/);
    expect(() => parseResults(["--fast"], {})).toThrow(/--fast/);
  });

  it("stops at a name that is no report, before anything runs", async () => {
    const written: string[] = [];
    const write = process.stdout.write;
    process.stdout.write = ((text: string) => written.push(text) > 0) as typeof write;
    try {
      expect(await main(["casbook"])).toBe(1);
    } finally {
      process.stdout.write = write;
    }
    expect(written.join("")).toMatch(/results: the report must be one of casebook, sweep, .*; got "casbook"/);
  });
});
