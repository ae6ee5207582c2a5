import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../base/errors";
import { type OpGradients, runFused } from "../fused-op";
import { hasNativeKernels, runNativeKernel } from "../native-kernels";

/** How heads are cut and which positions may be seen. */
export interface AttentionOptions {
  readonly numHeads: number;
  /** Heads of keys and values; a divisor of numHeads. Default numHeads. */
  readonly numKeyValueHeads?: number;
  /**
   * "causal": position i sees 0 … i of equally long keys. A tensor is added to the scores and must broadcast to
   * [B, 1, L, S]. Default "none".
   */
  readonly mask?: "none" | "causal" | tf.Tensor4D;
  /** Default 1 / √(width of a head). */
  readonly scale?: number;
}

/** Keys or values: one tensor, or blocks of them, one after the other along S, at least one. */
export type KeyBlocks = tf.Tensor3D | readonly tf.Tensor3D[];

/**
 * Scaled dot-product attention: softmax(q·kᵀ · scale + mask)·v per head; query heads may share key-value heads.
 *
 * Shapes: q [B, L, heads·d], k and v [B, S, keyValueHeads·d] -> [B, L, heads·d]. Gradient: flows to q, k and v.
 * Blocks of keys and values give the same bits as what they are when joined, without the joining.
 *
 * @throws ShapeError when the widths do not fit the heads.
 */
export function attention(q: tf.Tensor3D, k: KeyBlocks, v: KeyBlocks, options: AttentionOptions): tf.Tensor3D {
  const [keys, values] = [blocksOf(k), blocksOf(v)];
  const layout = layoutOf(q, keys, values, options);
  const scale = options.scale ?? 1 / Math.sqrt(layout.width);
  const settings = { mask: options.mask ?? "none", scale };
  if (hasNativeKernels()) return nativeAttention({ q, keys, values }, layout, settings);
  return plainAttention({ q, k: joinBlocks(keys), v: joinBlocks(values) }, layout, settings);
}

type Blocks = readonly tf.Tensor3D[];

const blocksOf = (given: KeyBlocks): Blocks => (given instanceof tf.Tensor ? [given] : given);

const joinBlocks = (blocks: Blocks): tf.Tensor3D => (blocks.length === 1 ? blocks[0]! : tf.concat([...blocks], 1));

interface Settings {
  readonly mask: "none" | "causal" | tf.Tensor4D;
  readonly scale: number;
}

/** TensorFlow's own kernels, all heads in one product. */
function plainAttention(
  { q, k, v }: Readonly<Record<"q" | "k" | "v", tf.Tensor3D>>,
  layout: Layout,
  { mask, scale }: Settings,
): tf.Tensor3D {
  return runFused<tf.Tensor3D>({
    inputs: { q, k, v },
    forward: (save) => {
      const [queries, keys, values] = [groupQueries(q, layout), splitHeads(k, layout), splitHeads(v, layout)];
      const scaled = tf.mul(queries, scale) as tf.Tensor4D;
      const scores = addMask(tf.matMul(scaled, keys, false, true), mask, layout);
      const weights = tf.softmax(scores) as tf.Tensor4D; // [B, groups, heads per group · L, S]
      save([scaled, keys, values, weights]);
      return joinQueries(tf.matMul(weights, values), layout);
    },
    backward: (dy, saved) => {
      const [scaled, keys, values, weights] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
      const dOut = groupQueries(dy, layout);
      const weighted = tf.mul(weights, tf.matMul(dOut, values, false, true));
      const dScores = tf.sub(weighted, tf.mul(weights, tf.sum(weighted, -1, true))) as tf.Tensor4D;
      return {
        q: () => joinQueries(tf.mul(tf.matMul(dScores, keys), scale) as tf.Tensor4D, layout),
        k: () => joinHeads(tf.matMul(dScores, scaled, true, false)),
        v: () => joinHeads(tf.matMul(weights, dOut, true, false)),
      };
    },
  });
}

