import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../../src/base/random";
import { createAdamW, globalNorm } from "../../../src/compute/adamw";
import { openBackend } from "../../../src/compute/backend";
import { gatedSilu, quickGelu } from "../../../src/compute/ops/activations";
import { attention } from "../../../src/compute/ops/attention";
import { hasNativeKernels, loadNativeKernels } from "../../../src/compute/ops/native-kernels";
import { layerNorm, rmsNorm } from "../../../src/compute/ops/norms";
import { createRotaryTable, rotate } from "../../../src/compute/ops/rotary";
import { multimodalAngles } from "../../../src/models/layers/decoder";
import { dense, linear } from "../../../src/models/layers/linear";
import { createParameterStore } from "../../../src/models/weights/parameters";

type Arrays = readonly { readonly shape: readonly number[]; readonly data: Float32Array }[];
type Op = (...inputs: tf.Tensor[]) => tf.Tensor;

const random = createRandom("native kernels");
const draw = (...shape: number[]): Arrays[number] => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((product, n) => product * n, 1) }, () => random.normal()),
});

/** Another output gradient for every value, the same on every engine (tf.linspace is not). */
function slopes(shape: number[]): tf.Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.cos(i)),
    shape,
  );
}

/** Value and gradients of all inputs, computed on one engine from the same numbers. */
async function runOn(backend: string, op: Op, arrays: Arrays): Promise<Float32Array[]> {
  await tf.setBackend(backend);
  return tf.tidy(() => {
    const inputs = arrays.map(({ data, shape }) => tf.tensor(data.slice(), [...shape]));
    const { grads } = tf.valueAndGrads((...xs: tf.Tensor[]) => {
      const y = op(...xs);
      return tf.sum(tf.mul(y, slopes(y.shape))) as tf.Scalar;
    })(inputs);
    return [op(...inputs), ...grads].map((each) => (each.dataSync() as Float32Array).slice());
  });
}

function expectClose(own: readonly Float32Array[], reference: readonly Float32Array[]): void {
  expect(own.map(({ length }) => length)).toEqual(reference.map(({ length }) => length));
  own.forEach((values, i) => {
    const scale = Math.max(1, ...reference[i]!.map(Math.abs));
    const worst = values.reduce((most, value, at) => Math.max(most, Math.abs(value - reference[i]![at]!)), 0);
    expect(worst / scale).toBeLessThan(1e-5);
  });
}

/** 70 rows: more than one piece of work for each kernel, and no whole number of vectors. */
const ROWS = 70;
const OPS: readonly (readonly [string, Op, Arrays])[] = [
  ["rmsNorm", (x, w) => rmsNorm(x!, w!, 1e-6), [draw(ROWS, 21), draw(21)]],
  [
    "layerNorm",
    (x, weight, bias) => layerNorm(x!, { weight: weight!, bias: bias!, epsilon: 1e-5 }),
    [draw(ROWS, 21), draw(21), draw(21)],
  ],
  [
    "dense",
    (x, weight, bias, residual) =>
      dense(x!, { weight: weight as tf.Tensor2D, bias: bias ?? null, ...(residual && { residual }) }),
    [draw(ROWS, 21), draw(53, 21), draw(53), draw(ROWS, 53)],
  ],
  [
    "dense with a bias over many rows",
    (x, weight, bias) => dense(x!, { weight: weight as tf.Tensor2D, bias: bias ?? null }),
    [draw(900, 5), draw(53, 5), draw(53)],
  ],
  [
    "dense of several panels, over a block and a half of rows",
    (x, weight) => dense(x!, { weight: weight as tf.Tensor2D, bias: null }),
    [draw(4, 192, 130), draw(70, 130)],
  ],
  ["quickGelu", (x) => quickGelu(x!), [draw(ROWS, 13)]],
  ["gatedSilu", (x) => gatedSilu(x as tf.Tensor2D), [draw(ROWS, 26)]],
  [
    "attention over padded, grouped heads",
    (q, k, v) => {
      const mask = tf.tensor4d(
        Float32Array.from({ length: 2 * 9 * 11 }, (_, i) => (i % 11 > Math.floor(i / 11) % 9 || i % 11 < 2 ? -1e9 : 0)),
        [2, 1, 9, 11],
      );
      const options = { numHeads: 4, numKeyValueHeads: 2, mask };
      return attention(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, options);
    },
    [draw(2, 9, 20), draw(2, 11, 10), draw(2, 11, 10)],
  ],
  [
    "rotate",
    (x) => {
      const config = { hiddenSize: 16, numHeads: 2, mropeSection: [1, 1, 2], ropeTheta: 100 } as const;
      const positions = Int32Array.from({ length: 3 * 35 }, (_, i) => i % 17);
      const angles = multimodalAngles(config as unknown as Parameters<typeof multimodalAngles>[0], positions);
      return rotate(x as tf.Tensor2D, createRotaryTable(angles));
    },
    [draw(ROWS, 16)],
  ],
];

