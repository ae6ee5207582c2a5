import * as tf from "@tensorflow/tfjs-core";
import { assertSameLength } from "../../base/check";
import { DataError } from "../../base/errors";
import { runFused } from "../fused-op";
import { hasNativeKernels, runNativeKernel } from "../native-kernels";

/**
 * Softmax cross-entropy of each row against its target: -log softmax(logits)[target], in nats.
 *
 * Shapes: logits [n, C], targets [n] -> [n]. Gradient: flows to logits. One kernel on the native engine.
 *
 * @throws ShapeError when the lengths differ. DataError when a target is outside 0 … C-1.
 */
export function crossEntropy(logits: tf.Tensor2D, targets: ArrayLike<number>): tf.Tensor1D {
  const [rows, classes] = logits.shape;
  assertSameLength("crossEntropy: targets", targets.length, rows);
  const labels = Int32Array.from(targets);
  labels.forEach((label, row) => {
    if (label < 0 || label >= classes)
      throw new DataError(`crossEntropy: target ${row} must lie in 0 … ${classes - 1}; got ${label}.`, { row, label });
  });
  if (hasNativeKernels() && logits.size >= MANY) return fromManyLogits(logits, labels);
  return runFused<tf.Tensor1D>({
    inputs: { logits },
    forward: (save) => {
      const labelTensor = tf.tensor1d(labels, "int32");
      const [loss, slope] = tf.getBackend() === "tensorflow" ? native(logits, labelTensor) : plain(logits, labelTensor);
      save([slope]);
      return loss;
    },
    backward: (dy, [slope]) => ({ logits: () => tf.mul(slope!, tf.expandDims(dy, 1)) }),
  });
}

/**
 * TensorFlow's kernel takes about 10 ns a logit, which begins to show here. Below it, as in the readers' trainings, results
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

type LossAndSlope = readonly [loss: tf.Tensor1D, slope: tf.Tensor2D];

interface NativeBackend {
  readonly binding: Readonly<Record<"TF_ATTR_TYPE" | "TF_FLOAT" | "TF_INT32", number>>;
  executeMultipleOutputs(name: string, attributes: object[], inputs: tf.Tensor[], outputs: number): tf.Tensor[];
}

function native(logits: tf.Tensor2D, labels: tf.Tensor1D): LossAndSlope {
  const backend = tf.backend() as unknown as NativeBackend;
  const { TF_ATTR_TYPE: type, TF_FLOAT, TF_INT32 } = backend.binding;
  const attributes = [
    { name: "T", type, value: TF_FLOAT },
    { name: "Tlabels", type, value: TF_INT32 },
  ];
  const name = "SparseSoftmaxCrossEntropyWithLogits";
  return backend.executeMultipleOutputs(name, attributes, [logits, labels], 2) as unknown as LossAndSlope;
}

function plain(logits: tf.Tensor2D, labels: tf.Tensor1D): LossAndSlope {
  const chosen = tf.cast(tf.oneHot(labels, logits.shape[1]), "float32"); // [n, C]
  const logProbabilities = tf.logSoftmax(logits);
  const loss = tf.neg(tf.sum(tf.mul(chosen, logProbabilities), 1));
  return [loss, tf.sub(tf.exp(logProbabilities), chosen)] as unknown as LossAndSlope;
}
