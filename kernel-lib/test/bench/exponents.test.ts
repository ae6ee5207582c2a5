import { describe, expect, it } from "vitest";
import { fitExponent } from "../../bench/exponents.mjs";

describe("fitExponent", () => {
  it("finds the exponent of a power law, without error", () => {
    const sizes = [1, 2, 4, 8];
    const law = fitExponent(
      sizes,
      sizes.map((size) => 3 * size ** 1.5),
    );
    expect(law.exponent).toBeCloseTo(1.5, 12);
    expect(law.factor).toBeCloseTo(3, 12);
    expect(law.error).toBeCloseTo(0, 12);
  });

  it("is the line of least squares through the logarithms, with the slope's standard error", () => {
    // in powers of e: x = 0, 1, 2 and y = 0, 2, 1; means 1 and 1; slope (1*1 - 0) / 2; rests -1/2, 1, -1/2
    const law = fitExponent([1, Math.E, Math.E ** 2], [1, Math.E ** 2, Math.E]);
    expect(law.exponent).toBeCloseTo((-1 * -1 + 0 * 1 + 1 * 0) / 2, 12);
    expect(law.error).toBeCloseTo(Math.sqrt((0.25 + 1 + 0.25) / 1 / 2), 12);
    expect(law.factor).toBeCloseTo(Math.exp(1 - 0.5 * 1), 12);
  });

  it("has no error with two points, and refuses what has no logarithm or no line", () => {
    expect(fitExponent([1, 10], [1, 100])).toMatchObject({ error: null });
    expect(() => fitExponent([1], [1])).toThrow("needs two points or more");
    expect(() => fitExponent([1, 2], [1, 2, 3])).toThrow("got 2 and 3");
    expect(() => fitExponent([1, 2], [0, 1])).toThrow("must be positive");
    expect(() => fitExponent([2, 2], [1, 3])).toThrow("sizes must differ");
  });
});
