import { expect, test } from "vitest";
import { createBatchOrder } from "../../src/training/loop";

test("every epoch holds each example once, across batch borders, in another order", () => {
  const order = createBatchOrder({ numExamples: 10, batchSize: 4, seed: 3 });
  const seen = Array.from({ length: 5 }, (_, step) => order(step)).flat();
  const epochs = [seen.slice(0, 10), seen.slice(10)];
  for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(epochs[0]).not.toEqual(epochs[1]);
});

test("a step's batch does not depend on the steps asked before", () => {
  const options = { numExamples: 7, batchSize: 3, seed: "x" };
  const straight = createBatchOrder(options);
  const first = Array.from({ length: 30 }, (_, step) => straight(step));
  const jumping = createBatchOrder(options);
  for (const step of [29, 0, 14, 3]) expect(jumping(step)).toEqual(first[step]);
});

test("a batch larger than the data takes several epochs", () => {
  const batch = createBatchOrder({ numExamples: 2, batchSize: 6, seed: 1 })(0);
  expect(batch.filter((index) => index === 0)).toHaveLength(3);
});
