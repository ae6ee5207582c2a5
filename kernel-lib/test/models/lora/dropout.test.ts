import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRandom } from "../../../src/base/random";
import { openBackend } from "../../../src/compute/backend";
import { linear } from "../../../src/models/layers/linear";
import { attachLora, detachLora, dropoutMask, type LoraAdapter, startDropout } from "../../../src/models/lora/lora";
import { createParameterStore, type ParameterStore } from "../../../src/models/weights/parameters";
import { drawTensor, expectNoLeak, maxDifference } from "../../helpers/tensors";

const [ROWS, IN, RATE] = [5, 6, 0.4];
const OUT = { query: 4, key: 3 };
const MODULES = ["query", "key"] as const;
const random = createRandom("lora-dropout");
const draw = (...shape: number[]): tf.Tensor => drawTensor(random, shape);

let store: ParameterStore;
let adapter: LoraAdapter;
let x: tf.Variable;
beforeAll(async () => {
  await openBackend();
});
beforeEach(() => {
  store = createParameterStore(
    MODULES.map((name) => [
      `${name}.weight`,
      { shape: [OUT[name], IN], data: draw(OUT[name], IN).dataSync() as Float32Array },
    ]),
  );
  adapter = attachLora(store, { rank: 2, alpha: 3, dropout: RATE, seed: 1 });
  for (const variable of adapter.variables) variable.assign(draw(...variable.shape));
  x = tf.variable(draw(ROWS, IN), true);
});

const input = (): tf.Tensor2D => x as unknown as tf.Tensor2D;
/** What `run` gives while the dropout of an adapter is on. */
function withDropout<T>(dropped: LoraAdapter, masks: ReturnType<typeof createRandom>, run: () => T): T {
  const endDropout = startDropout(store, dropped, masks);
  try {
    return run();
  } finally {
    endDropout();
  }
}

const stream = (): ReturnType<typeof createRandom> => createRandom("masks");

/** x·Wᵀ + scaling · (x ∘ M)·Aᵀ·Bᵀ from plain operations. */
function composed(name: (typeof MODULES)[number], masks: tf.Tensor2D): tf.Tensor2D {
  const { A, B, scaling } = store.adapters.get(name)!;
  const weight = store.get(`${name}.weight`) as unknown as tf.Tensor2D;
  const seen = tf.mul(x, masks) as tf.Tensor2D;
  const [down, up] = [A, B] as unknown as [tf.Tensor2D, tf.Tensor2D];
  const update = tf.matMul(tf.matMul(seen, tf.transpose(down)), tf.transpose(up));
  return tf.add(tf.matMul(input(), tf.transpose(weight)), tf.mul(update, scaling));
}

const maskOf = (name: string): tf.Tensor2D =>
  tf.tensor2d(dropoutMask(stream().fork(name), RATE, ROWS * IN), [ROWS, IN]);

