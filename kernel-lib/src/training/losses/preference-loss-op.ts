import * as tf from "@tensorflow/tfjs-core";
import type { Matrix } from "../../base/types";
import { runFused } from "../../compute/fused-op";
import type { PreferenceLoss } from "./preference-loss";

/**
 * A hand-written loss on scores, as an operation of the gradient tape.
 *
 * Shapes: scores [B, K] -> scalar (nats).
 * Gradient: the loss's own, to scores only.
 *
 * @param evaluate e.g. `(scores) => contrastiveKl(scores, gold)`.
 */
export function preferenceLossOp(scores: tf.Tensor2D, evaluate: (scores: Matrix) => PreferenceLoss): tf.Scalar {
  const [rows, cols] = scores.shape;
  return runFused<tf.Scalar>({
    inputs: { scores },
    forward: (save) => {
      const loss = evaluate({ data: scores.dataSync() as Float32Array, rows, cols });
      save([tf.tensor2d(loss.gradient.data, [rows, cols])]);
      return tf.scalar(loss.value);
    },
    backward: (dy, [gradient]) => ({ scores: () => tf.mul(gradient!, dy) }),
  });
}
