import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-wasm";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { createRandom } from "../../../src/base/random";
import { openBackend } from "../../../src/compute/backend";
import { gatedSilu, gelu, quickGelu, silu } from "../../../src/compute/ops/activations";
import { type AttentionOptions, attention } from "../../../src/compute/ops/attention";
import { crossEntropy, totalCrossEntropy } from "../../../src/compute/ops/cross-entropy";
import { layerNorm, rmsNorm } from "../../../src/compute/ops/norms";
import { type RotaryTable, rotate } from "../../../src/compute/ops/rotary";
import { embedding } from "../../../src/compute/ops/rows";
import { dense } from "../../../src/models/layers/linear";
import { drawTensor, expectNoLeak, maxDifference } from "../../helpers/tensors";

const random = createRandom("ops");
const draw = (...shape: number[]): tf.Tensor => drawTensor(random, shape);

type Op = (...inputs: tf.Tensor[]) => tf.Tensor;

/** Asserts equal values, equal gradients of all inputs under a random output gradient, and no tensors left. */
function expectEqual(fused: Op, plain: Op, inputs: tf.Tensor[], tolerance = 2e-5): void {
  const expected = plain(...inputs);
  expect(maxDifference(fused(...inputs), expected)).toBeLessThan(tolerance);
  const dy = draw(...expected.shape);
  const [own, reference] = [tf.grads(fused)(inputs, dy), tf.grads(plain)(inputs, dy)];
  own.forEach((gradient, i) => {
    expect(maxDifference(gradient, reference[i]!)).toBeLessThan(tolerance);
  });
  expectNoLeak(() => tf.dispose(tf.grads(fused)(inputs, dy)));
}

/** Attention head by head, keys repeated. */
function plainAttention(options: AttentionOptions & { causal?: tf.Tensor }): Op {
  return (q, k, v) => {
    const { numHeads, numKeyValueHeads = numHeads, mask = "none" } = options;
    const width = q!.shape[2]! / numHeads;
    const heads = Array.from({ length: numHeads }, (_, head) => {
      const group = Math.floor((head * numKeyValueHeads) / numHeads);
      const cut = (x: tf.Tensor, at: number) => tf.slice(x, [0, 0, at * width], [-1, -1, width]);
      let scores = tf.mul(tf.matMul(cut(q!, head), cut(k!, group), false, true), options.scale ?? width ** -0.5);
      if (mask === "causal") scores = tf.add(scores, options.causal!);
      else if (mask !== "none") scores = tf.add(scores, tf.squeeze(mask, [1]));
      return tf.matMul(tf.softmax(scores), cut(v!, group));
    });
    return tf.concat(heads, 2);
  };
}

/** Whether the native engine may use the project's kernels; the others have none. */
const own = vi.hoisted(() => ({ kernels: true }));
vi.mock("../../../src/compute/ops/native-kernels", async (original) => {
  const real = await original<typeof import("../../../src/compute/ops/native-kernels")>();
  return { ...real, hasNativeKernels: () => own.kernels && real.hasNativeKernels() };
});