beforeAll(async () => {
  await openBackend();
});

describe.skipIf(process.env["JOMED_KERNELS"] === "plain")("the kernels of kernel-lib/native/kernels", () => {
  it("run on the native engine only", async () => {
    await tf.setBackend("tensorflow");
    expect(hasNativeKernels()).toBe(loadNativeKernels());
    await tf.setBackend("cpu");
    expect(hasNativeKernels()).toBe(false);
  });

  it.each(OPS)("%s: value and gradients of plain JavaScript", async (_name, op, arrays) => {
    expectClose(await runOn("tensorflow", op, arrays), await runOn("cpu", op, arrays));
  });

  it.each(OPS)("%s on wasm: value and gradients of plain JavaScript", async (_name, op, arrays) => {
    expectClose(await runOn("wasm", op, arrays), await runOn("cpu", op, arrays));
  });

  it.each(OPS)("%s: the same bits on every run", async (_name, op, arrays) => {
    expect(await runOn("tensorflow", op, arrays)).toEqual(await runOn("tensorflow", op, arrays));
  });
});

/** Two joined maps with low-rank updates: value and gradient of every adapter matrix. 300 rows: two pieces of work. */
async function runAdapters(backend: string, arrays: Arrays): Promise<Float32Array[]> {
  await tf.setBackend(backend);
  const [x, w0, w1, ...matrices] = arrays;
  const store = createParameterStore([
    ["a.weight", w0!],
    ["b.weight", w1!],
  ]);
  const variables = matrices.map(({ data, shape }) =>
    tf.variable(tf.tensor2d(data.slice(), shape as [number, number])),
  );
  store.adapters.set("a", { A: variables[0]!, B: variables[1]!, scaling: 2 });
  store.adapters.set("b", { A: variables[2]!, B: variables[3]!, scaling: 2 });
  const input = tf.tensor2d(x!.data.slice(), x!.shape as [number, number]);
  const { grads } = tf.variableGrads(() => {
    const y = linear(store, ["a", "b"], input);
    return tf.sum(tf.mul(y, slopes(y.shape))) as tf.Scalar;
  }, variables);
  return [linear(store, ["a", "b"], input), ...variables.map(({ name }) => grads[name]!)].map((each) =>
    (each.dataSync() as Float32Array).slice(),
  );
}

it.each(["tensorflow", "wasm"])(
  "gradients of joined low-rank updates on %s are those of plain JavaScript",
  async (backend) => {
    const shapes = [
      [300, 16],
      [24, 16],
      [8, 16],
      [3, 16],
      [24, 3],
      [3, 16],
      [8, 3],
    ];
    const arrays = shapes.map((shape) => draw(...shape));
    expectClose(await runAdapters(backend, arrays), await runAdapters("cpu", arrays));
  },
);

async function runAdamW(backend: string, start: Arrays, gradient: Arrays): Promise<Float32Array[]> {
  await tf.setBackend(backend);
  const variables = start.map(({ data, shape }) => tf.variable(tf.tensor(data.slice(), [...shape])));
  const gradients = gradient.map(({ data, shape }) => tf.tensor(data.slice(), [...shape]));
  const optimiser = createAdamW(variables, { weightDecay: 0.1, decayed: "matrices" });
  for (let step = 0; step < 3; step++) optimiser.step(gradients, 1e-2, 0.5);
  const { mean, variance } = optimiser.state();
  const norm = Float32Array.of(globalNorm(gradients));
  return [norm, mean, variance, ...variables.map((variable) => (variable.dataSync() as Float32Array).slice())];
}

it.each(["tensorflow", "wasm"])(
  "AdamW moves weights and running means on %s as plain JavaScript does",
  async (backend) => {
    const shapes = [[5, 7], [9], [2, 3, 4]];
    const start = shapes.map((shape) => draw(...shape));
    const gradient = shapes.map((shape) => draw(...shape));
    expectClose(await runAdamW(backend, start, gradient), await runAdamW("cpu", start, gradient));
  },
);
