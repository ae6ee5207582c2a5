import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CLAIMS } from "../../src/analysis/claims";
import { measureEvidence } from "../../src/analysis/evidence";
import { judge } from "../../src/analysis/findings";
import { findMeasurement, type Measurement } from "../../src/analysis/measurement";
import { repositoryRoot } from "../../src/base/paths";
import { createRandom } from "../../src/base/random";
import { estimateText, verdictText } from "../../src/cli/board-text";
import { boardMark, FINDINGS_FIGURE } from "../../src/cli/findings";
import { loadResults, storedBoard } from "../../src/experiments/stored-results";
import { findingsFigure } from "../../src/figures/findings-figure";
import { boardRows, publishedEffect } from "../../src/frames/board";
import { widenForSeeds } from "../../src/metrics/seeds";
import { drawAnswers } from "./planted";

const SURE = { n: 5000, seeds: 1 } as const;

describe("judge", () => {
  test("the interval decides: where it is claimed, on the other side, or across the end", () => {
    expect(judge({ value: 0.04, low: 0.03, high: 0.05, ...SURE }, { above: 0 }, 0.02).verdict).toBe("reproduced");
    expect(judge({ value: -0.04, low: -0.05, high: -0.03, ...SURE }, { above: 0 }, 0.02).verdict).toBe("contradicted");
    expect(judge({ value: 0.5, low: 0.4, high: 0.6, ...SURE }, { above: 0.03, below: 0.93 }, 0.02).verdict).toBe(
      "reproduced",
    );
  });

  test("a null is told from what could not be seen, and identical answers from both", () => {
    const null_ = judge({ value: 0.001, low: -0.004, high: 0.006, ...SURE }, { above: 0 }, 0.02);
    expect(null_).toMatchObject({ verdict: "inconclusive", because: "no such effect" });
    expect(null_.smallest).toBeLessThan(0.02);
    const blind = judge({ value: 0.03, low: -0.03, high: 0.09, n: 60, seeds: 1 }, { above: 0 }, 0.02);
    expect(blind).toMatchObject({ verdict: "inconclusive", because: "could not be seen" });
    expect(judge({ value: 0, low: 0, high: 0, ...SURE }, { above: 0 }, 0.02).because).toBe("identical answers");
  });

  test("of one seed the exact test of the changed answers has to agree", () => {
    const few = { value: 0.004, low: 0.001, high: 0.008, n: 1000, seeds: 1, gained: 4, lost: 0 };
    expect(judge(few, { above: 0 }, 0.02).verdict).toBe("inconclusive"); // p = 2 / 2^4
    expect(judge({ ...few, gained: 8 }, { above: 0 }, 0.02).verdict).toBe("reproduced"); // p = 2 / 2^8
  });

  test("few seeds make an interval wide", () => {
    const interval = { value: 0.02, low: 0.008, high: 0.032, n: 5000 };
    expect(judge({ ...interval, seeds: 1 }, { above: 0 }, 0.02).verdict).toBe("reproduced");
    expect(judge({ ...interval, seeds: 3 }, { above: 0 }, 0.02).verdict).toBe("inconclusive");
  });
});

const FAST = { bootstrap: { numDraws: 200 } };

