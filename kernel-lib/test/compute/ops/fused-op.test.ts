import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { openBackend } from "../../../src/compute/backend";
import { runFused } from "../../../src/compute/ops/fused-op";

/** x³, remembering how many bytes there were on its way back. */
function cube(x: tf.Tensor, seen: number[] = []): tf.Tensor {
  return runFused<tf.Tensor>({
    inputs: { x },
    forward: (save) => {
      save([x]);
      return tf.pow(x, 3);
    },
    backward: (dy, [kept]) => {
      seen.push(tf.memory().numBytes);
      return { x: () => tf.mul(dy, tf.mul(tf.square(kept!), 3)) };
    },
  });
}

beforeAll(async () => {
  await openBackend();
});

describe("runFused", () => {
  it("frees on the way back what each operation held: the first one sees less than the last", () => {
    const seen: number[] = [];
    const x = tf.ones([1000]);
    const chain = (value: tf.Tensor) => {
      let y = value;
      for (let i = 0; i < 14; i++) y = cube(y, seen);
      return tf.sum(y) as tf.Scalar;
    };
    const gradient = tf.grad(chain)(x);
    expect(gradient.dataSync()[0]).toBe(3 ** 14);
    expect(seen).toHaveLength(14);
    // a tensor saved per operation is gone, and no gradient stays: 13 of them, within a few
    expect(seen[0]! - seen[13]!).toBeGreaterThan(10 * 4000);
    tf.dispose([x, gradient]);
  });

  it("leaves a gradient that the caller gave to the caller", () => {
    const [x, dy] = [tf.tensor1d([2, 3]), tf.tensor1d([1, 10])];
    const found = tf.grad((value: tf.Tensor) => cube(cube(value)))(x, dy);
    expect([...found.dataSync()]).toEqual([9 * 2 ** 8, 10 * 9 * 3 ** 8]);
    expect([...dy.dataSync()]).toEqual([1, 10]);
    expect(dy.isDisposed).toBe(false);
  });

  it("has a gradient of its gradient", () => {
    const second = tf.grad(tf.grad((x: tf.Tensor) => cube(x)));
    expect([...second(tf.tensor1d([2, 5])).dataSync()]).toEqual([12, 30]);
  });

  it("gives the gradient of an input used twice, and of one pass after another that failed", () => {
    const twice = tf.grad((x: tf.Tensor) => tf.add(cube(x), cube(x)));
    expect(twice(tf.tensor1d([2])).dataSync()[0]).toBe(24);
    const failing = tf.grad((x: tf.Tensor) =>
      cube(
        runFused<tf.Tensor>({
          inputs: { x },
          forward: () => tf.clone(x),
          backward: () => ({
            x: () => {
              throw new RangeError("no gradient");
            },
          }),
        }),
      ),
    );
    expect(() => failing(tf.tensor1d([2]))).toThrow("no gradient");
    expect(twice(tf.tensor1d([2])).dataSync()[0]).toBe(24);
  });

  it("leaves no tensor behind", () => {
    const x = tf.tensor1d([1, 2]);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) tf.dispose(tf.grad((value: tf.Tensor) => cube(cube(value)))(x));
    expect(tf.memory().numTensors).toBe(before);
  });
});
