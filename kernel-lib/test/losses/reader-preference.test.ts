import { expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { readerPreference } from "../../src/losses/contrastive-kl";

test("once is the log-probability of the true label", () => {
  expect(readerPreference([2, 0], 0)).toBeCloseTo(Math.log(Math.exp(2) / (Math.exp(2) + 1)), 12);
  expect(readerPreference([1, 1, 1], 2)).toBeCloseTo(-Math.log(3), 12);
});

test("twice is a softmax over probabilities, and stays within its bounds", () => {
  const p = Math.exp(2) / (Math.exp(2) + 1);
  expect(readerPreference([2, 0], 0, "twice")).toBeCloseTo(Math.log(Math.exp(p) / (Math.exp(p) + Math.exp(1 - p))), 12);
  expect(readerPreference([50, 0, 0], 0, "twice")).toBeCloseTo(-Math.log(1 + 2 / Math.E), 9);
  expect(readerPreference([0, 50, 0], 0, "twice")).toBeCloseTo(-Math.log(2 + Math.E), 9);
});

test("a label that does not exist is refused", () => {
  let error: unknown;
  try {
    readerPreference([2, 0], 2);
  } catch (caught) {
    error = caught;
  }
  expect(isKernelError(error, "config")).toBe(true);
});
