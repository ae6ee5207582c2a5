import * as tf from "@tensorflow/tfjs-core";
import { assertSameLength } from "../../base/check";
import { DataError } from "../../base/errors";
import { runFused } from "./fused-op";
import { hasNativeKernels, runNativeKernel } from "./native-kernels";

/**
 * Softmax cross-entropy of each row against its target: -log softmax(logits)[target], in nats.
 *
 * Shapes: logits [n, C], targets [n] -> [n]. Gradient: flows to logits. One kernel on the native engine.
 *
 * @throws ShapeError when the lengths differ. DataError when a target is outside 0 … C-1.
 */
export function crossEntropy(logits: tf.Tensor2D, targets: ArrayLike<number>): tf.Tensor1D {
  const labels = checkedLabels("crossEntropy", logits, targets);
  if (hasNativeKernels() && logits.size >= MANY) return fromManyLogits(logits, labels);
  return runFused<tf.Tensor1D>({
    inputs: { logits },
    forward: (save) => {
      const [loss, slope] = tf.getBackend() === "tensorflow" ? native(logits, labels) : plain(logits, labels);
      save([slope]);
      return loss;
    },
    backward: (dy, [slope]) => ({ logits: () => tf.mul(slope!, tf.expandDims(dy, 1)) }),
  });
}

/**
 * The cross-entropies of all rows added up and divided: Σ crossEntropy / divisor, in nats.
 *
 * Always log-softmax against a one-hot target, on every engine: results of earlier trainings stay the same to the bit, and
 * TensorFlow's own kernel rounds its gradient differently.
 * Shapes: logits [n, C], targets [n] -> scalar. Gradient: flows to logits, (softmax - one-hot) / divisor.
 *
 * @throws ShapeError when the lengths differ. DataError when a target is outside 0 … C-1.
 */
export function totalCrossEntropy(logits: tf.Tensor2D, targets: ArrayLike<number>, divisor: number): tf.Scalar {
  const labels = checkedLabels("totalCrossEntropy", logits, targets);
  return runFused<tf.Scalar>({
    inputs: { logits },
    forward: (save) => {
      const { chosen, slope } = againstOneHot(logits, labels);
      save([tf.div(slope, divisor)]);
      return tf.div(tf.neg(tf.sum(chosen)), divisor);
    },
    backward: (dy, [gradient]) => ({ logits: () => tf.mul(gradient!, dy) }),
  });
}

function checkedLabels(where: string, logits: tf.Tensor2D, targets: ArrayLike<number>): Int32Array {
  const [rows, classes] = logits.shape;
  assertSameLength(`${where}: targets`, targets.length, rows);
  const labels = Int32Array.from(targets);
  labels.forEach((label, row) => {
    if (label < 0 || label >= classes)
      throw new DataError(`${where}: target ${row} must lie in 0 … ${classes - 1}; got ${label}.`, { row, label });
  });
  return labels;
}

/**
 * TensorFlow's kernel takes about 10 ns a logit, which begins to show here. Below it, as in the replicas' trainings, results
 * stay TensorFlow's, to the bit.
 */
const MANY = 2 ** 19;

/** One kernel each way, without a second array as large as the logits. */
function fromManyLogits(logits: tf.Tensor2D, labels: Int32Array): tf.Tensor1D {
  return runFused<tf.Tensor1D>({
    inputs: { logits },
    forward: (save) => {
      const classes = tf.tensor1d(Float32Array.from(labels)); // kernels take floats
      const [loss, level] = runNativeKernel("JomedCrossEntropy", {}, [logits, classes], 2);
      save([logits, classes, level!]);
      return loss as tf.Tensor1D;
    },
    backward: (dy, saved) => ({
      logits: () => runNativeKernel("JomedCrossEntropyGradient", {}, [dy, ...saved], 1)[0]!,
    }),
  });
}

/** Losses [n] and softmax - one-hot [n, C]. */
type LossAndSlope = readonly [loss: tf.Tensor1D, slope: tf.Tensor2D];

function native(logits: tf.Tensor2D, labels: Int32Array): LossAndSlope {
  const types = { T: { type: "float" }, Tlabels: { type: "int32" } } as const;
  const inputs = [logits, tf.tensor1d(labels, "int32")];
  const [loss, slope] = runNativeKernel("SparseSoftmaxCrossEntropyWithLogits", types, inputs, 2);
  return [loss as tf.Tensor1D, slope as tf.Tensor2D];
}

function plain(logits: tf.Tensor2D, labels: Int32Array): LossAndSlope {
  const { chosen, slope } = againstOneHot(logits, labels);
  return [tf.neg(tf.sum(chosen, 1)), slope];
}

/** Each target's log-probability in its place, 0 elsewhere, and softmax - one-hot; both [n, C]. */
function againstOneHot(logits: tf.Tensor2D, labels: Int32Array): { chosen: tf.Tensor2D; slope: tf.Tensor2D } {
  const oneHot = tf.cast(tf.oneHot(tf.tensor1d(labels, "int32"), logits.shape[1]), "float32") as tf.Tensor2D; // [n, C]
  const logProbabilities = tf.logSoftmax(logits); // [n, C]
  return { chosen: tf.mul(oneHot, logProbabilities), slope: tf.sub(tf.exp(logProbabilities), oneHot) };
}
