import { describe, expect, it } from "vitest";
import { findMeasurement, type Measurement } from "../../src/analysis/measurement";
import { measureOracle } from "../../src/analysis/oracle";
import { createRandom } from "../../src/base/random";
import { predict } from "./helpers";

const of = (rows: readonly Measurement[], metric: string): Measurement => findMeasurement(rows, { metric });

describe("measureOracle", () => {
  it("is right if any reading is", () => {
    const rows = [
      predict("rag", "e1", 1, [0, 0, 1], 0),
      predict("rag", "e2", 1, [0, null, 0], 0),
      predict("rag", "e3", 0, [0, 0, 0], 0),
      predict("rag", "e4", 0, [1, 0, 1], 1),
    ];
    const found = measureOracle(rows);
    expect(found.map(({ system, metric, value, n }) => [system, metric, value, n])).toEqual([
      ["rag", "accuracy", 1 / 4, 4],
      ["rag", "oracle", 3 / 4, 4],
      ["rag", "oracleGap", 2 / 4, 4],
    ]);
  });

  it("is at least as accurate as every rule that picks one passage", () => {
    const random = createRandom(9);
    for (let trial = 0; trial < 50; trial++) {
      const rows = Array.from({ length: 20 }, (_, i) => {
        const readings = Array.from({ length: 4 }, () => random.pick([0, 1, null]));
        return predict("any", `e${i}`, random.integer(2), readings, random.pick(readings));
      });
      const found = measureOracle(rows, { bootstrap: { numDraws: 50 } });
      const [accuracy, oracle, gap] = [of(found, "accuracy"), of(found, "oracle"), of(found, "oracleGap")];
      expect(oracle.value).toBeGreaterThanOrEqual(accuracy.value);
      expect(gap.low).toBeGreaterThanOrEqual(0);
      for (let k = 0; k < 4; k++) {
        const picked = rows.filter((row) => row.readings[k]!.answer === row.truth).length / rows.length;
        expect(oracle.value).toBeGreaterThanOrEqual(picked);
      }
    }
  });

  it("can be less accurate than fusion, which picks no single passage", () => {
    expect(of(measureOracle([predict("fused", "e1", 1, [0, 2], 1)]), "oracleGap").value).toBe(-1);
  });

  it("is not asked of a system that reads at most once", () => {
    const rows = [predict("closed-book", "e1", 1, [1], 1), predict("closed-book", "e2", 1, [], 0)];
    expect(measureOracle(rows)).toMatchObject([{ system: "closed-book", metric: "accuracy", value: 1 / 2 }]);
  });
});
