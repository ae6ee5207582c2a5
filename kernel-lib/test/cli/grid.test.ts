import { describe, expect, test } from "vitest";
import type { Difference, Measurement } from "../../src/analysis/measurement";
import { ConfigError } from "../../src/base/errors";
import { describeFailure, gridLine } from "../../src/cli/grid";
import { alignColumns, durationText, planTable, reportCsv, resultsTable, statusTable } from "../../src/cli/grid-report";
import { parseReproduce } from "../../src/cli/reproduce-options";
import { gridGraph } from "../../src/experiments/grid/graph";
import { resolveGrid } from "../../src/experiments/grid/options";
import type { GridPlan } from "../../src/experiments/grid/plan";
import { summarizeGrid } from "../../src/experiments/grid/results";

const parse = (...argv: string[]) => parseReproduce(argv, {}, "/project");

describe("the command line", () => {
  test("a plain run and profile test have no grid; another profile or a list has", () => {
    expect([parse().grid, parse("--profile", "test").grid, parse("--seed", "8").grid]).toEqual([null, null, null]);
    expect(parse("--profile", "quick").grid).toMatchObject({ verb: "run", name: "grid-phantom-quick" });
    expect(parse("--profile", "quick")).toMatchObject({ settings: "default", name: "phantom-quick-7" });
    for (const option of ["tasks", "backbones", "seeds", "systems"]) {
      const value = { tasks: "slake", backbones: "qwen2-vl", seeds: "7", systems: "jomed" }[option]!;
      expect(parse(`--${option}`, value).grid).not.toBeNull();
    }
  });

  test("lists are joined by commas; all stands for every one; other choices have another report", () => {
    const { grid } = parse("--tasks", "slake, brset", "--seeds", "7,8", "--systems", "all", "--dry-run");
    expect(grid).toMatchObject({ verb: "dry", options: { tasks: ["slake", "brset"], seeds: [7, 8] } });
    expect(grid!.options.systems).toHaveLength(resolveGrid({ profile: "full" }).systems.length);
    expect(grid!.name).toMatch(/^grid-phantom-quick-[0-9a-f]{8}$/);
    expect(parse("--tasks", "all").grid!.name).toBe("grid-phantom-quick");
    expect(parse("--status").grid!.verb).toBe("status");
  });

  test("the notebooks' seed is one of the grid's", () => {
    expect(parse("--seeds", "9,10")).toMatchObject({ seed: 9, target: "report", name: "phantom-quick-9" });
    expect(parse("--seeds", "9,7").seed).toBe(7);
    expect(parse("--profile", "quick", "--seed", "8").grid!.options.seeds).toEqual([8]);
  });

  test.each([
    [["--tasks", "breast"], "tasks must be one of breast-mnist, derma-mnist"],
    [["--systems", "jomed,,ft-rag"], "--systems must be names joined by commas"],
    [["--seeds", "7,x"], '--seeds must be whole numbers joined by commas; got "x"'],
    [["--seed", "7", "--seeds", "8"], "--seed and --seeds must not be given together"],
    [["--dry-run", "--status"], "--dry-run and --status must not be given together"],
    [["--backbones", "gpt"], "backbones must be one of pixtral, qwen2-vl, qwen2-vl-pairs"],
  ])("%j is refused", (argv, message) => {
    expect(() => parse(...argv)).toThrow(message);
  });
});

