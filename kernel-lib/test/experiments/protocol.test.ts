import { describe, expect, it } from "vitest";
import {
  ANALYSES,
  analysesOf,
  assertFresh,
  assertSettled,
  developmentSeeds,
  gridOf,
  loadProtocol,
  type Protocol,
  parseProtocol,
  type ReportPlan,
  reportOf,
  sweepTasks,
} from "../../src/experiments/protocol";
import { assertReportable, assertTrial } from "../../src/experiments/record";
import { hasResults, loadResults } from "../../src/experiments/stored-results";
import { standardDials } from "../../src/phantoms/casebook/dials";

const REPORT: ReportPlan = {
  ...{ name: "main", what: "", needs: ["dials"], source: "phantom", profile: "test", tasks: ["casebook"] },
  ...{ backbones: ["qwen2-vl"], seeds: [11], systems: ["ft-rag"] },
};
const PROTOCOL: Protocol = {
  development: [{ seeds: [101, 102], what: "dials", since: "2026-11-30" }],
  fresh: { seeds: [11, 12], what: "reports", since: "2026-11-30" },
  choices: [{ name: "dials", value: {}, reason: "r", chosenOn: [101], lookedAt: "validation", date: "2026-11-30" }],
  reports: [REPORT],
};
const parse = (changes: object): Protocol =>
  parseProtocol(JSON.stringify({ ...PROTOCOL, ...changes }), "protocol.json");
const choice = (changes: object) => [{ ...PROTOCOL.choices[0], ...changes }];
const report = (changes: object) => [{ ...REPORT, ...changes }];

describe("the committed protocol", () => {
  it("is sound, and every reported run has fresh seeds", () => {
    const protocol = loadProtocol();
    const looked = developmentSeeds(protocol);
    for (const { seeds } of protocol.reports) expect(seeds.filter((seed) => looked.has(seed))).toEqual([]);
    expect(protocol.reports.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["casebook", "sweep", "phantoms", "real"]),
    );
  });

  it("says the dials that the casebook's standard world has", () => {
    const chosen = loadProtocol().choices.find(({ name }) => name === "casebook-dials")!;
    expect(standardDials("casebook")).toMatchObject(chosen.value);
  });

  it("asks FT RAG alone whom the reader trusts, beside the main result", () => {
    const trust = reportOf(loadProtocol(), "trust");
    expect(trust).toMatchObject({
      beside: "casebook",
      systems: ["ft-rag"],
      needs: expect.arrayContaining(["more-runs"]),
    });
    expect(analysesOf(trust)).toEqual(["trust"]);
  });

  it("names the runs behind every stored table, on the seeds that the table says", () => {
    const protocol = loadProtocol();
    for (const plan of protocol.reports.filter(({ name }) => hasResults(name))) {
      const { manifest } = loadResults(plan.name);
      expect(manifest.status).toBe("reported");
      expect(manifest.seeds).toEqual(plan.seeds);
      assertFresh(protocol, manifest.seeds, plan.name);
      assertSettled(protocol, plan);
    }
  });
});

