import { describe, expect, test } from "vitest";
import { CLAIMS, type Claim, claimedPairs } from "../../src/analysis/claims";
import { boardOf, type EvidenceTable, judge, placeName, testOf } from "../../src/analysis/findings";
import type { Measurement } from "../../src/analysis/measurement";
import type { SweepRow } from "../../src/analysis/sweep";

/** The rule of every claim, row by row: report, part, what is compared, where it has to lie, how little would matter. */
const RULES: readonly (readonly [name: string, report: string, part: string, effects: string, range: string])[] = [
  ["rag-over-closed-book", "casebook", "results", "ft-rag - closed-book", "> 0, 0.02"],
  ["text-head", "casebook", "ablations", "text-head - ft-rag", "> 0, 0.02"],
  ["image-head-on-top", "casebook", "ablations", "jomed - text-head", "> 0, 0.01"],
  ["both-heads", "casebook", "ablations", "jomed - text-head; jomed - image-head", "> 0, 0.01"],
  ["jomed-over-ft-rag", "casebook", "results", "jomed - ft-rag", "> 0, 0.02"],
  ["contrastive-over-pdist", "losses", "ablations", "jomed - perplexity distillation", "> 0, 0.02"],
  ["contrastive-same-prior", "losses", "ablations", "no prior - perplexity distillation", "> 0, 0.02"],
  ["jomed-over-rad", "casebook", "results", "jomed - RAD-like", "> 0, 0.02"],
  ["jomed-over-mmed-rag", "comparators", "results", "jomed - MMed-RAG-like", "> 0, 0.02"],
  ["jomed-over-atlas", "comparators", "results", "jomed - ATLAS-like", "> 0, 0.02"],
  ["gain-on-inconsistent", "casebook", "inconsistency", "jomed - ft-rag (inconsistent)", "> 0, 0.02"],
  ["gains-most-on-inconsistent", "casebook", "inconsistency", "jomed - ft-rag (inconsistent minus all)", "> 0, 0.02"],
  ["gain-beyond-control", "casebook", "inconsistency", "jomed - random among the ten best (inconsistent)", "> 0, 0.02"],
  [
    ...(["hard-for-all", "casebook", "inconsistency"] as const),
    ["closed-book", "ft-rag", "text-head", "image-head", "jomed"]
      .map((system) => `${system} (inconsistent minus consistent)`)
      .join("; "),
    "< 0, 0.02",
  ],
  ["inconsistent-share", "casebook", "inconsistency", "ft-rag [inconsistency]", "> 0.03 < 0.93, 0.02"],
  ["oracle-far-above", "casebook", "oracle", "jomed [oracleGap]", "> 0.05, 0.02"],
  [
    ...(["rerankers-leave-the-gap", "casebook", "oracle"] as const),
    "jomed [gapLeft] (score); jomed [gapLeft] (confidence); jomed [gapLeft] (vote)",
    "> 0, 0.02",
  ],
  ["closed-form", "open-form", "method", "jomed - open form", "> 0, 0.02"],
  ["close-to-medical", "comparators", "results", "jomed - reader pre-trained on the corpora", "> -0.05, 0.02"],
  ["lightweight", "comparators", "method", "jomed [trainedShare]", "< 0.1, 0.02"],
];

const effectText = ({ system, baseline, metric, subset }: Claim["effects"][number]): string =>
  `${system}${baseline === undefined ? "" : ` - ${baseline}`}${metric === undefined ? "" : ` [${metric}]`}` +
  `${subset === undefined ? "" : ` (${subset})`}`;
const rangeText = ({ claimed: { above, below }, worth }: Claim): string =>
  `${[above === undefined ? "" : `> ${above}`, below === undefined ? "" : `< ${below}`].filter(Boolean).join(" ")}, ${worth}`;

describe("the claims", () => {
  test("are these, and their rules have not moved since they were written", () => {
    expect(
      CLAIMS.map((claim) => [
        ...[claim.name, claim.report, claim.part],
        ...[claim.effects.map(effectText).join("; "), rangeText(claim)],
      ]),
    ).toEqual(RULES);
    expect(new Set(CLAIMS.map(({ since }) => since))).toEqual(new Set(["2026-11-30"]));
  });

  test("say what they claim", () => {
    for (const { says, name } of CLAIMS) expect(says, name).toMatch(/^[A-Z0-9].{10,}[^.]$/);
    expect(new Set(CLAIMS.map(({ says }) => says)).size).toBe(CLAIMS.length);
  });

  test("name every pair of systems that a report has to compare, each once", () => {
    expect(claimedPairs().map((pair) => pair.join(" - "))).toEqual([
      ...["ft-rag - closed-book", "text-head - ft-rag", "jomed - text-head", "jomed - image-head", "jomed - ft-rag"],
      ...["jomed - perplexity distillation", "no prior - perplexity distillation", "jomed - RAD-like"],
      ...["jomed - MMed-RAG-like", "jomed - ATLAS-like", "jomed - random among the ten best", "jomed - open form"],
      "jomed - reader pre-trained on the corpora",
    ]);
  });
});

