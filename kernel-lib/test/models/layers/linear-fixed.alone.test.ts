import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../../src/base/random";
import { openBackend } from "../../../src/compute/backend";
import { fixLinears, linearMaps } from "../../../src/models/layers/linear";
import { createParameterStore, type ParameterStore } from "../../../src/models/weights/parameters";
import { maxDifference } from "../../helpers/tensors";

const random = createRandom("fixed linears");
const draw = (size: number): Float32Array => Float32Array.from({ length: size }, () => random.normal());
const matrix = (rows: number, columns: number): tf.Tensor2D => tf.tensor2d(draw(rows * columns), [rows, columns]);

/** Three maps of 8 values; two of them with an adapter, all with a bias. */
function makeStore(): ParameterStore {
  const store = createParameterStore(
    ["a", "b", "c"].flatMap((name) => [
      [`${name}.weight`, { shape: [8, 8], data: draw(64) }] as const,
      [`${name}.bias`, { shape: [8], data: draw(8) }] as const,
    ]),
  );
  for (const name of ["a", "b"]) {
    const [A, B] = [tf.variable(matrix(2, 8)), tf.variable(matrix(8, 2))];
    store.adapters.set(name, { A, B, scaling: 2 });
  }
  return store;
}

describe.each(["tensorflow", "cpu"])("fixLinears on %s", (backend) => {
  beforeAll(async () => {
    await openBackend();
    await tf.setBackend(backend);
  });

  it.each([[["a"]], [["c"]], [["a", "b"]], [["b", "c", "a"]]])("maps %j as the store does", (names) => {
    const store = makeStore();
    const { maps } = fixLinears(store);
    const [x, residual] = [matrix(5, 8), matrix(5, 8 * names.length)];
    expect(maxDifference(maps(names, x), linearMaps(store)(names, x))).toBeLessThan(1e-5);
    expect(maxDifference(maps(names, x, residual), linearMaps(store)(names, x, residual))).toBeLessThan(1e-5);
  });

  it("keeps the weights of a map's first use", () => {
    const store = makeStore();
    const { maps } = fixLinears(store);
    const x = matrix(5, 8);
    const before = maps(["a", "b"], x);
    store.assign("a.weight", draw(64));
    store.assign("b.bias", draw(8));
    expect(maxDifference(maps(["a", "b"], x), before)).toBe(0);
    expect(maxDifference(linearMaps(store)(["a", "b"], x), before)).toBeGreaterThan(0.1);
  });

  it("applies an adapter's dropout mask, which changes from call to call, as the store does", () => {
    const store = makeStore();
    const x = matrix(5, 8);
    const { maps } = fixLinears(store);
    const without = maps(["a"], x);
    store.adapters.set("a", { ...store.adapters.get("a")!, mask: (size) => new Float32Array(size) });
    expect(maxDifference(maps(["a"], x), linearMaps(store)(["a"], x))).toBe(0);
    expect(maxDifference(maps(["a"], x), without)).toBeGreaterThan(0.1);
  });

  it("frees what it made and leaves the store's weights", () => {
    const store = makeStore();
    const x = matrix(5, 8);
    const before = tf.memory().numTensors;
    const fixed = fixLinears(store);
    tf.tidy(() => {
      fixed.maps(["c"], x);
      fixed.maps(["a", "b"], x);
    });
    expect(tf.memory().numTensors - before).toBe(4);
    fixed.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(store.get("c.weight").dataSync().length).toBe(64);
  });
});
