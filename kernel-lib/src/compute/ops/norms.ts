import * as tf from "@tensorflow/tfjs-core";
import { columnSum, type OpGradients, runFused } from "./fused-op";
import { hasNativeKernels, runNativeKernel } from "./native-kernels";

/**
 * Layer norm over the last axis: (x - mean) / √(variance + epsilon) · weight + bias.
 *
 * Shapes: x [..., D], weight and bias [D] -> [..., D]. Gradient: flows to all three.
 */
export function layerNorm<T extends tf.Tensor>(
  x: T,
  { weight, bias, epsilon }: { readonly weight: tf.Tensor; readonly bias: tf.Tensor; readonly epsilon: number },
): T {
  if (hasNativeKernels()) return nativeNorm("JomedLayerNorm", { x, weight, bias }, epsilon) as T;
  return runFused<tf.Tensor>({
    inputs: { x, weight, bias },
    forward: (save) => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon)); // [..., 1]
      const normal = tf.mul(centred, scale);
      save([normal, scale]);
      return tf.add(tf.mul(normal, weight), bias);
    },
    backward: (dy, [normal, scale]) => ({
      ...normGradients(dy, { normal: normal!, scale: scale!, weight, centring: "mean" }),
      bias: () => columnSum(dy),
    }),
  }) as T;
}

/**
 * RMS norm over the last axis: x / √(mean(x²) + epsilon) · weight.
 *
 * Shapes: x [..., D], weight [D] -> [..., D]. Gradient: flows to both.
 */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor, epsilon: number): T {
  if (hasNativeKernels()) return nativeNorm("JomedRmsNorm", { x, weight }, epsilon) as T;
  return runFused<tf.Tensor>({
    inputs: { x, weight },
    forward: (save) => {
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon)); // [..., 1]
      const normal = tf.mul(x, scale);
      save([normal, scale]);
      return tf.mul(normal, weight);
    },
    backward: (dy, [normal, scale]) => normGradients(dy, { normal: normal!, scale: scale!, weight, centring: "none" }),
  }) as T;
}

/**
 * Scales rows to length 1: x / ‖x‖. A row of zeros stays zero, and so does its gradient.
 *
 * Shapes: x [n, D] -> [n, D]. Gradient: flows to x.
 */
export function l2Normalise(x: tf.Tensor2D): tf.Tensor2D {
  return runFused<tf.Tensor2D>({
    inputs: { x },
    forward: (save) => {
      const scale = tf.rsqrt(tf.maximum(tf.sum(tf.square(x), 1, true), 1e-30)); // [n, 1]
      const unit = tf.mul(x, scale) as tf.Tensor2D;
      save([unit, scale]);
      return unit;
    },
    backward: (dy, [unit, scale]) => ({
      x: () => tf.mul(tf.sub(dy, tf.mul(unit!, tf.sum(tf.mul(dy, unit!), 1, true))), scale!),
    }),
  });
}

type NativeNorm = "JomedLayerNorm" | "JomedRmsNorm";

/** One kernel each way. The gradients of weight and bias come with that of x, for next to nothing. */
function nativeNorm(
  name: NativeNorm,
  inputs: { readonly x: tf.Tensor; readonly weight: tf.Tensor; readonly bias?: tf.Tensor },
  epsilon: number,
): tf.Tensor {
  const { x, weight } = inputs;
  return runFused<tf.Tensor>({
    inputs: { ...inputs },
    forward: (save) => {
      const [y, statistics] = runNativeKernel(name, { epsilon }, Object.values(inputs), 2) as [tf.Tensor, tf.Tensor];
      save([x, weight, statistics]);
      return y;
    },
    backward: (dy, saved) => {
      const [dx, dWeight, dBias] = runNativeKernel(`${name}Gradient`, {}, [dy, ...saved], 3);
      return { x: () => tf.clone(dx!), weight: () => tf.clone(dWeight!), bias: () => tf.clone(dBias!) };
    },
  });
}

interface NormState {
  /** [..., D], the value before weight and bias */
  readonly normal: tf.Tensor;
  /** [..., 1] */
  readonly scale: tf.Tensor;
  readonly weight: tf.Tensor;
  readonly centring: "mean" | "none";
}

function normGradients(dy: tf.Tensor, { normal, scale, weight, centring }: NormState): OpGradients {
  return {
    x: () => {
      const dNormal = tf.mul(dy, weight);
      const along = tf.mul(normal, tf.mean(tf.mul(dNormal, normal), -1, true));
      const across = tf.sub(dNormal, along);
      // the mean of `normal` is 0, so centring touches dNormal alone
      return tf.mul(centring === "mean" ? tf.sub(across, tf.mean(dNormal, -1, true)) : across, scale);
    },
    weight: () => columnSum(tf.mul(dy, normal)),
  };
}