const MANY = { n: 5000, seeds: 1 } as const;

describe("judge", () => {
  const at = (low: number, high: number, claimed: Claim["claimed"], seeds = 1) =>
    judge({ value: (low + high) / 2, low, high, n: 5000, seeds }, claimed, 0.02);

  test("wants the whole interval inside, or the whole of it outside, its ends not counted", () => {
    expect(at(0.01, 0.05, { above: 0 }).verdict).toBe("reproduced");
    expect(at(0, 0.05, { above: 0 }).verdict).toBe("inconclusive");
    expect(at(-0.05, 0, { above: 0 }).verdict).toBe("inconclusive");
    expect(at(-0.05, -0.01, { above: 0 }).verdict).toBe("contradicted");
    expect(at(-0.05, -0.01, { below: 0 }).verdict).toBe("reproduced");
    expect(at(-0.05, 0, { below: 0 }).verdict).toBe("inconclusive");
    expect(at(0, 0.05, { below: 0 }).verdict).toBe("inconclusive");
    expect(at(0.01, 0.05, { below: 0 }).verdict).toBe("contradicted");
    const between = { above: 0.1, below: 0.2 };
    expect([at(0.12, 0.18, between), at(0.02, 0.06, between), at(0.22, 0.26, between)].map((j) => j.verdict)).toEqual([
      ...["reproduced", "contradicted", "contradicted"],
    ]);
    expect([at(0.05, 0.15, between), at(0.15, 0.25, between)].map(({ verdict }) => verdict)).toEqual([
      ...["inconclusive", "inconclusive"],
    ]);
  });

  test("says why there is no verdict, and nothing where there is one", () => {
    expect(at(0.01, 0.05, { above: 0 }).because).toBeNull();
    expect(at(-0.05, -0.01, { above: 0 }).because).toBeNull();
    expect(at(0.05, 0.05, { above: 0.05 }).because).toBe("identical answers");
    const tight = at(-0.01, 0.01, { above: 0 });
    expect(tight.because).toBe("no such effect"); // 0.01 (1 + 0.8416 / 1.96) = 0.0143
    expect(tight.smallest).toBeCloseTo(0.01 * (1 + 0.841621 / 1.959964), 6);
    expect(at(-0.02, 0.02, { above: 0 }).because).toBe("could not be seen");
    expect(tight).toMatchObject({ value: 0, low: -0.01, high: 0.01, n: 5000, seeds: 1, pValue: 1 });
  });

  test("is held against the nearest end", () => {
    const near = { value: 0.19, low: 0.18, high: 0.2, ...MANY };
    expect(testOf(near, { above: 0, below: 0.2 })).toBeCloseTo(0.05, 6); // 1.96 deviations below 0.2
    expect(testOf({ ...near, value: 0.01, low: 0, high: 0.02 }, { above: 0, below: 0.2 })).toBeCloseTo(0.05, 6);
  });

  test("asks the exact test of one seed's difference to none, and of nothing else", () => {
    const few = { value: 0.01, low: 0.005, high: 0.015, seeds: 1, gained: 3, lost: 0 };
    expect(testOf(few, { above: 0 })).toBeCloseTo(0.25, 12); // 2 / 2^3
    const byInterval = testOf({ value: 0.01, low: 0.005, high: 0.015, seeds: 1 }, { above: 0 });
    expect(byInterval).toBeLessThan(0.001);
    expect(testOf({ ...few, gained: 90 }, { above: 0 })).toBe(byInterval); // the larger of both
    expect(testOf({ ...few, value: 0.06, low: 0.055, high: 0.065 }, { above: 0.05 })).toBeLessThan(0.001);
    expect(testOf({ ...few, seeds: 2, low: 0.0099, high: 0.0101 }, { above: 0 })).toBeLessThan(0.05);
    for (const name of ["gained", "lost"] as const) {
      const { [name]: _, ...counted } = few;
      expect(testOf(counted, { above: 0 })).toBe(byInterval);
    }
  });
});

