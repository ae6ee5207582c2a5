import * as tf from "@tensorflow/tfjs-core";
import { assertInteger, assertSameLength } from "../base/check";
import { runFused } from "../compute/fused-op";

/**
 * Negative log-likelihood of answers, the loss of the reader stage.
 *
 * Paper: arXiv 2508.17394v3, reader fine-tuning: L = -Σ log p(a | z ∘ q), over the answer's tokens only.
 * Deviation: mean over answers, so that the learning rate does not depend on the batch size.
 * Shapes: logits [n, V] at the n answer positions, targets [n] -> scalar (nats per answer).
 * Gradient: to logits, (softmax - one-hot) / numAnswers.
 *
 * @param numAnswers answers the n tokens belong to, >= 1.
 * @throws ShapeError when there is not one target per row. ConfigError on numAnswers.
 */
export function answerNll(logits: tf.Tensor2D, targets: Int32Array, numAnswers: number): tf.Scalar {
  assertSameLength("answerNll: targets", targets.length, logits.shape[0]);
  assertInteger("answerNll: numAnswers", numAnswers, 1);
  const vocabSize = logits.shape[1];
  return runFused<tf.Scalar>({
    inputs: { logits },
    forward: (save) => {
      const wanted = tf.oneHot(tf.tensor1d(targets, "int32"), vocabSize); // [n, V]
      const logProbabilities = tf.logSoftmax(logits); // [n, V]
      save([tf.div(tf.sub(tf.exp(logProbabilities), wanted), numAnswers)]);
      return tf.div(tf.neg(tf.sum(tf.mul(wanted, logProbabilities))), numAnswers);
    },
    backward: (dy, [gradient]) => ({ logits: () => tf.mul(gradient!, dy) }),
  });
}
