import { expect, test } from "vitest";
import { trainLinearProbe } from "../../src/analysis/linear-probe";
import { createRandom } from "../../src/base/random";
import type { Matrix } from "../../src/base/types";

const matrix = (rows: readonly (readonly number[])[]): Matrix => {
  return { data: Float32Array.from(rows.flat()), rows: rows.length, cols: rows[0]!.length };
};
/** At +1 three of four are of class 1, at -1 one of four. */
const SIDES = [1, 1, 1, 1, -1, -1, -1, -1].map((x) => [x]);
const CLASSES = [1, 1, 1, 0, 0, 0, 0, 1];

test("by hand: probabilities are the shares of the classes, but for what the ridge takes", () => {
  const probe = trainLinearProbe(matrix(SIDES), CLASSES, 2);
  // at the minimum p - 3/4 + 0.001 · ln(p / (1 - p)) / 2 = 0, so p = 0.749452
  const told = probe.probabilities(matrix([[1], [-1], [0]]));
  expect(told.flat()).toEqual([0.250548, 0.749452, 0.749452, 0.250548, 0.5, 0.5].map((p) => expect.closeTo(p, 5)));
  expect(probe.classify(matrix([[1], [-1], [0.2], [-7]]))).toEqual([1, 0, 1, 0]);
});

test("of rows that are all alike it knows how often each class is, of three too", () => {
  const rows = matrix(Array.from({ length: 6 }, () => [5, 5]));
  const probe = trainLinearProbe(rows, [0, 0, 0, 1, 1, 2], 3);
  const [shares] = probe.probabilities(matrix([[5, 5]]));
  expect(shares).toEqual([1 / 2, 1 / 3, 1 / 6].map((share) => expect.closeTo(share, 2)));
  expect(
    probe.classify(
      matrix([
        [5, 5],
        [9, 9],
      ]),
    ),
  ).toEqual([0, 0]); // what never varied tells nothing
});

test("neither where the rows lie nor how far apart changes what it says", () => {
  const random = createRandom("probe");
  const rows = Array.from({ length: 40 }, () => [random.normal(), random.normal(), random.normal()]);
  const classes = rows.map(([x, y]) => (x! + y! > 0 ? 2 : x! > y! ? 1 : 0));
  const told = (change: (value: number, column: number) => number) => {
    const moved = matrix(rows.map((row) => row.map(change)));
    return trainLinearProbe(moved, classes, 3).probabilities(moved).flat();
  };
  const plain = told((value) => value);
  const moved = told((value, column) => 3 + (column + 1) * value);
  plain.forEach((p, i) => {
    expect(moved[i]).toBeCloseTo(p, 3);
  });
  const other = told((value, column) => (column === 2 ? 1 : value));
  expect(Math.max(...plain.map((p, i) => Math.abs(p - other[i]!)))).toBeGreaterThan(1e-3); // a column less is another probe
});

test("a class that never occurs is unlikely, and is none of the answers", () => {
  const probe = trainLinearProbe(matrix(SIDES), CLASSES, 3);
  for (const [, , third] of probe.probabilities(matrix(SIDES))) expect(third).toBeLessThan(0.02);
  expect(new Set(probe.classify(matrix(SIDES)))).toEqual(new Set([0, 1]));
});

test("refuses classes for other rows, and no rows, in its own name", () => {
  expect(() => trainLinearProbe(matrix(SIDES), [1], 2)).toThrow(
    "trainLinearProbe: classes must have 8 entries; got 1.",
  );
  expect(() => trainLinearProbe({ data: new Float32Array(), rows: 0, cols: 1 }, [], 2)).toThrow(
    "trainLinearProbe: embeddings must hold at least one row; got 0.",
  );
});
