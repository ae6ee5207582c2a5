import * as tf from "@tensorflow/tfjs-core";
import { runFused } from "../compute/fused-op";
import { reshapeTo } from "../compute/reshape-to";
import type { LinearWeights } from "./linear-gradients";
import type { LowRankUpdate } from "./parameters";

/** Whether a part's adapter sees its input through a mask. */
export const hasDropout = ({ update }: LinearWeights): boolean => update?.mask !== undefined;

/**
 * What the adapters of joined linear maps add, each seeing x through a mask of its own: scaling · ((x ∘ M)·Aᵀ)·Bᵀ, side by side.
 *
 * Shapes: x [n, in] or [B, n, in] -> [n, sum of out] or [B, n, sum of out]; a part without adapter adds 0.
 * Gradient: flows to x, A and B; M is constant. dB = scaling · dyᵀ·((x ∘ M)·Aᵀ), dA = scaling · (dy·B)ᵀ·(x ∘ M),
 * dx = (scaling · (dy·B)·A) ∘ M.
 */
export function droppedUpdates<T extends tf.Tensor>(x: T, parts: readonly LinearWeights[]): T {
  const inSize = parts[0]!.weight.shape[1];
  const rows = x.size / inSize;
  const flat = tf.reshape(x, [rows, inSize]) as tf.Tensor2D;
  const updates = parts.map(({ update, weight }) =>
    update === null ? (tf.zeros([rows, weight.shape[0]]) as tf.Tensor2D) : droppedUpdate(flat, update),
  );
  const outSize = parts.reduce((sum, { weight }) => sum + weight.shape[0], 0);
  const joined = updates.length === 1 ? updates[0]! : tf.concat(updates, 1); // [rows, sum of out]
  return reshapeTo(joined, [...x.shape.slice(0, -1), outSize]) as T;
}

function droppedUpdate(x: tf.Tensor2D, { A, B, scaling, mask }: LowRankUpdate): tf.Tensor2D {
  const [down, up] = [A, B] as unknown as [tf.Tensor2D, tf.Tensor2D];
  return runFused<tf.Tensor2D>({
    inputs: { x, ...(A.trainable ? { A } : {}), ...(B.trainable ? { B } : {}) },
    forward: (save) => {
      const factors = mask === undefined ? tf.onesLike(x) : tf.tensor2d(mask(x.size), x.shape); // [rows, in]
      save([x, factors]);
      const inner = tf.matMul(tf.mul(x, factors), down, false, true); // [rows, rank]
      return tf.mul(tf.matMul(inner, up, false, true), scaling);
    },
    backward: (dy, saved) => {
      const [flat, factors] = saved as [tf.Tensor2D, tf.Tensor2D];
      const dInner = () => tf.mul(tf.matMul(dy, up), scaling) as tf.Tensor2D; // [rows, rank]
      const seen = () => tf.mul(flat, factors) as tf.Tensor2D; // [rows, in]
      return {
        x: () => tf.mul(tf.matMul(dInner(), down), factors),
        A: () => tf.matMul(dInner(), seen(), true, false),
        B: () => tf.mul(tf.matMul(dy, tf.matMul(seen(), down, false, true), true, false), scaling),
      };
    },
  });
}