const CLAIM: Claim = {
  ...{ name: "gain", says: "It helps", part: "results", since: "2026-11-30", report: "casebook" },
  ...{ effects: [{ system: "jomed", baseline: "ft-rag" }], claimed: { above: 0 }, worth: 0.02 },
};
const row = (more: Partial<Measurement> & { readonly backbone?: string } = {}): Measurement => ({
  ...{ task: "casebook", system: "jomed", baseline: "ft-rag", subset: "all", splitBy: null, metric: "accuracy" },
  ...{ value: 0.05, low: 0.03, high: 0.07, pValue: 0, n: 500, seeds: 1, scale: "replica", data: "phantom" },
  ...{ gained: 40, lost: 10, ...more },
});
const lineOf = (rows: EvidenceTable["rows"], claim: Partial<Claim> = {}, report = "casebook") =>
  boardOf([{ report, rows }], [{ ...CLAIM, ...claim }])[0]!;

describe("the board", () => {
  test("takes the row of the claim's own report, and tells where else it was measured", () => {
    const lines = boardOf(
      [
        { report: "losses", rows: [row({ value: 0.01, low: -0.01, high: 0.03 })] },
        { report: "casebook", rows: [row()] },
      ],
      [CLAIM],
    );
    expect(lines).toMatchObject([
      {
        ...{ claim: CLAIM, verdict: "reproduced" },
        finding: { claim: "gain", report: "casebook", task: "casebook", backbone: null, value: 0.05, n: 500, seeds: 1 },
        elsewhere: [{ report: "losses", verdict: "inconclusive", value: 0.01 }],
      },
    ]);
    expect(lines[0]!.adjusted).toBe(lines[0]!.finding!.pValue);
  });

  test("has no verdict where nothing was run, and Holm's correction over what was", () => {
    const other = { ...CLAIM, name: "other", effects: [{ system: "jomed", baseline: "text-head" }] };
    const missing = { ...CLAIM, name: "missing", effects: [{ system: "nobody" }] };
    const rows = [row(), row({ baseline: "text-head", value: 0.04, gained: 9, lost: 3 })];
    const lines = boardOf([{ report: "casebook", rows }], [CLAIM, missing, other]);
    expect(lines[1]).toMatchObject({ finding: null, verdict: "not run", adjusted: null, elsewhere: [] });
    const [first, , third] = lines.map(({ finding }) => finding?.pValue ?? 0);
    expect(first!).toBeLessThan(third!);
    expect(lines[0]!.adjusted).toBeCloseTo(2 * first!, 12);
    expect(lines[2]!.adjusted).toBeCloseTo(Math.max(2 * first!, third!), 12);
    expect(boardOf([])).toHaveLength(CLAIMS.length);
  });

  test("keeps tasks and readers apart, the reader by its name", () => {
    const rows = [
      row({ backbone: "a" }),
      row({ backbone: "b", value: 0.06 }),
      row({ task: "chest" }),
      row({ task: null }),
    ];
    const { finding, elsewhere } = lineOf(rows);
    expect([finding!, ...elsewhere].map(({ task, backbone }) => [task, backbone])).toEqual([
      ...[
        ["casebook", "a"],
        ["casebook", "b"],
        ["chest", null],
        ["", null],
      ],
    ]);
  });

  test("turns a difference that stands the other way round", () => {
    const turned = row({
      system: "ft-rag",
      baseline: "jomed",
      value: -0.05,
      low: -0.08,
      high: -0.03,
      gained: 10,
      lost: 40,
    });
    const { finding } = lineOf([turned]);
    expect(finding).toMatchObject({ value: 0.05, low: 0.03, high: 0.08, n: 500, seeds: 1, verdict: "reproduced" });
    const few = { ...turned, gained: 0, lost: 3 }; // the exact test is of the counts turned, too
    expect(lineOf([few]).finding!.pValue).toBeCloseTo(0.25, 12);
    const { gained: _g, lost: _l, ...uncounted } = turned;
    expect(lineOf([{ ...uncounted, seeds: 5 }]).finding).toMatchObject({ value: 0.05, seeds: 5 });
    expect(lineOf([turned], { effects: [{ system: "jomed" }] }).finding).toBeNull(); // a value is no difference
  });

  test("takes no difference of one seed without its counts, but for that between two kinds of questions", () => {
    const { gained: _g, lost: _l, ...uncounted } = row();
    expect(lineOf([uncounted]).verdict).toBe("not run");
    expect(lineOf([{ ...uncounted, seeds: 2 }]).verdict).not.toBe("not run");
    const subset = "inconsistent minus all";
    const effects = [{ system: "jomed", baseline: "ft-rag", subset }];
    expect(lineOf([{ ...uncounted, subset }], { effects }).verdict).toBe("reproduced");
    const value = { ...uncounted, baseline: null, metric: "oracleGap" };
    expect(lineOf([value], { effects: [{ system: "jomed", metric: "oracleGap" }] }).verdict).toBe("reproduced");
  });

  test("being right is accuracy, exact match or closed accuracy; another metric only where it is asked for", () => {
    for (const metric of ["accuracy", "exactMatch", "closedAccuracy"])
      expect(lineOf([row({ metric })]).verdict, metric).toBe("reproduced");
    expect(lineOf([row({ metric: "macroF1" })]).verdict).toBe("not run");
    expect(lineOf([row()], { effects: [{ ...CLAIM.effects[0]!, metric: "macroF1" }] }).verdict).toBe("not run");
    expect(lineOf([row({ subset: "inconsistent" })]).verdict).toBe("not run");
  });

  test("of several effects all count, and the one least as claimed is shown", () => {
    const effects = ["ft-rag", "text-head", "image-head"].map((baseline) => ({ system: "jomed", baseline }));
    const good = row();
    const worse = row({ baseline: "text-head", value: 0.04, low: 0.02, high: 0.06 });
    const best = row({ baseline: "image-head", value: 0.09, low: 0.07, high: 0.11 });
    expect(lineOf([good, worse, best], { effects }).finding).toMatchObject({ verdict: "reproduced", value: 0.04 });
    expect(lineOf([worse, good, best], { effects }).finding!.value).toBe(0.04);
    const none = { ...worse, value: 0.06, low: -0.02, high: 0.14 };
    expect(lineOf([good, none, best], { effects }).finding).toMatchObject({ verdict: "inconclusive", value: 0.06 });
    const against = { ...best, value: -0.05, low: -0.07, high: -0.03, gained: 10, lost: 40 };
    expect(lineOf([good, none, against], { effects }).finding).toMatchObject({ verdict: "contradicted", value: -0.05 });
    expect(lineOf([good, worse], { effects }).verdict).toBe("not run");
    const below = { effects, claimed: { below: 0.5 } };
    expect(lineOf([good, worse, best], below).finding!.value).toBe(0.09); // nearest to the end that counts
    const near = { ...worse, value: 0.02, low: 0.015, high: 0.025 }; // 0.01 from the end below, the other 0.015 from that above
    const far = { ...best, value: 0.085, low: 0.08, high: 0.09 };
    const inside = { effects, claimed: { above: 0.01, below: 0.1 } };
    expect(lineOf([good, near, far], inside).finding!.value).toBe(0.02);
    const between = { effects, claimed: { above: 0, below: 0.1 } };
    expect(lineOf([good, worse, { ...best, value: 0.085, low: 0.075, high: 0.095 }], between).finding!.value).toBe(
      0.085,
    );
  });

  test("reads a sweep's measures by the names that tables of systems give them", () => {
    const of = (measure: SweepRow["measure"], value: number, low: number | null = value - 0.01): SweepRow => ({
      ...{ task: "casebook:pull=0.5", knowledge: 0.7, visibility: 1, pull: 0.5, alike: 1 / 3, measure, value, low },
      ...{ high: low === null ? null : value + 0.01, n: 900, seeds: 3 },
    });
    const sweep = [of("ragGain", 0.2), of("gain", 0.3), of("gainOnInconsistent", 0.4), of("inconsistent", 0.5)];
    const rows = [...sweep, of("closedBook", 0.6), of("predictedGain", 0.1, null)];
    const valueIn = (effect: Claim["effects"][number]) => lineOf(rows, { effects: [effect] }).finding?.value;
    expect(valueIn({ system: "ft-rag", baseline: "closed-book" })).toBe(0.2);
    expect(valueIn({ system: "jomed", baseline: "ft-rag" })).toBe(0.3);
    expect(valueIn({ system: "jomed", baseline: "ft-rag", subset: "inconsistent" })).toBe(0.4);
    expect(valueIn({ system: "ft-rag", metric: "inconsistency" })).toBe(0.5);
    expect(valueIn({ system: "closed-book" })).toBeUndefined();
    expect(lineOf([of("gain", 0.3, null)]).finding).toBeNull();
    expect(lineOf(rows).finding).toMatchObject({ task: "casebook:pull=0.5", n: 900, seeds: 3 });
  });
});

test("placeName calls a world and a reader by what is turned of them", () => {
  const name = (task: string, backbone: string | null = null) => placeName({ task, backbone });
  expect([name("chest"), name("chest", "qwen2-vl")]).toEqual(["chest", "chest"]);
  expect(name("casebook")).toBe("standard");
  expect(name("casebook:knowledge=0.3:pull=0.5")).toBe("knowledge 0.3, pull 0.5");
  expect(name("casebook:pull=0.5", "qwen2-vl:vision=frozen")).toBe("pull 0.5, vision frozen");
});
