import * as tf from "@tensorflow/tfjs-core";
import { runFused } from "../compute/fused-op";

/** One attention over a batch; queries are already scaled by 1/√headDim. */
export interface HeadAttention {
  /** [batch * M, heads * headDim] */
  readonly queries: tf.Tensor2D;
  /** [batch, keyValueHeads, K, headDim] */
  readonly keys: tf.Tensor4D;
  /** [batch, keyValueHeads, K, headDim] */
  readonly values: tf.Tensor4D;
  readonly heads: number;
  /** Added to the scores, [batch, 1, M, K]: 0 where a query may look, a large negative number where not. */
  readonly mask: tf.Tensor4D | null;
}

/**
 * Softmax attention with grouped heads: query head h looks at key head floor(h / (heads / keyValueHeads)).
 *
 * Shapes: -> [batch * M, heads * headDim]. Gradient: flows to queries, keys and values.
 */
export function attendHeads({ queries, keys, values, heads, mask }: HeadAttention): tf.Tensor2D {
  const [batch, groups, keyCount, headDim] = keys.shape;
  const columns = queries.shape[0] / batch;
  const perGroup = (heads / groups) * columns;
  // query heads of one group stand one after the other, so that keys need not be repeated
  const grouped = tf.reshape(splitHeads(queries, batch, heads), [batch, groups, perGroup, headDim]) as tf.Tensor4D;
  const attended = runFused<tf.Tensor4D>({
    inputs: { grouped, keys, values },
    forward: (save) => {
      let scores: tf.Tensor = tf.matMul(grouped, keys, false, true); // [batch, groups, perGroup, K]
      if (mask !== null) {
        const byHead = tf.reshape(scores, [batch, heads, columns, keyCount]);
        scores = tf.reshape(tf.add(byHead, mask), scores.shape);
      }
      const weights = tf.softmax(scores) as tf.Tensor4D;
      save([weights, grouped, keys, values]);
      return tf.matMul(weights, values);
    },
    backward: (dy, saved) => attentionGradients(dy, saved as tf.Tensor4D[]),
  });
  return joinHeads(tf.reshape(attended, [batch, heads, columns, headDim]) as tf.Tensor4D);
}

function attentionGradients(dy: tf.Tensor4D, saved: tf.Tensor4D[]): Record<string, () => tf.Tensor4D> {
  const [weights, queries, keys, values] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  // here, not in the functions below: what they create is gone when they return, and two of them need it
  const dScores = softmaxGradient(weights, tf.matMul(dy, values, false, true));
  return {
    grouped: () => tf.matMul(dScores, keys),
    keys: () => tf.matMul(dScores, queries, true, false),
    values: () => tf.matMul(weights, dy, true, false),
  };
}

function softmaxGradient(weights: tf.Tensor4D, dWeights: tf.Tensor4D): tf.Tensor4D {
  const weighted = tf.mul(weights, dWeights); // [batch, groups, perGroup, K]
  return tf.sub(weighted, tf.mul(weights, tf.sum(weighted, -1, true))) as tf.Tensor4D;
}

/** [batch * L, heads * headDim] -> [batch, heads, L, headDim]. */
export function splitHeads(x: tf.Tensor2D, batch: number, heads: number): tf.Tensor4D {
  const headDim = x.shape[1] / heads;
  return tf.transpose(tf.reshape(x, [batch, x.shape[0] / batch, heads, headDim]), [0, 2, 1, 3]) as tf.Tensor4D;
}

/** [batch, heads, L, headDim] -> [batch * L, heads * headDim]. */
function joinHeads(x: tf.Tensor4D): tf.Tensor2D {
  const [batch, heads, length, headDim] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch * length, heads * headDim]) as tf.Tensor2D;
}
