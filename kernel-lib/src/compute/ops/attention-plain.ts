import * as tf from "@tensorflow/tfjs-core";
import { runFused } from "../fused-op";
import { type AttentionCall, type AttentionLayout, anglesOf, causalMask, turningBy } from "./attention-layout";
import { type RotaryTable, turnHeads } from "./rotary";

/** Attention on the engine's own kernels, all heads in one product. Shapes as in `attention`. */
export function plainAttention(
  { q, k, v }: Readonly<Record<"q" | "k" | "v", tf.Tensor3D>>,
  { layout, mask, scale, turning }: AttentionCall,
): tf.Tensor3D {
  return runFused<tf.Tensor3D>({
    inputs: { q, k, v },
    forward: (save) => {
      const queries = groupQueries(turn(q, turning.queries, "forward"), layout);
      const keys = splitHeads(turn(k, turning.keys, "forward"), layout);
      const values = splitHeads(v, layout);
      const scaled = tf.mul(queries, scale) as tf.Tensor4D;
      const scores = addMask(tf.matMul(scaled, keys, false, true), mask, layout);
      const weights = tf.softmax(scores) as tf.Tensor4D; // [B, groups, heads per group · L, S]
      save([scaled, keys, values, weights, ...anglesOf(turning)]);
      return joinQueries(tf.matMul(weights, values), layout);
    },
    backward: (dy, saved) => {
      const [scaled, keys, values, weights] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
      const kept = turningBy(turning, saved.slice(4));
      const dOut = groupQueries(dy, layout);
      const weighted = tf.mul(weights, tf.matMul(dOut, values, false, true));
      const dScores = tf.sub(weighted, tf.mul(weights, tf.sum(weighted, -1, true))) as tf.Tensor4D;
      return {
        q: () =>
          turn(joinQueries(tf.mul(tf.matMul(dScores, keys), scale) as tf.Tensor4D, layout), kept.queries, "back"),
        k: () => turn(joinHeads(tf.matMul(dScores, scaled, true, false)), kept.keys, "back"),
        v: () => joinHeads(tf.matMul(weights, dOut, true, false)),
      };
    },
  });
}

function turn(x: tf.Tensor3D, table: RotaryTable | null, direction: "forward" | "back"): tf.Tensor3D {
  return table === null ? x : turnHeads(x, table, direction);
}

/** [B, L, heads·d] -> [B, groups, heads per group · L, d]: keys need not be repeated. */
function groupQueries(x: tf.Tensor3D, { batch, length, heads, groups, width }: AttentionLayout): tf.Tensor4D {
  const split = tf.transpose(tf.reshape(x, [batch, length, heads, width]), [0, 2, 1, 3]); // [B, heads, L, d]
  return tf.reshape(split, [batch, groups, (heads / groups) * length, width]);
}

/** [B, groups, heads per group · L, d] -> [B, L, heads·d] */
function joinQueries(x: tf.Tensor4D, { batch, length, heads, width }: AttentionLayout): tf.Tensor3D {
  const split = tf.reshape(x, [batch, heads, length, width]);
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [batch, length, heads * width]);
}

/** [B, S, groups·d] -> [B, groups, S, d] */
function splitHeads(x: tf.Tensor3D, { batch, groups, width }: AttentionLayout): tf.Tensor4D {
  return tf.transpose(tf.reshape(x, [batch, x.shape[1], groups, width]), [0, 2, 1, 3]) as tf.Tensor4D;
}

/** [B, groups, S, d] -> [B, S, groups·d] */
function joinHeads(x: tf.Tensor4D): tf.Tensor3D {
  const [batch, groups, length, width] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, length, groups * width]);
}

function addMask(scores: tf.Tensor4D, mask: "none" | "causal" | tf.Tensor4D, layout: AttentionLayout): tf.Tensor4D {
  if (mask === "none") return scores;
  const { batch, heads, length } = layout;
  const perHead = tf.reshape(scores, [batch, heads, length, scores.shape[3]]);
  return tf.reshape(tf.add(perHead, mask === "causal" ? causalMask(length) : mask), scores.shape);
}
