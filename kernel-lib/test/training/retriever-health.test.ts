import { expect, test } from "vitest";
import { measureRetrieverHealth, rowEntropies, topColumns } from "../../src/training/health";

const matrix = (...rows: number[][]) => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  cols: rows[0]!.length,
});

test("entropy: indifferent is ln K, certain is 0", () => {
  const [flat, sure] = rowEntropies(matrix([0.25, 0.25, 0.25, 0.25], [0, 1, 0, 0]));
  expect(flat).toBeCloseTo(Math.log(4), 6);
  expect(sure).toBe(0);
});

test("the best columns come first, ties by position", () => {
  expect(topColumns(matrix([1, 3, 3, 2]), 0, 3)).toEqual([1, 2, 3]);
});

test("by hand: half of the top moved, the embedding turned by 60 degrees", () => {
  const health = measureRetrieverHealth({
    target: matrix([0.5, 0.5, 0, 0]),
    retriever: matrix([0.4, 0.1, 0.3, 0.2]),
    frozenScores: matrix([4, 3, 2, 1]),
    learned: matrix([1, 0]),
    frozen: matrix([0.5, Math.sqrt(3) / 2]),
    numTop: 2,
  });
  expect(health.effectiveCandidates).toBeCloseTo(2, 6);
  expect(health.targetEntropy).toBeCloseTo(Math.log(2), 6);
  expect(health.frozenOverlap).toBe(1 / 2);
  expect(health.drift).toBeCloseTo(1 - 0.5, 6);
});

test("spread: 0 when every query looks the same, 1 when they cancel out", () => {
  const spreadOf = (...rows: number[][]) => {
    const same = matrix(...rows.map(() => [0.5, 0.5]));
    const learned = matrix(...rows);
    return measureRetrieverHealth({
      target: same,
      retriever: same,
      frozenScores: same,
      learned,
      frozen: learned,
      numTop: 1,
    }).spread;
  };
  expect(spreadOf([0, 1], [0, 1])).toBeCloseTo(0, 6);
  expect(spreadOf([0, 1], [0, -1])).toBeCloseTo(1, 6);
  expect(spreadOf([0, 1], [1, 0])).toBeCloseTo(1 - Math.SQRT1_2, 6);
});
