import { expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import { pearson } from "../../src/metrics/correlation";

test("the correlation by hand, and its interval by Fisher's transformation", () => {
  // deviations -1.5, -0.5, 0.5, 1.5 and -1.5, 0.5, -0.5, 1.5: 4 / 5
  const { value, low, high } = pearson([1, 2, 3, 4], [1, 3, 2, 4]);
  expect(value).toBeCloseTo((1.5 * 1.5 - 0.5 * 0.5 - 0.5 * 0.5 + 1.5 * 1.5) / 5, 12);
  expect(low).toBeCloseTo(Math.tanh(Math.atanh(0.8) - 1.959964), 9);
  expect(high).toBeCloseTo(Math.tanh(Math.atanh(0.8) + 1.959964), 9);
});

test("a line has 1 or -1 without a width; units do not matter; the order of the sides neither", () => {
  const x = [1, 2, 4, 8, 9];
  expect(
    pearson(
      x,
      x.map((value) => 3 * value + 2),
    ),
  ).toEqual({ value: 1, low: 1, high: 1 });
  expect(
    pearson(
      x,
      x.map((value) => -value),
    ).value,
  ).toBeCloseTo(-1, 12);
  const y = [2, 1, 5, 3, 3];
  expect(pearson(y, x).value).toBeCloseTo(pearson(x, y).value, 12);
});

test("the interval covers the true correlation in about 95 of 100 samples", () => {
  const random = createRandom("correlation");
  let covered = 0;
  for (let sample = 0; sample < 400; sample++) {
    const x = Array.from({ length: 20 }, () => random.normal());
    const y = x.map((value) => 0.6 * value + 0.8 * random.normal());
    const { low, high } = pearson(x, y);
    if (low <= 0.6 && 0.6 <= high) covered++;
  }
  expect(covered / 400).toBeGreaterThan(0.92);
  expect(covered / 400).toBeLessThan(0.98);
});

test("refuses other lengths, too few pairs, NaN and values that are all equal", () => {
  expect(() => pearson([1, 2, 3, 4], [1, 2, 3])).toThrow(/second must have 4 entries; got 3/);
  expect(() => pearson([1, 2, 3], [1, 2, 3])).toThrow(/at least 4 values; got 3/);
  expect(() => pearson([1, 2, 3, Number.NaN], [1, 2, 3, 4])).toThrow(/first must be finite/);
  expect(() => pearson([1, 2, 3, 4], [5, 5, 5, 5])).toThrow(/second must hold different values; all 4 are 5/);
});
