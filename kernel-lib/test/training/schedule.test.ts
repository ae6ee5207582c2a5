import { expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { cosineSchedule } from "../../src/training/schedule";

test("warm-up is linear and starts above zero, then half a cosine ends at zero", () => {
  const rate = cosineSchedule({ learningRate: 2, steps: 10, warmupSteps: 4 });
  expect([0, 1, 2, 3].map(rate)).toEqual([0.5, 1, 1.5, 2]);
  expect(rate(4)).toBeCloseTo(2, 12);
  expect(rate(7)).toBeCloseTo((2 * (1 + Math.cos(Math.PI / 2))) / 2, 12);
  expect(rate(10)).toBeCloseTo(0, 12);
  expect(rate(99)).toBeCloseTo(0, 12);
});

test("a warm-up as long as the training is refused", () => {
  let error: unknown;
  try {
    cosineSchedule({ learningRate: 1, steps: 5, warmupSteps: 5 });
  } catch (caught) {
    error = caught;
  }
  expect(isKernelError(error, "config") && error.message).toMatch(/less than steps = 5; got 5/);
});

test("between warm-up and fall the rate stays at its highest", () => {
  const rate = cosineSchedule({ learningRate: 2, steps: 10, warmupSteps: 2, holdSteps: 4 });
  expect([1, 2, 3, 5].map(rate)).toEqual([2, 2, 2, 2]);
  expect(rate(6)).toBe(2);
  expect(rate(8)).toBeCloseTo(1, 12);
  expect(rate(10)).toBeCloseTo(0, 12);
  const refused = () => cosineSchedule({ learningRate: 1, steps: 5, warmupSteps: 2, holdSteps: 3 });
  expect(refused).toThrow("warmupSteps + holdSteps must be less than steps = 5; got 5");
});
