import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../../src/base/random";
import { openBackend } from "../../../src/compute/backend";
import { fixLinears, linear, linearMaps } from "../../../src/models/layers/linear";
import { createParameterStore, type ParameterStore } from "../../../src/models/weights/parameters";
import { maxDifference } from "../../helpers/tensors";

const random = createRandom("linear apart");
const draw = (size: number): Float32Array => Float32Array.from({ length: size }, () => random.normal(0, 0.05));

const [WIDTH, HEIGHT, ROWS] = [512, 700, 5];
const NAMES = ["a", "b", "c"];
/** Bytes of the three weights: together just too large to be joined, each small enough. */
const WEIGHT_BYTES = 4 * NAMES.length * WIDTH * HEIGHT;

/** Three maps with biases; a and b have an adapter. */
function makeStore(): { store: ParameterStore; adapters: tf.Variable[] } {
  const store = createParameterStore(
    NAMES.flatMap((name) => [
      [`${name}.weight`, { shape: [HEIGHT, WIDTH], data: draw(HEIGHT * WIDTH) }] as const,
      [`${name}.bias`, { shape: [HEIGHT], data: draw(HEIGHT) }] as const,
    ]),
  );
  const adapters = ["a", "b"].flatMap((name) => {
    const A = tf.variable(tf.tensor2d(draw(4 * WIDTH), [4, WIDTH]), true);
    const B = tf.variable(tf.tensor2d(draw(4 * HEIGHT), [HEIGHT, 4]), true);
    store.adapters.set(name, { A, B, scaling: 2 });
    return [A, B];
  });
  return { store, adapters };
}

const input = () => tf.variable(tf.tensor2d(draw(ROWS * WIDTH), [ROWS, WIDTH]), true) as tf.Variable<tf.Rank.R2>;

beforeAll(async () => {
  await openBackend();
});

describe("maps that are too large to be joined", () => {
  it.each(["frozen", "trained"])("equal the maps one by one, value and gradients, with %s weights", (kind) => {
    const { store, adapters } = makeStore();
    const x = input();
    const learning = [...adapters, ...(kind === "trained" ? store.unfreeze() : []), x] as tf.Variable[];
    const factors = tf.tensor2d(draw(ROWS * 3 * HEIGHT), [ROWS, 3 * HEIGHT]);
    const measure = (y: () => tf.Tensor) => tf.variableGrads(() => tf.sum(tf.mul(y(), factors)) as tf.Scalar, learning);
    const joined = measure(() => linear(store, NAMES, x));
    const apart = measure(() =>
      tf.concat(
        NAMES.map((name) => linear(store, name, x)),
        1,
      ),
    );
    expect(Object.keys(joined.grads)).toHaveLength(learning.length);
    for (const [name, gradient] of Object.entries(apart.grads))
      expect(maxDifference(joined.grads[name]!, gradient)).toBeLessThan(1e-5);
    expect(maxDifference(joined.value, apart.value)).toBeLessThan(1e-4);
  });

  it("are not copied, neither forward nor back", async () => {
    const { store, adapters } = makeStore();
    const x = input();
    const step = () =>
      tf.variableGrads(() => tf.sum(tf.square(linear(store, NAMES, x))) as tf.Scalar, [...adapters, x]);
    const before = tf.memory().numBytes;
    const { peakBytes } = await tf.profile(() => Object.values(step().grads));
    expect(peakBytes - before).toBeLessThan(WEIGHT_BYTES / 4);
  });

  it("keep no merged weights while text is written", () => {
    const { store } = makeStore();
    const fixed = fixLinears(store);
    const [x, before] = [input(), tf.memory().numBytes];
    const y = fixed.maps(NAMES, x);
    expect(tf.memory().numBytes - before).toBe(y.size * 4);
    expect(maxDifference(y, linearMaps(store)(NAMES, x))).toBe(0);
    fixed.dispose();
  });
});
