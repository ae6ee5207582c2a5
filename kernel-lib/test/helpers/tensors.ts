import * as tf from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import type { Random } from "../../src/base/random";

/** Normal numbers in a tensor, the same for the same stream. */
export function drawTensor(random: Random, shape: number[]): tf.Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.normal()),
    shape,
  );
}

/** Fails when `run` leaves tensors behind. Runs it once before counting, for one-time caches. */
export function expectNoLeak(run: () => void): void {
  run();
  const before = tf.memory().numTensors;
  run();
  expect(tf.memory().numTensors - before).toBe(0);
}

/** Largest absolute difference of two tensors of one shape. */
export function maxDifference(a: tf.Tensor, b: tf.Tensor): number {
  expect(a.shape).toEqual(b.shape);
  const [x, y] = [Array.from(a.dataSync()), Array.from(b.dataSync())];
  return x.reduce((max, value, i) => Math.max(max, Math.abs(value - y[i]!)), 0);
}
