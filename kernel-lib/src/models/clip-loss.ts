import * as tf from "@tensorflow/tfjs-core";
import { assertShape } from "../base/check";
import { crossEntropy } from "../compute/ops/cross-entropy";

/**
 * Symmetric contrastive loss (InfoNCE, as CLIP): each image picks its text among the batch, and each text its image.
 *
 * Shapes: images and texts [B, D] of length 1, row i of both belongs together; logitScale [] is the logarithm of the
 * inverse temperature -> scalar (nats). Gradient: flows to all three.
 *
 * @throws ShapeError when the two shapes differ.
 */
export function contrastiveLoss(images: tf.Tensor2D, texts: tf.Tensor2D, logitScale: tf.Tensor): tf.Scalar {
  assertShape("contrastiveLoss: texts", texts.shape, images.shape);
  return tf.tidy(() => {
    const logits = tf.mul(tf.matMul(images, texts, false, true), tf.exp(logitScale)) as tf.Tensor2D; // [B, B]
    const own = Int32Array.from({ length: images.shape[0] }, (_, row) => row);
    const sum = tf.add(tf.mean(crossEntropy(logits, own)), tf.mean(crossEntropy(tf.transpose(logits), own)));
    return tf.mul(sum, 0.5) as tf.Scalar;
  });
}
