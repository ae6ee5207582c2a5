import type * as tf from "@tensorflow/tfjs-core";
import { assertInteger, assertSameLength } from "../base/check";
import { totalCrossEntropy } from "../compute/ops/cross-entropy";

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
  return totalCrossEntropy(logits, targets, numAnswers);
}