describe.each([
  ["tensorflow", "own kernels"],
  ["tensorflow", "TensorFlow's kernels"],
  ["wasm", "its kernels"],
  ["cpu", "its kernels"],
])("on %s with %s", (backend, kernels) => {
  beforeAll(async () => {
    await openBackend();
    await tf.setBackend(backend);
    own.kernels = kernels === "own kernels";
  });

  it.each([[[4, 6]], [[2, 3, 5]]])("layerNorm equals the plain composition on %j", (shape) => {
    const plain: Op = (x, weight, bias) => {
      const { mean, variance } = tf.moments(x!, -1, true);
      return tf.add(tf.mul(tf.div(tf.sub(x!, mean), tf.sqrt(tf.add(variance, 1e-5))), weight!), bias!);
    };
    const fused: Op = (x, weight, bias) => layerNorm(x!, { weight: weight!, bias: bias!, epsilon: 1e-5 });
    const width = shape.at(-1)!;
    expectEqual(fused, plain, [draw(...shape), draw(width), draw(width)]);
  });

  it("rmsNorm equals the plain composition", () => {
    const plain: Op = (x, weight) =>
      tf.mul(tf.div(x!, tf.sqrt(tf.add(tf.mean(tf.square(x!), -1, true), 1e-6))), weight!);
    expectEqual((x, weight) => rmsNorm(x!, weight!, 1e-6), plain, [draw(2, 3, 5), draw(5)]);
  });

  // 70 outputs: a whole panel of the native kernel and a part; 19 rows: whole tiles and a part
  it.each([[[19, 24]], [[2, 9, 24]]])("dense equals product, bias and skip connection on %j", (shape) => {
    const plain: Op = (x, weight, bias, residual) => {
      const product = tf.matMul(tf.reshape(x!, [-1, 24]), weight as tf.Tensor2D, false, true);
      const y = tf.reshape(product, [...shape.slice(0, -1), 70]);
      return [bias, residual].reduce((sum: tf.Tensor, part) => (part === undefined ? sum : tf.add(sum, part)), y);
    };
    const fused: Op = (x, weight, bias, residual) =>
      dense(x!, { weight: weight as tf.Tensor2D, bias: bias ?? null, ...(residual && { residual }) });
    const inputs = [draw(...shape), draw(70, 24), draw(70), draw(...shape.slice(0, -1), 70)];
    for (const given of [2, 3, 4]) expectEqual(fused, plain, inputs.slice(0, given));
  });

  it("dense gives no gradient to a frozen weight, and the same to x", () => {
    const [x, values] = [draw(3, 4), draw(2, 4) as tf.Tensor2D];
    const frozen = tf.variable(values, false) as unknown as tf.Tensor2D;
    const gradientOf = (weight: tf.Tensor2D) => tf.grad((input) => dense(input, { weight, bias: null }))(x);
    expect(maxDifference(gradientOf(frozen), gradientOf(values))).toBe(0);
    expect(() => tf.variableGrads(() => tf.sum(dense(x, { weight: frozen, bias: null })))).toThrow(/trainable/);
  });

  it("activations equal the plain compositions", () => {
    const x = [draw(5, 7)];
    expectEqual(
      (x) => quickGelu(x!),
      (x) => tf.mul(x!, tf.sigmoid(tf.mul(x!, 1.702))),
      x,
    );
    expectEqual(
      (x) => silu(x!),
      (x) => tf.mul(x!, tf.sigmoid(x!)),
      x,
    );
    expectEqual(
      (x) => gelu(x!),
      (x) => tf.mul(tf.mul(x!, 0.5), tf.add(tf.erf(tf.mul(x!, Math.SQRT1_2)), 1)),
      x,
    );
  });

  it("gatedSilu equals silu of the first half times the second", () => {
    const plain: Op = (x) => {
      const [gate, up] = tf.split(x!, 2, 1);
      return tf.mul(tf.mul(gate!, tf.sigmoid(gate!)), up!);
    };
    expectEqual((x) => gatedSilu(x as tf.Tensor2D), plain, [draw(7, 26)]);
  });

  it("attention equals attention head by head: plain, causal, masked, grouped", () => {
    const causal = tf.tensor2d([0, -1e9, -1e9, 0, 0, -1e9, 0, 0, 0], [3, 3]);
    const own = { numHeads: 2 };
    const shared = { numHeads: 4, numKeyValueHeads: 2 };
    const padding = tf.tensor4d([0, 0, -1e9, 0, 0, 0], [2, 1, 1, 3]);
    const inputs = (heads: number, groups: number, keys = 3) => [
      draw(2, 3, heads * 4),
      draw(2, keys, groups * 4),
      draw(2, keys, groups * 4),
    ];
    const check = (options: AttentionOptions, tensors: tf.Tensor[]) => {
      const fused: Op = (q, k, v) => attention(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, options);
      expectEqual(fused, plainAttention({ ...options, causal }), tensors);
    };
    check({ ...own, scale: 0.3 }, inputs(2, 2, 5));
    check({ ...own, mask: "causal" }, inputs(2, 2));
    check({ ...shared, mask: padding }, inputs(4, 2));
    check({ ...shared, mask: "causal" }, inputs(4, 2));
  });

  it("attention over blocks of keys is attention over the joined ones, to the bit", () => {
    const options = { numHeads: 4, numKeyValueHeads: 2 };
    const lengths = [9, 1, 3];
    const blocks = () => lengths.map((length) => draw(2, length, 8));
    const inputs = [draw(2, 3, 16), ...blocks(), ...blocks()];
    const cut = (tensors: tf.Tensor[]) => [tensors.slice(1, 4), tensors.slice(4)] as tf.Tensor3D[][];
    const apart: Op = (...given) => attention(given[0] as tf.Tensor3D, cut(given)[0]!, cut(given)[1]!, options);
    const joined: Op = (...given) => {
      const [k, v] = cut(given).map((parts) => tf.concat(parts, 1)) as [tf.Tensor3D, tf.Tensor3D];
      return attention(given[0] as tf.Tensor3D, k, v, options);
    };
    expectEqual(apart, joined, inputs, Number.MIN_VALUE);
  });

  /** Each row its own angles; both halves of a head the same. */
  const anglesOf = (positions: number, width: number): RotaryTable => {
    const half = draw(positions, width / 2) as tf.Tensor2D;
    return { cos: tf.concat([tf.cos(half), tf.cos(half)], 1), sin: tf.concat([tf.sin(half), tf.sin(half)], 1) };
  };

  /** The halves (a, b) of each head become (a cos - b sin, b cos + a sin), by slices. */
  const plainTurn = (x: tf.Tensor, { cos, sin }: RotaryTable): tf.Tensor => {
    const [positions, width] = cos.shape;
    const heads = tf.reshape(x, [x.shape[0]! * x.shape[1]!, -1, width]);
    const [a, b] = tf.split(heads, 2, 2);
    const repeated = (angles: tf.Tensor2D) =>
      tf.reshape(tf.tile(angles, [heads.shape[0] / positions, 1]), [heads.shape[0], 1, width]);
    return tf.reshape(
      tf.add(tf.mul(heads, repeated(cos)), tf.mul(tf.concat([tf.neg(b!), a!], 2), repeated(sin))),
      x.shape,
    );
  };

  // a table for every row, and one that repeats from batch row to batch row; 5 and 7 rows are no whole tiles
  it.each([2, 1])(
    "attention with rotary positions equals turning, then attention: tables of %d batch rows",
    (repeats) => {
      const options = { numHeads: 4, numKeyValueHeads: 2, mask: tf.tensor4d([0, 0, 0, -1e9, 0, 0, 0], [1, 1, 1, 7]) };
      const rotary = { queries: anglesOf(repeats * 5, 6), keys: anglesOf(repeats * 7, 6) };
      const inputs = [draw(2, 5, 24), draw(2, 7, 12), draw(2, 7, 12)];
      const fused: Op = (q, k, v) =>
        attention(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, { ...options, rotary });
      const plain: Op = (q, k, v) =>
        plainAttention(options)(plainTurn(q!, rotary.queries), plainTurn(k!, rotary.keys), v!);
      expectEqual(fused, plain, inputs);
    },
  );

  it("attention with rotary positions has the bits of rotate before it, keys of a cache included", () => {
    const shared = { numHeads: 4, numKeyValueHeads: 2, mask: "causal" as const };
    const rotary = { queries: anglesOf(5, 6), keys: anglesOf(10, 6) };
    const inputs = [draw(2, 5, 24), draw(2, 2, 12), draw(2, 3, 12), draw(2, 5, 12)];
    const apart = (x: tf.Tensor, table: RotaryTable): tf.Tensor3D =>
      tf.reshape(rotate(tf.reshape(x, [10, -1]) as tf.Tensor2D, table), x.shape as [number, number, number]);
    const run = (inside: AttentionOptions["rotary"] | null, turned: "keys" | "both" | "none"): Op => {
      return (...[q, first, second, v]) => {
        const joined = tf.concat([first!, second!], 1) as tf.Tensor3D;
        const queries = turned === "both" ? apart(q!, rotary.queries) : q!;
        const keys = turned === "none" ? [first!, second!] : apart(joined, rotary.keys);
        const values = Array.isArray(keys) ? tf.split(v!, [2, 3], 1) : v!;
        const options = { ...shared, ...(inside && { rotary: inside }) };
        return attention(queries as tf.Tensor3D, keys as tf.Tensor3D, values as tf.Tensor3D, options);
      };
    };
    expectEqual(run(rotary, "none"), run(null, "both"), inputs, Number.MIN_VALUE);
    expectEqual(run({ queries: rotary.queries, keys: "turned" }, "keys"), run(null, "both"), inputs, Number.MIN_VALUE);
  });

  it("crossEntropy equals -log softmax at the target", () => {
    const targets = [2, 0, 4, 2];
    const plain: Op = (x) => {
      const chosen = tf.cast(tf.oneHot(tf.tensor1d(targets, "int32"), 5), "float32");
      return tf.neg(tf.sum(tf.mul(tf.logSoftmax(x!), chosen), 1));
    };
    expectEqual((x) => crossEntropy(x as tf.Tensor2D, targets), plain, [draw(4, 5)]);
  });

  // as many logits as the native engine has a kernel of its own for; rows are no whole number of vectors
  it("totalCrossEntropy is their sum, divided, value and gradient", () => {
    const targets = [0, 4, 2, 2];
    const parts: Op = (x) => tf.div(tf.sum(crossEntropy(x as tf.Tensor2D, targets)), 3);
    expectEqual((x) => totalCrossEntropy(x as tf.Tensor2D, targets, 3), parts, [draw(4, 5)]);
    expect(() => totalCrossEntropy(draw(1, 3) as tf.Tensor2D, [3], 1)).toThrow(
      "totalCrossEntropy: target 0 must lie in 0 … 2; got 3.",
    );
  });

  it.runIf(backend === "tensorflow")("crossEntropy of many logits equals -log softmax at the target", () => {
    const [rows, classes] = [530, 997];
    const targets = Int32Array.from({ length: rows }, (_, i) => (i * 389) % classes);
    const chosen = tf.cast(tf.oneHot(tf.tensor1d(targets, "int32"), classes), "float32");
    const plain: Op = (x) => tf.neg(tf.sum(tf.mul(tf.logSoftmax(x!), chosen), 1));
    const logits = tf.mul(draw(rows, classes), 10);
    expectEqual((x) => crossEntropy(x as tf.Tensor2D, targets), plain, [logits]);
    expect(() => crossEntropy(logits as tf.Tensor2D, targets.fill(classes, 529))).toThrow(
      "target 529 must lie in 0 … 996",
    );
  });

  it("embedding sums the gradients of repeated ids", () => {
    const ids = [3, 0, 3, 3, 1];
    const plain: Op = (table) => tf.matMul(tf.cast(tf.oneHot(tf.tensor1d(ids, "int32"), 6), "float32"), table!);
    expectEqual((table) => embedding(table!, ids), plain, [draw(6, 4)]);
  });

  it("refuses wrong shapes and ids, saying which", () => {
    const weight = draw(5, 3) as tf.Tensor2D;
    expect(() => dense(draw(2, 4), { weight, bias: null })).toThrow("x must have shape [..., 3]");
    expect(() => dense(draw(2, 3), { weight, bias: null, residual: draw(2, 4) })).toThrow(
      "its shape, [2, 5]; got [2, 4].",
    );
    const q = draw(1, 2, 8) as tf.Tensor3D;
    expect(() => attention(q, q, draw(1, 3, 8) as tf.Tensor3D, { numHeads: 2 })).toThrow(
      "got [1, 2, 8], [1, 2, 8], [1, 3, 8].",
    );
    expect(() => attention(q, [q, q], [q], { numHeads: 2 })).toThrow("got [1, 2, 8], [1, 2, 8], [1, 2, 8], [1, 2, 8].");
    expect(() => attention(q, [], [], { numHeads: 2 })).toThrow("got [1, 2, 8].");
    const table = anglesOf(3, 4);
    expect(() => attention(q, q, q, { numHeads: 2, rotary: { queries: table, keys: "turned" } })).toThrow(
      "rotary angles of the queries must be cos and sin of [P, 4], where P divides the 2 rows; got [3, 4] and [3, 4].",
    );
    expect(() =>
      attention(q, q, q, { numHeads: 4, rotary: { queries: anglesOf(2, 2), keys: anglesOf(2, 4) } }),
    ).toThrow(
      "rotary angles of the keys must be cos and sin of [P, 2], where P divides the 2 rows; got [2, 4] and [2, 4].",
    );
    expect(() => rotate(draw(4, 8) as tf.Tensor2D, table)).toThrow("[3, 4] and [3, 4]; got [4, 8].");
    expect(() => crossEntropy(draw(1, 3) as tf.Tensor2D, [3])).toThrow("target 0 must lie in 0 … 2; got 3.");
    expect(() => crossEntropy(draw(1, 3) as tf.Tensor2D, [])).toThrow(
      "crossEntropy: targets must have 1 entries; got 0",
    );
    expect(() => embedding(draw(3, 2), [0, -1])).toThrow("ids must lie in 0 … 2; got -1 at position 1.");
  });
});