describe("a protocol", () => {
  it("refuses a reported run whose seeds were used to choose: the planted violation", () => {
    expect(() => parse({ reports: report({ seeds: [11, 101] }) })).toThrow(
      expect.objectContaining({
        code: "config",
        message: expect.stringContaining("report main: seeds must not have been used to choose; got 101 (dials)"),
      }),
    );
    const planted = { ...PROTOCOL, reports: report({ seeds: [102] }) as ReportPlan[] };
    expect(() => assertReportable(planted, planted.reports[0]!)).toThrow(
      /used to choose; got 102 \(dials\).*Report fresh seeds: 11, 12/,
    );
  });

  it("takes a report beside another on the same questions only", () => {
    const beside = (changes: object) => [REPORT, { ...REPORT, name: "others", beside: "main", ...changes }];
    expect(parse({ reports: beside({ systems: ["jomed"] }) }).reports[1]!.beside).toBe("main");
    for (const odd of [{ beside: "none" }, { beside: "others" }, { seeds: [12] }, { tasks: ["casebook-set"] }])
      expect(() => parse({ reports: beside(odd) })).toThrow(/put the report others beside one on the same tasks/);
  });

  it("takes the analyses that a report names, each with the systems that it needs; refuses unknown ones, none, and those of no single task", () => {
    const naming = (changes: object) => parse({ reports: report(changes) }).reports[0]!;
    expect(analysesOf(naming({ analyses: ["trust", "pairs"] }))).toEqual(["trust", "pairs"]); // FT RAG alone is enough
    for (const analyses of [["truth"], [], ["trust", "trust"], "trust"])
      expect(() => naming({ analyses })).toThrow(
        new RegExp(`name the analyses of the report main, each once, among ${Object.keys(ANALYSES).join(", ")}; got `),
      );
    expect(() => naming({ analyses: ["trust", "weights"] })).toThrow(
      /ask jomed in the report main, for its analysis weights; got \["ft-rag"\]/,
    );
    const sweep = { variant: "casebook", dials: { knowledge: [0] } };
    for (const odd of [{ tasks: ["casebook", "casebook-seven"] }, { tasks: undefined, sweep }])
      expect(() => naming({ ...odd, analyses: ["trust"] })).toThrow(/give the report main one task, since it names/);
  });

  it("stores the usual analyses of a report that names none, where it has one task, FT RAG and JOMED", () => {
    const usual = (changes: object) => analysesOf({ ...REPORT, systems: ["ft-rag", "jomed"], ...changes });
    expect(usual({})).toEqual(["pairs", "outcomes", "lists", "weights", "trust"]);
    expect(usual({ beside: "other" })).toEqual(["candidates", "costs"]);
    for (const less of [{ systems: ["jomed"] }, { systems: ["ft-rag"] }, { tasks: ["casebook", "casebook-seven"] }])
      expect(usual(less)).toEqual([]);
    expect(usual({ tasks: undefined, sweep: { variant: "casebook", dials: {} } })).toEqual([]);
  });

  it("refuses seeds that nobody set aside, and fresh seeds that were looked at", () => {
    expect(() => parse({ reports: report({ seeds: [13] }) })).toThrow(
      /must be set aside in data\/protocol.json.*got 13/,
    );
    expect(() => parse({ fresh: { ...PROTOCOL.fresh, seeds: [11, 101] } })).toThrow(
      /keep fresh seeds out of development; got \[101\]/,
    );
  });

  it("refuses choices that hide what they were made on, have no reason, or no date that can be read", () => {
    expect(() => parse({ choices: choice({ chosenOn: [12] }) })).toThrow(
      /choose dials on development seeds; got \[12\]/,
    );
    expect(() => parse({ choices: choice({ reason: "" }) })).toThrow(/give each choice name, value, reason/);
    expect(() => parse({ choices: choice({ date: "today" }) })).toThrow(
      /date the choice dials as 2026-11-30, or null; got "today"/,
    );
  });

  it("refuses reports without tasks, with both tasks and a sweep, resting on nothing known, or with unknown names", () => {
    const sweep = { variant: "casebook", dials: { knowledge: [0, 1] } };
    expect(() => parse({ reports: report({ sweep }) })).toThrow(/either tasks or a sweep/);
    expect(() => parse({ reports: report({ tasks: undefined }) })).toThrow(/either tasks or a sweep/);
    expect(() => parse({ reports: report({ needs: ["luck"] }) })).toThrow(
      /rest the report main on its choices \(dials\); got \["luck"\]/,
    );
    expect(() => parse({ reports: report({ systems: ["gpt"] }) })).toThrow(/planGrid: systems must be one of/);
    expect(() => parse({ reports: report({ name: "Main table" }) })).toThrow(/lower-case words/);
    expect(() => parse({ reports: report({ sedes: [1] }) })).toThrow(/has no option "sedes"/);
  });

  it("refuses files that are none", () => {
    expect(() => parseProtocol("{", "p.json")).toThrow(/p.json must hold JSON/);
    expect(() => parseProtocol("{}", "p.json")).toThrow(/hold development, fresh.seeds, choices and reports/);
    expect(() => loadProtocol("/nowhere/p.json")).toThrow(/must be readable/);
  });

  it("a report that rests on what is open may not run, and a trial may not look at fresh seeds", () => {
    const open = parse({ choices: choice({ date: null }) });
    expect(() => assertReportable(open, open.reports[0]!)).toThrow(
      /dials must be settled in data\/protocol.json before main is run/,
    );
    expect(() => assertTrial(PROTOCOL, [101, 12])).toThrow(/a trial must not use fresh seeds; got 12/);
    expect(() => assertTrial(PROTOCOL, [101])).not.toThrow();
    expect(() => reportOf(PROTOCOL, "other")).toThrow(/must be one of main; got "other"/);
  });

  it("a sweep is the grid of its settings' names, each once, none written at its standard", () => {
    const tasks = sweepTasks({ variant: "casebook", dials: { pull: [1, 0.5], knowledge: [0, 0.7] } });
    expect(tasks).toEqual(["casebook:knowledge=0", "casebook", "casebook:knowledge=0:pull=0.5", "casebook:pull=0.5"]);
    const plan = {
      ...REPORT,
      tasks: undefined as never,
      sweep: { variant: "casebook" as const, dials: { pull: [0] } },
    };
    expect(gridOf(plan, [101])).toMatchObject({ tasks: ["casebook:pull=0"], seeds: [101], profile: "test" });
  });
});
