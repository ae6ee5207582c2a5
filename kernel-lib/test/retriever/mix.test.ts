import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import { openBackend } from "../../src/compute/backend";
import { mixEmbeddings, mixTensors, normaliseRows, PAPER_LEARNED_WEIGHT } from "../../src/retriever/mix";

beforeAll(async () => {
  await openBackend();
});

const row = (...values: number[]) => ({ data: Float32Array.from(values), rows: 1, cols: values.length });

test("by hand: each is normalised first, the sum is not renormalised", () => {
  const mixed = mixEmbeddings(row(3, 4), row(0, 2));
  expect(mixed.data[0]).toBeCloseTo((0.15 * 3) / 5, 6);
  expect(mixed.data[1]).toBeCloseTo((0.15 * 4) / 5 + 0.85 * 1, 6);
});

test("weight 0 is the frozen embedding, weight 1 the learned one, equal towers give the frozen one", () => {
  const [learned, frozen] = [row(1, 2, 3), row(-1, 0, 1)];
  expect([...mixEmbeddings(learned, frozen, 0).data]).toEqual([...normaliseRows(frozen).data]);
  expect([...mixEmbeddings(learned, frozen, 1).data]).toEqual([...normaliseRows(learned).data]);
  const same = mixEmbeddings(frozen, frozen).data;
  normaliseRows(frozen).data.forEach((value, i) => {
    expect(same[i]).toBeCloseTo(value, 6);
  });
});

test("training mixes as retrieval does, and the gradient reaches the learned part by its share", () => {
  const [learned, frozen] = [normaliseRows(row(3, 4)), normaliseRows(row(0, 2))];
  tf.tidy(() => {
    const [a, b] = [tf.tensor2d(learned.data, [1, 2]), tf.tensor2d(frozen.data, [1, 2])];
    const mixed = mixTensors(a, b, PAPER_LEARNED_WEIGHT).dataSync();
    mixEmbeddings(learned, frozen).data.forEach((value, i) => {
      expect(mixed[i]).toBeCloseTo(value, 6);
    });
    const slope = tf
      .grad((x) => tf.sum(mixTensors(x as tf.Tensor2D, b, PAPER_LEARNED_WEIGHT)))(a)
      .dataSync();
    expect([...slope]).toEqual([Math.fround(0.15), Math.fround(0.15)]);
  });
});

test("refusals name the rule and the value", () => {
  const message = (call: () => unknown) => {
    try {
      call();
    } catch (error) {
      return isKernelError(error) && `${error.code}: ${error.message}`;
    }
    return "accepted";
  };
  expect(message(() => mixEmbeddings(row(1), row(1, 2)))).toMatch(/^shape: .*\[1, 2\]; got \[1, 1\]/);
  expect(message(() => mixEmbeddings(row(1), row(1), 1.5))).toMatch(/^config: .*learnedWeight/);
  expect(message(() => mixEmbeddings(row(0, 0), row(1, 2)))).toMatch(/^numeric: .*row 0/);
});
