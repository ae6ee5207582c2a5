import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../base/errors";
import { runFused } from "../fused-op";
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

/**
 * Scaled dot-product attention: softmax(q·kᵀ · scale + mask)·v per head; query heads may share key-value heads.
 *
 * Shapes: q [B, L, heads·d], k and v [B, S, keyValueHeads·d] -> [B, L, heads·d]. Gradient: flows to q, k and v.
 *
 * @throws ShapeError when the widths do not fit the heads.
 */
export function attention(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, options: AttentionOptions): tf.Tensor3D {
  const layout = layoutOf(q, k, v, options);
  const scale = options.scale ?? 1 / Math.sqrt(layout.width);
  if (hasNativeKernels()) return nativeAttention({ q, k, v }, layout, { mask: options.mask ?? "none", scale });
  return runFused<tf.Tensor3D>({
    inputs: { q, k, v },
    forward: (save) => {
      const [queries, keys, values] = [groupQueries(q, layout), splitHeads(k, layout), splitHeads(v, layout)];
      const scaled = tf.mul(queries, scale) as tf.Tensor4D;
      const scores = addMask(tf.matMul(scaled, keys, false, true), options.mask ?? "none", layout);
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

interface NativeOptions {
  readonly mask: "none" | "causal" | tf.Tensor4D;
  readonly scale: number;
}

/** One kernel each way, without a transposed copy. */
function nativeAttention(
  { q, k, v }: Readonly<Record<"q" | "k" | "v", tf.Tensor3D>>,
  { heads, groups, length }: Layout,
  { mask, scale }: NativeOptions,
): tf.Tensor3D {
  const attributes = { heads: { int: heads }, groups: { int: groups }, scale };
  return runFused<tf.Tensor3D>({
    inputs: { q, k, v },
    forward: (save) => {
      const added = nativeMask(mask, length);
      const [y, weights] = runNativeKernel("JomedAttention", attributes, [q, k, v, added], 2);
      save([q, k, v, weights!]);
      return y as tf.Tensor3D;
    },
    backward: (dy, saved) => {
      const [dq, dk, dv] = runNativeKernel("JomedAttentionGradient", attributes, [dy, ...saved], 3);
      return { q: () => tf.clone(dq!), k: () => tf.clone(dk!), v: () => tf.clone(dv!) };
    },
  });
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

function layoutOf(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, options: AttentionOptions): Layout {
  const { numHeads: heads, numKeyValueHeads: groups = heads } = options;
  const [batch, length, size] = q.shape;
  const width = size / heads;
  const fits =
    Number.isInteger(width) &&
    Number.isInteger(heads / groups) &&
    [k, v].every(({ shape }) => shape[0] === batch && shape[1] === k.shape[1] && shape[2] === groups * width);
  if (fits) return { batch, length, heads, groups, width };
  const shapes = [q, k, v].map(({ shape }) => `[${shape.join(", ")}]`).join(", ");
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
