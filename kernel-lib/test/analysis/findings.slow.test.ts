import { describe, expect, test } from "vitest";
import { CLAIMS } from "../../src/analysis/claims";
import { measureEvidence } from "../../src/analysis/evidence";
import { boardOf } from "../../src/analysis/findings";
import { measureOverSeeds, type SeedAnswers } from "../../src/analysis/over-seeds";
import { createRandom } from "../../src/base/random";
import { drawAnswers } from "./planted";

const GAIN = CLAIMS.filter(({ name }) => name === "jomed-over-ft-rag");
const FAST = { bootstrap: { numDraws: 120 } };

function verdictOf(seeds: SeedAnswers[]) {
  const rows = measureOverSeeds(seeds, FAST);
  return boardOf([{ report: "casebook", rows }], GAIN)[0]!;
}

describe("the rule", () => {
  test("a planted null is called reproduced in at most 5 % of 1,000 draws", () => {
    const random = createRandom("planted null");
    let called = 0;
    for (let i = 0; i < 1000; i++) {
      const { verdict } = verdictOf(drawAnswers({ base: 0.6, gain: 0, numSeeds: 5, numQuestions: 30 }, random));
      called += Number(verdict === "reproduced");
    }
    expect(called).toBeLessThanOrEqual(50);
  }, 120_000);

  test("a planted effect as large as the board says would show, is found as often as it says", () => {
    const random = createRandom("planted effect");
    const world = { base: 0.6, numSeeds: 1, numQuestions: 400 };
    // a fifth of the answers changes, so the difference of one question has a variance of 0.2; 1.96 + 0.84 standard errors
    const effect = (1.959964 + 0.841621) * Math.sqrt(0.2 / world.numQuestions);
    const { finding } = verdictOf(drawAnswers({ ...world, gain: 0 }, random));
    expect(Math.abs(finding!.smallest / effect - 1)).toBeLessThan(0.25);
    let found = 0;
    for (let i = 0; i < 200; i++) {
      found += Number(verdictOf(drawAnswers({ ...world, gain: effect }, random)).verdict === "reproduced");
    }
    expect(found / 200).toBeGreaterThan(0.68); // 80 %, less three standard errors
    expect(found / 200).toBeLessThan(0.92);
  }, 120_000);

  test("permuted truths turn every verdict on being right away from reproduced", () => {
    const random = createRandom("permuted");
    const seeds = drawAnswers({ base: 0.6, gain: 0.18, numSeeds: 5, numQuestions: 300 }, random);
    const board = (answers: SeedAnswers[]) =>
      boardOf([{ report: "casebook", rows: [...measureOverSeeds(answers, FAST), ...measureEvidence(answers, FAST)] }])
        .filter(
          ({ claim, finding }) => finding !== null && claim.part !== "oracle" && claim.name !== "inconsistent-share",
        )
        .map(({ claim, verdict }) => [claim.name, verdict]);
    expect(new Map(board(seeds) as [string, string][]).get("jomed-over-ft-rag")).toBe("reproduced");
    const permuted = seeds.map(({ seed, task, predictions }) => {
      const truths = new Map(task.splits.test.map(({ id }) => [id, random.integer(2)] as const));
      return {
        ...{ seed, task },
        predictions: predictions.map((one) => ({ ...one, truth: truths.get(one.exampleId)! }) as typeof one),
      };
    });
    const after = board(permuted);
    expect(after.length).toBeGreaterThanOrEqual(3);
    for (const [name, verdict] of after) expect([name, verdict]).not.toEqual([name, "reproduced"]);
  });
});
