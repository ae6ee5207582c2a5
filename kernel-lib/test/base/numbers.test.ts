import { expect, test } from "vitest";
import { argMax, mean, sum } from "../../src/base/numbers";

test("sum and mean of a list and of a typed array; of none 0 and NaN", () => {
  expect(sum([1, 2, 4])).toBe(1 + 2 + 4);
  expect(mean(Float32Array.of(1, 2, 6))).toBe((1 + 2 + 6) / 3);
  expect(sum([])).toBe(0);
  expect(mean([])).toBeNaN();
});

test("argMax names the first of equals, and no place in an empty list", () => {
  expect(argMax([1, 3, 3, 2])).toBe(1);
  expect(argMax([Number.NEGATIVE_INFINITY])).toBe(0);
  expect(argMax([])).toBe(-1);
});
