import * as tf from "@tensorflow/tfjs-core";
import type { OpGradients } from "../compute/fused-op";
import { hasNativeKernels, runNativeKernel } from "../compute/native-kernels";
import { columnSum } from "../compute/ops/column-sum";
import type { LowRankUpdate } from "./parameters";

/** The tensors of one linear map. */
export interface LinearWeights {
  /** Named in errors. */
  readonly moduleName: string;
  /** [out, in] */
  readonly weight: tf.Tensor2D;
  /** [out] */
  readonly bias: tf.Tensor | null;
  readonly update: LowRankUpdate | null;
}

interface Placed extends LinearWeights {
  readonly index: number;
  /** First output column of the part. */
  readonly start: number;
  readonly outSize: number;
}

/**
 * Gradients of the trained tensors of joined linear maps: dW = dyᵀ·x, dB = scaling · dyᵀ·(x·Aᵀ), dA = scaling · (dy·B)ᵀ·x,
 * each product made once for all parts, then cut.
 *
 * Shapes: dy [n, sum of out], x [n, in]; the entries are named weight0, bias0, A0, B0, weight1 …
 */
export function joinedGradients(parts: readonly LinearWeights[], dy: tf.Tensor2D, x: tf.Tensor2D): OpGradients {
  const placed = place(parts);
  const made: Record<string, tf.Tensor> = tf.tidy(() => ({
    ...weightGradients(placed, dy, x),
    ...updateGradients(placed, dy, x),
  }));
  return Object.fromEntries(Object.entries(made).map(([name, gradient]) => [name, () => tf.clone(gradient)]));
}

function place(parts: readonly LinearWeights[]): Placed[] {
  let start = 0;
  return parts.map((part, index) => {
    const outSize = part.weight.shape[0];
    start += outSize;
    return { ...part, index, start: start - outSize, outSize };
  });
}

function weightGradients(parts: readonly Placed[], dy: tf.Tensor2D, x: tf.Tensor2D): Record<string, tf.Tensor> {
  const gradients: Record<string, tf.Tensor> = {};
  const weights = parts.filter(({ weight }) => learns(weight));
  if (weights.length > 0) {
    const whole = tf.matMul(dy, x, true, false); // [sum of out, in]
    for (const { index, start, outSize } of weights)
      gradients[`weight${index}`] = tf.slice(whole, [start, 0], [outSize, -1]);
  }
  const biases = parts.filter(({ bias }) => bias !== null && learns(bias));
  if (biases.length > 0) {
    const whole = columnSum(dy);
    for (const { index, start, outSize } of biases) gradients[`bias${index}`] = tf.slice(whole, [start], [outSize]);
  }
  return gradients;
}

function updateGradients(parts: readonly Placed[], dy: tf.Tensor2D, x: tf.Tensor2D): Record<string, tf.Tensor> {
  const gradients: Record<string, tf.Tensor> = {};
  const updated = parts.flatMap((part) => (part.update !== null && learns(part.update.A) ? [part] : []));
  if (updated.length === 0) return gradients;
  if (updated.length === parts.length && fitsKernel(parts, x.shape[1])) return nativeGradients(parts, dy, x);
  const outSize = dy.shape[1];
  const ups = updated.map(({ update, start, outSize: height }) =>
    tf.pad(tf.mul(update!.B, update!.scaling) as tf.Tensor2D, [
      [start, outSize - start - height],
      [0, 0],
    ]),
  );
  const downs = updated.map(({ update }) => update!.A as unknown as tf.Tensor2D);
  const dDown = tf.matMul(dy, tf.concat(ups, 1) as tf.Tensor2D); // [n, ranks], each rank sees its own columns of dy
  const dA = tf.matMul(dDown, x, true, false); // [ranks, in]
  const dB = tf.matMul(dy, tf.matMul(x, tf.concat(downs) as tf.Tensor2D, false, true), true, false); // [out, ranks]
  let at = 0;
  for (const { index, update, start, outSize: height } of updated) {
    const rank = update!.A.shape[0]!;
    gradients[`A${index}`] = tf.slice(dA, [at, 0], [rank, -1]);
    gradients[`B${index}`] = tf.mul(tf.slice(dB, [start, at], [height, rank]), update!.scaling);
    at += rank;
  }
  return gradients;
}

/** Whether the native engine's own kernel takes these sizes. */
function fitsKernel(parts: readonly LinearWeights[], inSize: number): boolean {
  return (
    hasNativeKernels() &&
    inSize % 8 === 0 &&
    parts.every(
      ({ weight, update }) =>
        weight.shape[0] % 8 === 0 && update!.A.shape[0]! <= 64 && update!.scaling === parts[0]!.update!.scaling,
    )
  );
}

/** Gradients of all A and B in one pass over dy and x. */
function nativeGradients(parts: readonly LinearWeights[], dy: tf.Tensor2D, x: tf.Tensor2D): Record<string, tf.Tensor> {
  const count = parts.length;
  const updates = parts.map(({ update }) => update!);
  const attributes = { N: { int: count }, scaling: updates[0]!.scaling };
  const inputs = [dy, x, ...updates.map(({ A }) => A), ...updates.map(({ B }) => B)];
  const made = runNativeKernel("JomedLoraGradient", attributes, inputs, 2 * count);
  return Object.fromEntries(made.map((gradient, i) => [i < count ? `A${i}` : `B${i - count}`, gradient]));
}

function learns(tensor: tf.Tensor): boolean {
  return !(tensor instanceof tf.Variable) || tensor.trainable;
}
