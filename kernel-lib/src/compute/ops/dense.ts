import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../base/errors";
import { isFrozen, type OpInputs, reshapeTo, runFused } from "./fused-op";
import { hasNativeKernels, runNativeKernel } from "./native-kernels";

/** The sum over all axes but the last, as the gradient of a bias is: x [..., D] -> [D]. Has no gradient of its own. */
export function columnSum(x: tf.Tensor): tf.Tensor1D {
  if (hasNativeKernels()) return runNativeKernel("JomedColumnSum", {}, [x], 1)[0] as tf.Tensor1D;
  const width = x.shape[x.rank - 1]!;
  return tf.sum(tf.reshape(x, [x.size / width, width]), 0);
}

/** A linear map and what its output is added to. */
export interface DenseOptions {
  /** [out, in] */
  readonly weight: tf.Tensor2D;
  /** [out] */
  readonly bias: tf.Tensor | null;
  /** [..., out], as a layer's skip connection. Default none. */
  readonly residual?: tf.Tensor;
}

/** Values of a weight that stay in a core's second-level cache; TensorFlow's own product is made for larger ones. */
const CACHED = 2 ** 17;

/**
 * A linear map with its bias and its skip connection: x·Wᵀ + b + residual, one kernel on the native engine.
 *
 * Shapes: x [..., in] -> [..., out]. Gradient: flows to x, residual, weight and bias, but never to a frozen variable.
 *
 * @throws ShapeError when the last axis of x is not `in`, or the residual has another shape than the output.
 */
export function dense<T extends tf.Tensor>(x: T, { weight, bias, residual }: DenseOptions): T {
  const [outSize, inSize] = weight.shape;
  const shape = [...x.shape.slice(0, -1), outSize];
  if (x.shape[x.rank - 1] !== inSize || (residual !== undefined && !tf.util.arraysEqual(residual.shape, shape)))
    throw new ShapeError(
      `dense: x must have shape [..., ${inSize}] and the residual [..., ${outSize}]; got [${x.shape.join(", ")}] and ${residual === undefined ? "none" : `[${residual.shape.join(", ")}]`}.`,
      { shape: x.shape },
    );
  const rows = x.size / inSize;
  const given: OpInputs = { x, weight, ...(bias && { bias }), ...(residual && { residual }) };
  return runFused<tf.Tensor>({
    inputs: Object.fromEntries(Object.entries(given).filter(([, tensor]) => !isFrozen(tensor))),
    forward: (save) => {
      save([x, weight]);
      if (hasNativeKernels() && weight.size <= CACHED) {
        const none = tf.tensor1d([]);
        return runNativeKernel("JomedLinear", {}, [x, weight, bias ?? none, residual ?? none], 1)[0]!;
      }
      const product = tf.matMul(reshapeTo(x, [rows, inSize]) as tf.Tensor2D, weight, false, true);
      const shifted = reshapeTo(bias === null ? product : tf.add(product, bias), shape);
      return residual === undefined ? shifted : tf.add(shifted, residual);
    },
    backward: (dy, saved) => {
      const [input, kept] = saved as [tf.Tensor, tf.Tensor2D];
      const dyFlat = reshapeTo(dy, [rows, outSize]) as tf.Tensor2D;
      return {
        x: () => reshapeTo(tf.matMul(dyFlat, kept), x.shape),
        weight: () => tf.matMul(dyFlat, reshapeTo(input, [rows, inSize]) as tf.Tensor2D, true, false),
        bias: () => columnSum(dyFlat),
        residual: () => tf.clone(dy),
      };
    },
  }) as T;
}
