import { expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { logSoftmax, softmax } from "../../src/base/softmax";

test("softmax by hand", () => {
  const [a, b] = softmax([Math.log(3), 0]);
  expect(a).toBeCloseTo(3 / 4, 12);
  expect(b).toBeCloseTo(1 / 4, 12);
  expect(softmax([2, 0], 2)[0]).toBeCloseTo(Math.E / (Math.E + 1), 12);
});

test("logSoftmax is shift invariant and does not overflow", () => {
  expect(logSoftmax([1000, 1000])[0]).toBeCloseTo(-Math.log(2), 12);
  expect(logSoftmax([-1000, -1001])[1]).toBeCloseTo(logSoftmax([1, 0])[1]!, 12);
});

test("logSoftmax refuses values without a finite maximum", () => {
  for (const bad of [[], [Number.NaN, 1], [Number.POSITIVE_INFINITY, 0], [Number.NEGATIVE_INFINITY]]) {
    let error: unknown;
    try {
      logSoftmax(bad);
    } catch (caught) {
      error = caught;
    }
    expect(isKernelError(error, "numeric")).toBe(true);
  }
});