describe("evidence", () => {
  test("by hand: how hard inconsistent questions are, and where the gain lies", () => {
    const seeds = drawAnswers({ base: 0.6, gain: 0.1, numSeeds: 1, numQuestions: 200 }, createRandom("by hand"));
    const rows = measureEvidence(seeds, FAST);
    const [{ predictions }] = [seeds[0]!];
    const of = (system: string) => predictions.filter((one) => one.system === system);
    const differs = of("ft-rag").map(({ readings }) => readings[0]!.answer !== readings[1]!.answer);
    const right = (system: string, hard: boolean): number => {
      const kept = of(system).filter((_, i) => differs[i] === hard);
      return kept.filter(({ answer, truth }) => answer === truth).length / kept.length;
    };
    for (const system of ["ft-rag", "jomed"]) {
      const { value } = findMeasurement(rows, { system, metric: "accuracy", subset: "inconsistent minus consistent" });
      expect(value).toBeCloseTo(right(system, true) - right(system, false), 12);
    }
    const oracle = of("jomed").filter(({ readings, truth }) => readings.some(({ answer }) => answer === truth));
    const gap = findMeasurement(rows, { system: "jomed", metric: "oracleGap" });
    const accuracy = of("jomed").filter(({ answer, truth }) => answer === truth).length / 200;
    expect(gap.value).toBeCloseTo(oracle.length / 200 - accuracy, 12);
  });

  test("every rule that picks one reading stays at or below the oracle", () => {
    const rows = measureEvidence(
      drawAnswers({ base: 0.6, gain: 0.1, numSeeds: 2, numQuestions: 80 }, createRandom("p")),
      FAST,
    );
    const oracle = findMeasurement(rows, { system: "jomed", metric: "oracle" }).value;
    const picked = rows.filter(({ metric }) => metric === "picked");
    expect(picked.length).toBeGreaterThan(0);
    for (const { value } of picked) expect(value).toBeLessThanOrEqual(oracle + 1e-12);
  });
});

describe("the board", () => {
  test("comes from the stored tables in less than ten seconds, a line a claim", () => {
    const start = performance.now();
    const rows = boardRows(storedBoard());
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(rows.map(({ claim }) => claim)).toEqual(CLAIMS.map(({ name }) => name));
    for (const row of rows) {
      expect(estimateText(row)).not.toBe("");
      expect(verdictText(row)).not.toMatch(/NaN|undefined/);
      if (row.verdict === "not run") expect(row.value).toBeNull();
    }
  });

  test("each mark of its figure stands where the stored tables say, with the interval of so few seeds", () => {
    const rows = boardRows(storedBoard()).filter(({ unit }) => unit === "points");
    const [marks] = findingsFigure(boardRows(storedBoard())).data as unknown as {
      readonly x: number[];
      readonly error_x: { readonly array: number[]; readonly arrayminus: number[] };
    }[];
    const run = rows.filter(({ value }) => value !== null);
    expect(marks!.x).toHaveLength(run.length);
    const stored = (report: string) => loadResults(report).rows as readonly Measurement[];
    let compared = 0;
    for (const [i, { claim: name, report }] of run.entries()) {
      const { effects } = CLAIMS.find((claim) => claim.name === name)!;
      const found = effects.map(({ system, baseline = null, subset = "all", metric = "accuracy" }) =>
        stored(report).find((row) =>
          Object.entries({ system, baseline, subset, metric }).every(
            ([key, value]) => row[key as keyof Measurement] === value,
          ),
        ),
      );
      const drawn = found.filter((row) => row !== undefined && Math.abs(100 * row.value - marks!.x[i]!) < 1e-9);
      expect(drawn.length, name).toBeGreaterThan(0); // one of its effects, to the digit
      const { value, low, high } = widenForSeeds(drawn[0]!, drawn[0]!.seeds);
      expect(marks!.error_x.arrayminus[i]).toBeCloseTo(100 * (value - low), 9);
      expect(marks!.error_x.array[i]).toBeCloseTo(100 * (high - value), 9);
      compared += 1;
    }
    expect(compared).toBeGreaterThanOrEqual(10);
  });

  test("its committed figure was drawn from the stored tables", () => {
    const svg = readFileSync(join(repositoryRoot(), FINDINGS_FIGURE), "utf8");
    expect(svg.trimEnd().endsWith(boardMark(boardRows(storedBoard())))).toBe(true);
  });

  test("published numbers are the paper's or absent", () => {
    expect(publishedEffect({ system: "jomed", baseline: "ft-rag" })).toEqual({
      low: expect.closeTo(0.03, 9),
      high: expect.closeTo(0.03, 9),
    });
    expect(publishedEffect({ system: "jomed", baseline: "no such system" })).toBeNull();
  });
});