/** One kernel each way, without a transposed copy. */
function nativeAttention(
  { q, keys, values }: { readonly q: tf.Tensor3D; readonly keys: Blocks; readonly values: Blocks },
  { heads, groups, length }: Layout,
  { mask, scale }: Settings,
): tf.Tensor3D {
  const attributes = { heads: { int: heads }, groups: { int: groups }, scale };
  const count = keys.length;
  const named = (name: string, blocks: Blocks) => blocks.map((block, i) => [`${name}${i}`, block] as const);
  return runFused<tf.Tensor3D>({
    inputs: { q, ...Object.fromEntries([...named("k", keys), ...named("v", values)]) },
    forward: (save) => {
      const inputs = [q, ...keys, ...values, nativeMask(mask, length)];
      const [y, weights] = runNativeKernel("JomedAttention", { N: { int: count }, ...attributes }, inputs, 2);
      save([q, ...keys, ...values, weights!]);
      return y as tf.Tensor3D;
    },
    backward: (dy, saved) => {
      const [k, v] = [saved.slice(1, 1 + count), saved.slice(1 + count, 1 + 2 * count)] as [Blocks, Blocks];
      const inputs = [dy, saved[0]!, joinBlocks(k), joinBlocks(v), saved.at(-1)!];
      const [dq, dk, dv] = runNativeKernel("JomedAttentionGradient", attributes, inputs, 3);
      const gradients = { ...cutBlocks("k", dk!, k), ...cutBlocks("v", dv!, v) };
      return { q: () => tf.clone(dq!), ...gradients };
    },
  });
}

/** The gradient of joined blocks as one of each. */
function cutBlocks(name: string, gradient: tf.Tensor, blocks: Blocks): OpGradients {
  const lengths = blocks.map(({ shape }) => shape[1]);
  const parts = blocks.length === 1 ? [gradient] : tf.split(gradient, lengths, 1);
  return Object.fromEntries(parts.map((part, i) => [`${name}${i}`, () => tf.clone(part)]));
}

/** [B or 1, 1, L or 1, S], or empty for none. */
function nativeMask(mask: "none" | "causal" | tf.Tensor4D, length: number): tf.Tensor {
  if (mask === "none") return tf.tensor1d([]);
  return mask === "causal" ? tf.reshape(causalMask(length), [1, 1, length, length]) : mask;
}

interface Layout {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  /** Key-value heads: each serves heads / groups query heads. */
  readonly groups: number;
  /** Of one head. */
  readonly width: number;
}

function layoutOf(q: tf.Tensor3D, keys: Blocks, values: Blocks, options: AttentionOptions): Layout {
  const { numHeads: heads, numKeyValueHeads: groups = heads } = options;
  const [batch, length, size] = q.shape;
  const width = size / heads;
  const fits =
    Number.isInteger(width) &&
    Number.isInteger(heads / groups) &&
    keys.length > 0 &&
    keys.length === values.length &&
    keys.every(({ shape }, i) => tf.util.arraysEqual(shape, values[i]!.shape)) &&
    keys.every(({ shape }) => shape[0] === batch && shape[2] === groups * width);
  if (fits) return { batch, length, heads, groups, width };
  const shapes = [q, ...keys, ...values].map(({ shape }) => `[${shape.join(", ")}]`).join(", ");
  throw new ShapeError(
    `attention: q, k and v must have shapes [B, L, ${heads}·d], [B, S, ${groups}·d] and [B, S, ${groups}·d]; got ${shapes}.`,
    { heads, groups },
  );
}

/** [B, L, heads·d] -> [B, groups, heads per group · L, d]: keys need not be repeated. */
function groupQueries(x: tf.Tensor3D, { batch, length, heads, groups, width }: Layout): tf.Tensor4D {
  const split = tf.transpose(tf.reshape(x, [batch, length, heads, width]), [0, 2, 1, 3]); // [B, heads, L, d]
  return tf.reshape(split, [batch, groups, (heads / groups) * length, width]);
}

/** [B, groups, heads per group · L, d] -> [B, L, heads·d] */
function joinQueries(x: tf.Tensor4D, { batch, length, heads, width }: Layout): tf.Tensor3D {
  const split = tf.reshape(x, [batch, heads, length, width]);
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [batch, length, heads * width]);
}

/** [B, S, groups·d] -> [B, groups, S, d] */
function splitHeads(x: tf.Tensor3D, { batch, groups, width }: Layout): tf.Tensor4D {
  return tf.transpose(tf.reshape(x, [batch, x.shape[1], groups, width]), [0, 2, 1, 3]) as tf.Tensor4D;
}

/** [B, groups, S, d] -> [B, S, groups·d] */
function joinHeads(x: tf.Tensor4D): tf.Tensor3D {
  const [batch, groups, length, width] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, length, groups * width]);
}

function addMask(scores: tf.Tensor4D, mask: "none" | "causal" | tf.Tensor4D, layout: Layout): tf.Tensor4D {
  if (mask === "none") return scores;
  const { batch, heads, length } = layout;
  const perHead = tf.reshape(scores, [batch, heads, length, scores.shape[3]]);
  return tf.reshape(tf.add(perHead, mask === "causal" ? causalMask(length) : mask), scores.shape);
}

function causalMask(length: number): tf.Tensor2D {
  const values = new Float32Array(length * length);
  for (let row = 0; row < length; row++) values.fill(-1e9, row * length + row + 1, (row + 1) * length);
  return tf.tensor2d(values, [length, length]);
}
