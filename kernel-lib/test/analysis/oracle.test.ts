import { describe, expect, it } from "vitest";
import { measureOracle } from "../../src/analysis/oracle";
import { createRandom } from "../../src/base/random";
import { predict } from "./helpers";

describe("measureOracle", () => {
  it("is right if any reading is", () => {
    const rows = [
      predict("rag", "e1", 1, [0, 0, 1], 0),
      predict("rag", "e2", 1, [0, null, 0], 0),
      predict("rag", "e3", 0, [0, 0, 0], 0),
      predict("rag", "e4", 0, [1, 0, 1], 1),
    ];
    const [result] = measureOracle(rows);
    expect(result).toMatchObject({ system: "rag", numQueries: 4 });
    expect([result!.accuracy.value, result!.oracle.value, result!.gap.value]).toEqual([1 / 4, 3 / 4, 2 / 4]);
  });

  it("is at least as accurate as every rule that picks one passage", () => {
    const random = createRandom(9);
    for (let trial = 0; trial < 50; trial++) {
      const rows = Array.from({ length: 20 }, (_, i) => {
        const readings = Array.from({ length: 4 }, () => random.pick([0, 1, null]));
        return predict("any", `e${i}`, random.integer(2), readings, random.pick(readings));
      });
      const [{ accuracy, oracle, gap }] = measureOracle(rows, { numDraws: 50 }) as [
        ReturnType<typeof measureOracle>[0],
      ];
      expect(oracle.value).toBeGreaterThanOrEqual(accuracy.value);
      expect(gap.low).toBeGreaterThanOrEqual(0);
      for (let k = 0; k < 4; k++) {
        const picked = rows.filter((row) => row.readings[k]!.answer === row.truth).length / rows.length;
        expect(oracle.value).toBeGreaterThanOrEqual(picked);
      }
    }
  });

  it("can be less accurate than fusion, which picks no single passage", () => {
    const [result] = measureOracle([predict("fused", "e1", 1, [0, 2], 1)]);
    expect(result!.gap.value).toBe(-1);
  });
});
