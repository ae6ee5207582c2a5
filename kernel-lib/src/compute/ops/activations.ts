import * as tf from "@tensorflow/tfjs-core";
import { runFused } from "./fused-op";
import { hasNativeKernels, runNativeKernel } from "./native-kernels";

/** x · sigmoid(1.702 x), CLIP's and Qwen2-VL's approximation of GELU. Any shape; gradient flows to x. */
export function quickGelu<T extends tf.Tensor>(x: T): T {
  return sigmoidGate(x, 1.702);
}

/** x · sigmoid(x). Any shape; gradient flows to x. */
export function silu<T extends tf.Tensor>(x: T): T {
  return sigmoidGate(x, 1);
}

/**
 * The gate of a gated MLP: silu(gate) · up, the two side by side.
 *
 * Shapes: x [n, 2 · width], gate first -> [n, width]. Gradient: flows to x.
 */
export function gatedSilu(x: tf.Tensor2D): tf.Tensor2D {
  if (hasNativeKernels()) return nativeGate("JomedGatedSilu", x, {});
  return runFused<tf.Tensor2D>({
    inputs: { x },
    forward: (save) => {
      const [gate, up] = tf.split(x, 2, 1) as [tf.Tensor2D, tf.Tensor2D];
      const share = tf.sigmoid(gate);
      const active = tf.mul(gate, share) as tf.Tensor2D;
      save([gate, up, share, active]);
      return tf.mul(active, up);
    },
    backward: (dy, [gate, up, share, active]) => ({
      x: () => {
        const slope = tf.mul(share!, tf.add(tf.sub(gate!, active!), 1));
        return tf.concat([tf.mul(tf.mul(dy, up!), slope), tf.mul(dy, active!)], 1);
      },
    }),
  });
}

/** x · Φ(x) with the exact normal distribution function. Any shape; gradient flows to x. */
export function gelu<T extends tf.Tensor>(x: T): T {
  return runFused<tf.Tensor>({
    inputs: { x },
    forward: (save) => {
      const share = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
      save([x, share]);
      return tf.mul(x, share);
    },
    backward: (dy, [input, share]) => ({
      x: () => {
        const density = tf.mul(tf.exp(tf.mul(tf.square(input!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
        return tf.mul(dy, tf.add(share!, tf.mul(input!, density)));
      },
    }),
  }) as T;
}

/** y = x·s with s = sigmoid(steepness · x); dy/dx = s · (1 + steepness · (x - y)). */
function sigmoidGate<T extends tf.Tensor>(x: T, steepness: number): T {
  if (hasNativeKernels()) return nativeGate("JomedGate", x, { steepness });
  return runFused<tf.Tensor>({
    inputs: { x },
    forward: (save) => {
      const gate = tf.sigmoid(steepness === 1 ? x : tf.mul(x, steepness));
      const y = tf.mul(x, gate);
      save([x, gate, y]);
      return y;
    },
    backward: (dy, [input, gate, y]) => ({
      x: () => {
        const rest = tf.add(tf.mul(tf.sub(input!, y!), steepness), 1);
        return tf.mul(dy, tf.mul(gate!, rest));
      },
    }),
  }) as T;
}

function nativeGate<T extends tf.Tensor>(name: string, x: T, attributes: { readonly steepness?: number }): T {
  return runFused<tf.Tensor>({
    inputs: { x },
    forward: (save) => {
      save([x]);
      return runNativeKernel(name, attributes, [x], 1)[0]!;
    },
    backward: (dy, [input]) => ({
      x: () => runNativeKernel(`${name}Gradient`, attributes, [dy, input!], 1)[0]!,
    }),
  }) as T;
}
