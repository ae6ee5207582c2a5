import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CLAIMS } from "../../src/analysis/claims";
import { type BoardLine, type Finding, placeName } from "../../src/analysis/findings";
import type { SweepMeasure, SweepRow } from "../../src/analysis/sweep";
import { repositoryRoot } from "../../src/base/paths";
import { readersMarkdown, verdictsMarkdown } from "../../src/cli/board-text";
import { main, parseResults } from "../../src/cli/results";
import { RESULT_PAGES, resultsMarkdown, sweepMarkdown, withResults } from "../../src/cli/results-pages";
import { type ReportedRow, type ResultsManifest, storedBoard } from "../../src/experiments/stored-results";
import { findingsFigure } from "../../src/figures/findings-figure";
import { type BoardRow, boardRows } from "../../src/frames/board";

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

const SWEEP_MEASURES: readonly SweepMeasure[] = [
  ...(["closedBook", "ftRag", "jomed", "ragGain", "gain", "inconsistent"] as const),
  ...(["sameBefore", "sameAfter", "predictedRagGain", "predictedGain"] as const),
];
const SWEEP_ROWS = [0, 0.3, 0.7, 1].flatMap((knowledge) =>
  SWEEP_MEASURES.map((measure): SweepRow => {
    const [value, low, high] = [0.1 * knowledge + 0.01, 0.1 * knowledge, 0.1 * knowledge + 0.02];
    const place = { task: `k${knowledge}`, knowledge, visibility: 1, pull: 1, alike: 1 / 6 };
    return { ...place, measure, value, low, high, n: 3000, seeds: 3 };
  }),
);

