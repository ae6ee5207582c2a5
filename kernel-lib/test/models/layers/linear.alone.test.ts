import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../../src/base/random";
import { openBackend } from "../../../src/compute/backend";
import { linear } from "../../../src/models/layers/linear";
import { createParameterStore, type ParameterStore } from "../../../src/models/weights/parameters";
import { expectNoLeak, maxDifference } from "../../helpers/tensors";

const random = createRandom("linear");
const draw = (size: number): Float32Array => Float32Array.from({ length: size }, () => random.normal());

function makeStore(): ParameterStore {
  return createParameterStore([
    ["proj.weight", { shape: [4, 3], data: draw(12) }],
    ["proj.bias", { shape: [4], data: draw(4) }],
  ]);
}

function plain(store: ParameterStore, x: tf.Tensor2D): tf.Tensor2D {
  const weight = store.get("proj.weight") as unknown as tf.Tensor2D;
  let y = tf.add(tf.matMul(x, tf.transpose(weight)), store.get("proj.bias"));
  const update = store.adapters.get("proj");
  if (update !== undefined) {
    const product = tf.matMul(update.B as unknown as tf.Tensor2D, update.A as unknown as tf.Tensor2D);
    y = tf.add(y, tf.mul(tf.matMul(x, tf.transpose(product)), update.scaling));
  }
  return y as tf.Tensor2D;
}

function attach(store: ParameterStore): tf.Variable[] {
  const A = tf.variable(tf.tensor2d(draw(6), [2, 3]), true);
  const B = tf.variable(tf.tensor2d(draw(8), [4, 2]), true);
  store.adapters.set("proj", { A, B, scaling: 2 });
  return [A, B];
}

describe.each(["tensorflow", "cpu"])("linear on %s", (backend) => {
  beforeAll(async () => {
    await openBackend();
    await tf.setBackend(backend);
  });

  it("is x·Wᵀ + b, by hand", () => {
    const store = createParameterStore([
      ["p.weight", { shape: [2, 3], data: Float32Array.from([1, 2, 3, 4, 5, 6]) }],
      ["p.bias", { shape: [2], data: Float32Array.from([10, 20]) }],
    ]);
    const y = linear(store, "p", tf.tensor2d([[1, 0, -1]]));
    expect([...y.dataSync()]).toEqual([1 - 3 + 10, 4 - 6 + 20]);
  });

  it.each(["no update", "a low-rank update"])("equals the plain composition with %s, value and gradients", (kind) => {
    const store = makeStore();
    const trained = [...(kind === "no update" ? [] : attach(store)), ...store.unfreeze()];
    const x = tf.variable(tf.tensor2d(draw(15), [5, 3]), true);
    const mask = tf.tensor2d(draw(20), [5, 4]);
    const fused = tf.variableGrads(
      () => tf.sum(tf.mul(linear(store, "proj", x as unknown as tf.Tensor2D), mask)),
      [...trained, x],
    );
    const expected = tf.variableGrads(
      () => tf.sum(tf.mul(plain(store, x as unknown as tf.Tensor2D), mask)),
      [...trained, x],
    );
    expect(Object.keys(fused.grads).length).toBe(trained.length + 1);
    for (const [name, gradient] of Object.entries(expected.grads))
      expect(maxDifference(fused.grads[name]!, gradient)).toBeLessThan(1e-5);
    expect(maxDifference(fused.value, expected.value)).toBeLessThan(1e-4);
  });

  it.each(["no update", "a low-rank update"])("adds what it is given with %s, and passes its gradient on", (kind) => {
    const store = makeStore();
    const trained = kind === "no update" ? store.unfreeze() : attach(store);
    const x = tf.tensor2d(draw(15), [5, 3]);
    const residual = tf.variable(tf.tensor2d(draw(20), [5, 4]), true);
    const mask = tf.tensor2d(draw(20), [5, 4]);
    const added = linear(store, "proj", x, residual);
    const apart = tf.add(linear(store, "proj", x), residual);
    expect(maxDifference(added, apart)).toBe(0); // the same bits
    const { grads } = tf.variableGrads(
      () => tf.sum(tf.mul(linear(store, "proj", x, residual), mask)),
      [...trained, residual],
    );
    expect(maxDifference(grads[residual.name]!, mask)).toBe(0);
    expect(Object.keys(grads).length).toBe(trained.length + 1);
  });

  it("refuses to be added to what has another shape", () => {
    const store = makeStore();
    const x = tf.tensor2d(draw(15), [5, 3]);
    expect(() => linear(store, "proj", x, tf.zeros([1, 4]))).toThrow(
      /output of proj is added to a tensor that must have its shape, \[5, 4\]; got \[1, 4\]/,
    );
  });

  it("keeps the leading axes of a rank-3 input", () => {
    const store = makeStore();
    const data = draw(18);
    const batched = linear(store, "proj", tf.tensor3d(data, [2, 3, 3]));
    expect(batched.shape).toEqual([2, 3, 4]);
    expect(maxDifference(tf.reshape(batched, [6, 4]), plain(store, tf.tensor2d(data, [6, 3])))).toBeLessThan(1e-5);
  });

  it("computes no gradient of a frozen weight", () => {
    const store = makeStore();
    const [A] = attach(store);
    const x = tf.tensor2d(draw(15), [5, 3]);
    const { grads } = tf.variableGrads(() => tf.sum(linear(store, "proj", x)));
    expect(Object.keys(grads)).toContain(A!.name);
    expect(Object.keys(grads)).not.toContain(store.get("proj.weight").name);
  });

  it("leaves no tensors behind", () => {
    const store = makeStore();
    const trained = attach(store);
    const x = tf.tensor2d(draw(15), [5, 3]);
    expectNoLeak(() => {
      const { value, grads } = tf.variableGrads(() => tf.sum(linear(store, "proj", x)), trained);
      value.dispose();
      for (const gradient of Object.values(grads)) gradient.dispose();
    });
  });

  it("refuses an input of another width, naming the module and both shapes", () => {
    const run = () => linear(makeStore(), "proj", tf.zeros([2, 5]) as tf.Tensor2D);
    expect(run).toThrow("linear: the input of proj must have shape [n, 3] or [B, n, 3]; got [2, 5].");
  });

  it("refuses a module the model does not have", () => {
    const run = () => linear(makeStore(), "projection", tf.zeros([2, 3]) as tf.Tensor2D);
    expect(run).toThrow('the model has no weight "projection.weight". It has 2 weights: proj.weight, proj.bias.');
  });
});