describe("tables", () => {
  const settings = resolveGrid({ tasks: ["retina-mnist"], source: "phantom" });
  const { cells, leftOut, nodes } = gridGraph(settings);
  const stages = nodes.map(({ stage }) => stage);
  const planned = stages.map((stage) => {
    const state = stage.kind === "leaks" ? ("there" as const) : ("missing" as const);
    return { ...stage, key: null, state, seconds: 60, estimate: "table" as const };
  });
  const plan: GridPlan = { settings, cells, leftOut, stages: planned };

  test("a dry run says what is needed, what is there and how long the rest takes", () => {
    const lines = planTable(plan).split("\n");
    expect(lines[0]).toBe("task          stage             needed  there  time left");
    expect(lines).toContain("retina-mnist  leaks                  1      1        0 s");
    expect(lines).toContain("retina-mnist  predictions            5      0      5 min");
    expect(lines.at(-1)).toMatch(/^5 experiments, 13 stages, 1 there; time left: 12 min \(partly a first guess/);
    const unknown = {
      ...plan,
      stages: planned.map((stage) => ({ ...stage, seconds: null, estimate: "unknown" as const })),
    };
    expect(planTable(unknown)).toContain("time left: ? (nobody has measured");
  });

  test("a status names who is at work and what failed", () => {
    const [first, second] = stages as [(typeof stages)[0], (typeof stages)[0]];
    const text = statusTable({
      stages: [
        { stage: first, state: "running", who: "process 5 on here", since: "noon" },
        { stage: second, state: "failed", message: "no disk" },
      ],
      counts: { done: 0, running: 1, stopped: 0, failed: 1, missing: 0 },
    });
    expect(text).toContain(`running: ${first.id}, by process 5 on here since noon`);
    expect(text).toContain(`failed: ${second.id}: no disk`);
    expect(text).toContain("0 done, 1 running, 0 stopped, 1 failed, 0 missing.");
  });

  test("lengths of time, columns and lines of progress", () => {
    expect([null, 12.4, 90, 5399, 7260].map(durationText)).toEqual(["?", "12 s", "2 min", "1 h 30 min", "2 h 1 min"]);
    expect(
      alignColumns(
        [
          ["a", "1"],
          ["bcd", "10"],
        ],
        1,
      ),
    ).toBe("a     1\nbcd  10");
    const head = stages.find(({ kind }) => kind === "retriever-head")!;
    const inner = { stage: "retriever text head", done: 3, total: 60 };
    expect(gridLine({ done: 2, total: 13, stage: head, inner, secondsLeft: 125, held: 1 })).toBe(
      "grid 2/13  retina-mnist retriever-head text, qwen2-vl, seed 7  retriever text head 3/60  2 min left  (1 at work elsewhere)",
    );
    expect(gridLine({ done: 2, total: 13, stage: null, inner: null, secondsLeft: 0, held: 2 })).toBe(
      "grid 2/13  waiting for other processes  (2 at work elsewhere)",
    );
  });

  test("a failure names stage, task, cause, cost and what to do", () => {
    const text = describeFailure({
      stage: stages[0]!,
      error: new ConfigError("f: x must y."),
      leftOut: ["p.1", "p.2"],
    });
    expect(text).toContain(`FAILED reader of retina-mnist (${stages[0]!.id}): f: x must y.`);
    expect(text).toContain("2 stages (p.1 …)");
    expect(text).toContain("give the same command again");
  });
});

describe("results over seeds", () => {
  const cell = { profile: "quick", source: "phantom", task: "slake", backbone: "qwen2-vl" };
  const whole = { baseline: null, subset: "all", splitBy: null, pValue: null } as const;
  const facts = { ...whole, n: 10, seeds: 1, scale: "replica", data: "phantom" } as const;
  const row = (seed: number, system: string, value: number): Measurement & typeof cell & { seed: number } => {
    return { ...cell, ...facts, seed, system, metric: "accuracy", value, low: value - 0.1, high: value + 0.1 };
  };
  const difference = (seed: number, value: number): Difference & typeof cell & { seed: number } => {
    return { ...row(seed, "jomed", value), baseline: "ft-rag", pValue: 0.5 };
  };

  test("one seed keeps its bootstrap interval", () => {
    const [jomed] = summarizeGrid({ results: [row(7, "jomed", 0.8)], differences: [difference(7, 0.05)] });
    expect(jomed).toMatchObject({ value: 0.8, seeds: 1, interval: "bootstrap", n: 10 });
    expect([jomed!.low, jomed!.high]).toEqual([0.8 - 0.1, 0.8 + 0.1]);
    expect(jomed!.difference).toMatchObject({ value: 0.05, baseline: "ft-rag" });
  });

  test("several seeds by hand: mean and t-interval of values and of paired differences", () => {
    const rows = summarizeGrid({
      results: [row(7, "ft-rag", 0.7), row(7, "jomed", 0.8), row(8, "ft-rag", 0.76), row(8, "jomed", 0.84)],
      differences: [difference(7, 0.1), difference(8, 0.08)],
    });
    expect(rows.map(({ system, seeds, interval }) => [system, seeds, interval])).toEqual([
      ["ft-rag", 2, "seeds"],
      ["jomed", 2, "seeds"],
    ]);
    const half = (12.7062 * (Math.SQRT1_2 * 0.04)) / Math.SQRT2; // t of one degree of freedom; deviation of two values
    expect(rows[1]!.value).toBeCloseTo((0.8 + 0.84) / 2, 12);
    expect(rows[1]!.high - rows[1]!.value).toBeCloseTo(half, 4);
    expect(rows[1]!.difference!.value).toBeCloseTo((0.1 + 0.08) / 2, 12);
    expect(rows[0]!.difference).toBeNull();
  });

  test("the table is in per cent, the file from 0 to 1 with empty cells where nothing is known", () => {
    const [jomed] = summarizeGrid({ results: [row(7, "jomed", 0.8)], differences: [] });
    const rows = [
      { ...jomed!, published: 90 },
      { ...jomed!, system: "no prior", published: null },
    ];
    const [header, first] = resultsTable(rows).split("\n");
    expect(header).toMatch(/^task +reader +system +metric +value +95 % interval/);
    expect(first).toMatch(/slake +qwen2-vl +jomed +accuracy +80\.0 +70\.0 to 90\.0 +– +10 +1 +90$/);
    const lines = reportCsv(rows).trimEnd().split("\n");
    const odd = reportCsv([{ ...jomed!, system: "+ text head", task: 'a "b", c', published: null }]).split("\n")[1];
    expect(odd).toBe(`"a ""b"", c",qwen2-vl,'+ text head,accuracy,0.8,${0.8 - 0.1},${0.8 + 0.1},10,1,bootstrap,,,,,`);
    expect(lines[2]).toBe(`slake,qwen2-vl,no prior,accuracy,0.8,${0.8 - 0.1},${0.8 + 0.1},10,1,bootstrap,,,,,`);
  });
});