describe("startDropout", () => {
  test("equals the plain composition with the same masks, value and gradients", () => {
    const factors = tf.tensor2d(draw(ROWS, OUT.query + OUT.key).dataSync() as Float32Array, [ROWS, 7]);
    const trained = [...adapter.variables, x];
    const dropped = withDropout(adapter, stream(), () =>
      tf.variableGrads(() => tf.sum(tf.mul(linear(store, MODULES, input()), factors)), trained),
    );
    const plain = tf.variableGrads(
      () =>
        tf.sum(
          tf.mul(
            tf.concat(
              MODULES.map((name) => composed(name, maskOf(name))),
              1,
            ),
            factors,
          ),
        ),
      trained,
    );
    expect(dropped.value.dataSync()[0]).toBeCloseTo(plain.value.dataSync()[0]!, 4);
    for (const { name } of trained) {
      expect(maxDifference(dropped.grads[name]!, plain.grads[name]!), name).toBeLessThan(1e-5);
      expect(tf.max(tf.abs(plain.grads[name]!)).dataSync()[0]).toBeGreaterThan(0.1);
    }
  });

  test("takes a batch of sequences as it takes their rows", () => {
    const rows = withDropout(adapter, stream(), () => linear(store, "query", input()));
    const cubed = tf.reshape(x, [1, ROWS, IN]) as tf.Tensor3D;
    const batch = withDropout(adapter, stream(), () => linear(store, "query", cubed));
    expect(batch.shape).toEqual([1, ROWS, OUT.query]);
    expect([...batch.dataSync()]).toEqual([...rows.dataSync()]);
  });

  test("leaves a module without adapter alone", () => {
    adapter.dispose();
    adapter = attachLora(store, { rank: 2, targets: ["key"], dropout: RATE, seed: 1 });
    const joined = withDropout(adapter, stream(), () => linear(store, MODULES, input()));
    const plain = linear(store, "query", input());
    expect(maxDifference(tf.slice(joined, [0, 0], [ROWS, OUT.query]), plain)).toBe(0);
  });

  test("hides nothing before it starts and after it ended, even by an error, and nothing with a dropout of 0, to the bit", () => {
    const answer = () => [...linear(store, MODULES, input()).dataSync()];
    const before = answer();
    const inside = withDropout(adapter, stream(), answer);
    expect(inside).not.toEqual(before);
    expect(answer()).toEqual(before);
    expect(() =>
      withDropout(adapter, stream(), () => {
        throw new Error("a loss that fails");
      }),
    ).toThrow("a loss that fails");
    expect(answer()).toEqual(before);
    const values = adapter.variables.map((variable) => variable.dataSync().slice());
    adapter.dispose();
    const open = attachLora(store, { rank: 2, alpha: 3, dropout: 0, seed: 1 });
    open.variables.forEach((variable, i) => void variable.assign(tf.tensor(values[i]!, variable.shape)));
    expect(withDropout(open, stream(), answer)).toEqual(before);
  });

  test("does not attach a detached adapter", () => {
    detachLora(store, adapter);
    const before = [...linear(store, "query", input()).dataSync()];
    const inside = withDropout(adapter, stream(), () => [...linear(store, "query", input()).dataSync()]);
    expect(inside).toEqual(before);
    expect(store.adapters.size).toBe(0);
  });

  test("draws masks from its random numbers alone: the same again, others for another module, call or step", () => {
    const once = (label: string, calls = 1): number[] =>
      withDropout(adapter, createRandom(label), () => {
        for (let i = 1; i < calls; i++) linear(store, "query", input());
        return [...linear(store, "query", input()).dataSync()];
      });
    expect(once("a")).toEqual(once("a"));
    expect(once("a")).not.toEqual(once("b"));
    expect(once("a", 2)).not.toEqual(once("a"));
    expect([...maskOf("query").dataSync()]).not.toEqual([...maskOf("key").dataSync()]);
  });

  test("adds, on average over its masks, what the adapter adds without", () => {
    const rounds = 800;
    const without = linear(store, "query", input()).dataSync();
    const sums = { value: new Float64Array(without.length), square: new Float64Array(without.length) };
    const all = createRandom("average");
    for (let i = 0; i < rounds; i++) {
      const found = withDropout(adapter, all.fork(String(i)), () => linear(store, "query", input()));
      found.dataSync().forEach((value, k) => {
        sums.value[k]! += value / rounds;
        sums.square[k]! += (value * value) / rounds;
      });
      found.dispose();
    }
    without.forEach((value, k) => {
      const error = Math.sqrt((sums.square[k]! - sums.value[k]! ** 2) / rounds);
      expect(error).toBeGreaterThan(0);
      expect(Math.abs(sums.value[k]! - value)).toBeLessThan(5 * error);
    });
  });

  test("leaves nothing behind", () => {
    expectNoLeak(() => {
      const { value, grads } = withDropout(adapter, stream(), () =>
        tf.variableGrads(() => tf.sum(linear(store, MODULES, input())) as tf.Scalar, [...adapter.variables]),
      );
      tf.dispose([value, ...Object.values(grads)]);
    });
  });
});

test("a mask has zeros in the share asked for, and one other value that keeps the mean", () => {
  const mask = dropoutMask(createRandom("share"), 0.25, 40_000);
  const zeros = mask.filter((value) => value === 0).length;
  expect(Math.abs(zeros - 10_000)).toBeLessThan(5 * Math.sqrt(40_000 * 0.25 * 0.75));
  expect(new Set(mask)).toEqual(new Set([0, Math.fround(1 / (1 - 0.25))]));
  expect(new Set(dropoutMask(createRandom("none"), 0, 100))).toEqual(new Set([1]));
  expect(() => dropoutMask(createRandom("all"), 1, 1)).toThrow(/rate must be a number in \[0, 0\.999\]/);
});