describe("tables of pages", () => {
  it("of one task: a line a system, paired differences, identical answers said", () => {
    const text = resultsMarkdown({ manifest: manifest(), rows: ROWS });
    expect(text).toContain(
      "Replica scale, phantom, seeds 11, 12, per cent, 95 % intervals over seeds and questions (2026-11-30, commit 01234567).",
    );
    expect(text).toContain("| JOMED | 85.0 (84.0 to 86.0) | +5.0 (+4.0 to +6.0) | +8.0 (+7.0 to +9.0) | – |");
    expect(text).toContain("Bold differences are not zero after Holm's correction");
    expect(text).toContain("| logits | 80.0 (79.0 to 81.0) | 0, identical | – | – |");
    expect(text).toContain("40.0 % of the 2,000 questions are inconsistent under FT RAG.");
  });

  it("of systems of others: what was measured of any of them, no column without a number", () => {
    const rows = [row("jomed", 0.85), row("open-form", 0.84), row("jomed", 0.01, { baseline: "open-form" })];
    const beside = manifest({ beside: "losses" } as Partial<ResultsManifest>);
    const headerOf = (all: ReportedRow[]): string | undefined =>
      resultsMarkdown({ manifest: beside, rows: all })
        .split("\n")
        .find((line) => line.startsWith("| system"));
    expect(headerOf(rows)).toBe("| system | accuracy | JOMED over it, paired |");
    expect(headerOf([...rows, row("open-form", 0.2, { metric: "trainedShare" })])).toBe(
      "| system | accuracy | JOMED over it, paired | trained share of the weights |",
    );
  });

  it("write nothing below 0 or above 100 % of a share's interval", () => {
    const rows = [row("ft-rag", 0.001, { low: -0.0012 }), row("jomed", 0.998, { high: 1.004 })];
    const text = resultsMarkdown({ manifest: manifest(), rows });
    expect(text).toContain("0.1 (0 to 1.1)");
    expect(text).toContain("99.8 (98.8 to 100)");
  });

  it("differences that stand after Holm's correction over the table are bold, alone they would more often be", () => {
    const paired = (system: string, value: number) => row(system, value, { baseline: "ft-rag", seeds: 5 });
    const systems = ["text-head", "image-head", "jomed", "logits", "no-prior"];
    // a half-width of 1 point is 1.58 wide with five seeds: +1.8 has p = 0.034, +8 one of 0.0002
    const drawn = (values: readonly number[]) =>
      resultsMarkdown({
        manifest: manifest(),
        rows: systems.flatMap((name, i) => [row(name, 0.8), paired(name, values[i]!)]),
      });
    expect(drawn([0.018, 0, 0, 0, 0.08])).toContain("| **+8.0** (+7.0 to +9.0) |");
    expect(drawn([0.018, 0, 0, 0, 0.08])).toContain("| +1.8 (+0.8 to +2.8) |");
    const alone = [row("jomed", 0.85), paired("jomed", 0.018)];
    expect(resultsMarkdown({ manifest: manifest(), rows: alone })).toContain("| **+1.8** (+0.8 to +2.8) |");
  });

  it("of systems of others: against FT RAG and JOMED, and what each costs", () => {
    const cost = (metric: string, value: number) => row("ATLAS-like", value, { metric: metric as never });
    const rows = [
      ...[row("ft-rag", 0.8), row("jomed", 0.85), row("ATLAS-like", 0.84)],
      row("ATLAS-like", 0.04, { baseline: "ft-rag" }),
      row("jomed", 0.01, { baseline: "ATLAS-like" }),
      ...[cost("trainedShare", 0.25), cost("trainingPasses", 45_210), cost("answeringPasses", 4000)],
      cost("trainingSeconds", 312.4),
    ];
    const text = resultsMarkdown({ manifest: manifest({ beside: "main" }), rows });
    expect(text).toContain(
      "| ATLAS-like | 84.0 (83.0 to 85.0) | +4.0 (+3.0 to +5.0) | +1.0 (0.0 to +2.0) | 25.0 | 45,210 | 4.0 | 312 |",
    );
    expect(text).toContain("| JOMED | 85.0 (84.0 to 86.0) | – | – | – | – | – | – |");
  });

  it("of several tasks: a line a metric, a column a system", () => {
    const rows = [...ROWS, row("ft-rag", 0.5, { task: "slake", metric: "tokenRecall", n: 58 })];
    const text = resultsMarkdown({ manifest: manifest({ tasks: ["casebook", "slake"] }), rows });
    expect(text).toContain("| casebook (2,000) | accuracy | 60.0 | 80.0 | 85.0 | 80.0 | +5.0 (+4.0 to +6.0) |");
    expect(text).toMatch(/\| slake \(58\) \| [^|]*recall[^|]* \| – \| 50.0 \| – \| – \| – \|/i);
  });

  it("of a sweep: a line a setting, predicted beside measured, and how they go together", () => {
    const text = resultsMarkdown({ manifest: manifest({ kind: "sweep" }), rows: SWEEP_ROWS });
    expect(text).toContain(
      "| 0.3 | 1 | 1 | 4.0 | 4.0 | 4.0 | +4.0 (+3.0 to +5.0) | +4.0 | +4.0 (+3.0 to +5.0) | +4.0 | 4.0 | 4.0 → 4.0 | – |",
    );
    expect(text).toContain("of training the retriever 1.00");
    expect(text).toContain("Replica scale, phantom, seeds 11, 12, per cent");
  });

  it("of sweeps of several reports: one table with one correlation, each line and date with its report", () => {
    const manifests = [
      manifest({ kind: "sweep", name: "sweep", tasks: ["k0", "k0.3"] }),
      manifest({ kind: "sweep", name: "more", tasks: ["k0.7", "k1"], seeds: [13], madeAt: "2026-12-03T08:00:00.000Z" }),
    ];
    const text = sweepMarkdown({ manifests, rows: SWEEP_ROWS });
    expect(text).toContain(
      "over seeds and questions: sweep (phantom, seeds 11, 12, 2026-11-30, commit 01234567); more (phantom, seed 13, 2026-12-03, commit 01234567). Bold",
    );
    const ends = text.split("\n").flatMap((line) => (line.startsWith("| ") ? [line.split(" | ").at(-1)] : []));
    expect(ends).toEqual(["report |", "sweep |", "sweep |", "more |", "more |"]);
    expect(text.match(/of training the retriever/g)).toHaveLength(1);
  });

  it("of a report that names an analysis beside another: that table, and no table of systems of which all is told", () => {
    const trust = (subset: string, value: number) => row("ft-rag", value, { subset, metric: "trust" });
    const gap = row("ft-rag", 0.024, { subset: "look-alike", metric: "trustGap", low: 0.014, high: 0.034, seeds: 3 });
    const rows = [row("ft-rag", 0.8), trust("same pattern", 0.689), trust("look-alike", 0.665), gap];
    const about = manifest({ beside: "main", analyses: ["trust"] });
    expect(resultsMarkdown({ manifest: about, rows }).split("\n")).toEqual([
      expect.stringContaining(
        "phantom, seeds 11, 12, per cent, 95 % intervals over seeds (2026-11-30, commit 01234567).",
      ),
      "",
      "| picture of the pair | trust | answers that follow the caption | less than in the same pattern |",
      "|---|---|---|---|",
      "| same pattern | 68.9 (67.9 to 69.9) | – | – |",
      "| look-alike | 66.5 (65.5 to 67.5) | – | **+2.4** (+1.4 to +3.4) |",
    ]);
    const compared = [...rows, row("jomed", 0.85), row("jomed", 0.05, { baseline: "ft-rag" })];
    const text = resultsMarkdown({ manifest: about, rows: compared });
    expect(text).toContain("95 % intervals over seeds and questions, of analyses over seeds (2026");
    expect(text).toMatch(/\| JOMED \|[\s\S]*\| look-alike \|/);
    const alone = resultsMarkdown({ manifest: manifest({ analyses: ["trust"] }), rows });
    expect(alone).toMatch(/\| FT RAG \|[\s\S]*\| look-alike \|/);
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

describe("the verdicts of the first screen", () => {
  const claim = (verdict: BoardRow["verdict"], because = ""): BoardRow =>
    ({ claim: "jomed-over-rad", says: "JOMED beats RAD", verdict, because }) as BoardRow;

  it("say how many have which, and name those that are not reproduced", () => {
    const rows = [claim("reproduced"), claim("inconclusive", "could not be seen"), claim("contradicted")];
    expect(verdictsMarkdown(rows)).toBe(
      "Of 3 claims of the paper 1 reproduced, 1 contradicted, 1 inconclusive. Contradicted: *jomed over rad*. " +
        "Inconclusive: *jomed over rad* (could not be seen). Replica scale, drawn worlds.",
    );
  });

  it("stay short, and the board's figure stays on a screen, with twice as many claims", () => {
    const rows = boardRows(storedBoard());
    const twice = [...rows, ...rows];
    expect(verdictsMarkdown(twice).length).toBeLessThan(1000);
    const height = (some: readonly BoardRow[]): number => findingsFigure(some).layout["height"] as number;
    expect(height(rows)).toBeLessThan(900);
    expect(height(twice)).toBeLessThan(900);
  });
});

describe("claims under other readers", () => {
  const tell = (report: string, value: number, verdict: Finding["verdict"]): Finding =>
    ({ report, task: "casebook", value, low: value - 0.01, high: value + 0.01, verdict, because: null }) as Finding;
  const line = (name: string, elsewhere: readonly Finding[]): BoardLine =>
    ({
      claim: CLAIMS.find((claim) => claim.name === name)!,
      finding: tell("casebook", 0.04, "reproduced"),
      elsewhere,
    }) as BoardLine;

  it("stand in a column for each, and those that no other reader was asked stand in none", () => {
    const found = [tell("sweep", 0.5, "reproduced"), tell("vision", -0.02, "contradicted")];
    const text = readersMarkdown([
      line("jomed-over-ft-rag", found),
      line("inconsistent-share", [tell("pixtral", 0.5, "reproduced")]),
      line("jomed-over-rad", [tell("sweep", 0.5, "reproduced")]),
    ]);
    expect(text.split("\n").slice(2)).toEqual([
      "| JOMED beats FT RAG | +4.0 (+3.0 to +5.0): **reproduced** | −2.0 (−3.0 to −1.0): contradicted | – |",
      "| 3 to 93 % of a data set is inconsistent | 4.0 (3.0 to 5.0): **reproduced** | – | 50.0 (49.0 to 51.0): **reproduced** |",
    ]);
    expect(readersMarkdown([line("jomed-over-rad", [])])).toMatch(/^\*Not run yet/);
  });

  it("name the place by what is turned of world and reader", () => {
    const named = (task: string, backbone: string | null) => placeName({ task, backbone });
    expect(named("casebook", "qwen2-vl")).toBe("standard");
    expect(named("casebook", "qwen2-vl:vision=frozen")).toBe("vision frozen");
    expect(named("casebook:pull=0", "pixtral:vision=frozen")).toBe("pull 0, vision frozen");
    expect(named("casebook-phrases", null)).toBe("casebook-phrases");
    expect(named("casebook-phrases:knowledge=0.3", null)).toBe("knowledge 0.3");
    expect(named("breast-mnist", "qwen2-vl:vision=frozen")).toBe("breast-mnist, vision frozen");
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
    expect(written.join("")).toMatch(/results: the report must be one of casebook, .*sweep.*; got "casbook"/);
  });
});
