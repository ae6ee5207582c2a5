import * as tf from "@tensorflow/tfjs-core";
import { hasNativeKernels, runNativeKernel } from "../native-kernels";

/** The sum over all axes but the last, as the gradient of a bias is: x [..., D] -> [D]. Has no gradient of its own. */
export function columnSum(x: tf.Tensor): tf.Tensor1D {
  if (hasNativeKernels()) return runNativeKernel("JomedColumnSum", {}, [x], 1)[0] as tf.Tensor1D;
  const width = x.shape[x.rank - 1]!;
  return tf.sum(tf.reshape(x, [x.size / width, width]), 0);
}
