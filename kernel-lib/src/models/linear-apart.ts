import * as tf from "@tensorflow/tfjs-core";
import type { LinearWeights } from "./linear-gradients";

/** Values of joined weights up to which they are copied together: above, a step's copies would be as large as the model. */
const JOINED_UP_TO = 2 ** 20;

/** Whether maps are too large to be joined, or merged with their adapters, at every call. */
export function tooLargeToJoin(parts: readonly LinearWeights[]): boolean {
  return parts.reduce((sum, { weight }) => sum + weight.size, 0) > JOINED_UP_TO;
}

/** x·Wᵀ + scaling · (x·Aᵀ)·Bᵀ of every part, side by side: x [n, in] -> [n, sum of out]; no weight is copied. */
export function multiplyApart(x: tf.Tensor2D, parts: readonly LinearWeights[]): tf.Tensor2D {
  const products = parts.map(({ weight, update }): tf.Tensor2D => {
    const product: tf.Tensor2D = tf.matMul(x, weight, false, true);
    if (update === null) return product;
    const [A, B] = [update.A, update.B] as unknown as [tf.Tensor2D, tf.Tensor2D];
    const inner = tf.mul(tf.matMul(x, A, false, true), update.scaling) as tf.Tensor2D; // [n, rank]
    return tf.add(product, tf.matMul(inner, B, false, true)) as tf.Tensor2D;
  });
  return products.length === 1 ? products[0]! : (tf.concat(products, 1) as tf.Tensor2D);
}

/** Its gradient to x, the sum over parts of dy·W + scaling · (dy·B)·A: dy [n, sum of out] -> [n, in]. */
export function multiplyBackApart(dy: tf.Tensor2D, parts: readonly LinearWeights[]): tf.Tensor2D {
  const heights = parts.map(({ weight }) => weight.shape[0]);
  const cut = parts.length === 1 ? [dy] : (tf.split(dy, heights, 1) as tf.Tensor2D[]);
  const gradients = parts.flatMap(({ weight, update }, i): tf.Tensor2D[] => {
    const straight: tf.Tensor2D = tf.matMul(cut[i]!, weight);
    if (update === null) return [straight];
    const [A, B] = [update.A, update.B] as unknown as [tf.Tensor2D, tf.Tensor2D];
    return [straight, tf.matMul(tf.mul(tf.matMul(cut[i]!, B), update.scaling), A)];
  });
  return gradients.reduce((sum, gradient) => tf.add(sum, gradient));
}
