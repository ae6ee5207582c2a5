import * as tf from "@tensorflow/tfjs-core";
import { assertFinite, assertInRange, assertInteger, assertSameLength } from "../base/check";
import { ShapeError } from "../base/errors";
import { sum } from "../base/numbers";
import { crossEntropy } from "../compute/ops/cross-entropy";
import { runFused } from "../compute/ops/fused-op";

/** Log-likelihoods of the two answers of n pairs, each [n] (nats, summed over an answer's tokens). */
export interface PairLikelihoods {
  readonly chosen: ArrayLike<number>;
  readonly rejected: ArrayLike<number>;
}

export interface DirectPreferenceOptions {
  /** How dear a step away from the reference is, > 0. Default 0.1 (the usual one). */
  readonly beta?: number;
  /** Share of the pairs that are taken to be the wrong way round, in [0, 0.5). Default 0. */
  readonly labelSmoothing?: number;
}

/** Value, mean over the pairs, and its gradient for both likelihoods of the policy, each [n]. */
export interface DirectPreferenceResult {
  readonly value: number;
  readonly gradient: { readonly chosen: Float64Array; readonly rejected: Float64Array };
  /** beta times what each pair's distance has grown against the reference, [n]: above 0 the chosen answer has gained. */
  readonly margins: Float64Array;
}

/** -log sigmoid(x), in nats, without overflow. */
const negativeLogSigmoid = (x: number): number => Math.max(0, -x) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number): number => Math.exp(-negativeLogSigmoid(x));

/**
 * Direct preference optimisation: the chosen answer is to gain more likelihood against a frozen reference than the rejected one.
 *
 * Paper: arXiv 2305.18290, equation 7, with h_i = beta [(log π(c_i) - log π_ref(c_i)) - (log π(r_i) - log π_ref(r_i))]:
 * L = -mean_i [(1 - ε) log σ(h_i) + ε log σ(-h_i)]; ε = 0 is the paper's, others are conservative DPO (loss_type "sigmoid" of TRL).
 * Gradient: flows to the policy's likelihoods: dL/dlog π(c_i) = beta [ε - σ(-h_i)] / n, minus that for r_i.
 *
 * @throws ShapeError when lengths differ or there is no pair. NumericError on NaN or ±Infinity. ConfigError on an option.
 * @example directPreference({ chosen: [-1], rejected: [-1] }, { chosen: [-1], rejected: [-1] }).value   // ln 2
 */
export function directPreference(
  policy: PairLikelihoods,
  reference: PairLikelihoods,
  { beta = 0.1, labelSmoothing = 0 }: DirectPreferenceOptions = {},
): DirectPreferenceResult {
  assertInRange("directPreference: beta", beta, 1e-6, 1e6);
  assertInRange("directPreference: labelSmoothing", labelSmoothing, 0, 0.4999);
  const count = policy.chosen.length;
  if (count === 0) throw new ShapeError("directPreference: policy must hold at least one pair; got none.");
  for (const [name, { chosen, rejected }] of Object.entries({ policy, reference })) {
    assertSameLength(`directPreference: ${name}.chosen`, chosen.length, count);
    assertSameLength(`directPreference: ${name}.rejected`, rejected.length, count);
    assertFinite(`directPreference: ${name}.chosen`, chosen);
    assertFinite(`directPreference: ${name}.rejected`, rejected);
  }
  const margins = Float64Array.from({ length: count }, (_, i) => {
    const [won, lost] = [policy.chosen[i]! - reference.chosen[i]!, policy.rejected[i]! - reference.rejected[i]!];
    return beta * (won - lost);
  });
  const losses = margins.map(
    (h) => (1 - labelSmoothing) * negativeLogSigmoid(h) + labelSmoothing * negativeLogSigmoid(-h),
  );
  const chosen = margins.map((h) => (beta * (labelSmoothing - sigmoid(-h))) / count);
  const value = sum(losses) / count;
  return { value, gradient: { chosen, rejected: chosen.map((slope) => -slope) }, margins };
}

/**
 * Log-likelihood of each row's answer.
 *
 * Shapes: logits [n, V] at the n answer positions, targets [n], rowOf [n] (which of the B rows a token is of) -> [B] (nats).
 * Gradient: to logits.
 *
 * @throws ShapeError when lengths differ. ConfigError on numRows.
 */
export function answerLikelihoods(
  logits: tf.Tensor2D,
  targets: Int32Array,
  rowOf: readonly number[],
  numRows: number,
): tf.Tensor1D {
  assertSameLength("answerLikelihoods: rowOf", rowOf.length, targets.length);
  assertInteger("answerLikelihoods: numRows", numRows, 1);
  const belongs = new Float32Array(numRows * rowOf.length); // [B, n]
  rowOf.forEach((row, token) => {
    belongs[row * rowOf.length + token] = -1;
  });
  return tf.tidy(() => {
    const losses = tf.expandDims<tf.Tensor2D>(crossEntropy(logits, targets), 1); // [n, 1]
    return tf.reshape(tf.matMul(tf.tensor2d(belongs, [numRows, rowOf.length]), losses), [numRows]);
  });
}

/**
 * The preference loss as an operation of the gradient tape: of 2n log-likelihoods, the chosen answers' first, then the rejected ones'.
 *
 * Shapes: likelihoods [2n], reference n pairs -> scalar (nats). Gradient: `directPreference`'s.
 */
export function directPreferenceOp(
  likelihoods: tf.Tensor1D,
  reference: PairLikelihoods,
  options: DirectPreferenceOptions = {},
): tf.Scalar {
  return runFused<tf.Scalar>({
    inputs: { likelihoods },
    forward: (save) => {
      const values = likelihoods.dataSync() as Float32Array;
      const half = values.length / 2;
      const policy = { chosen: values.subarray(0, half), rejected: values.subarray(half) };
      const { value, gradient } = directPreference(policy, reference, options);
      save([tf.tensor1d([...gradient.chosen, ...gradient.rejected])]);
      return tf.scalar(value);
    },
    backward: (dy, [gradient]) => ({ likelihoods: () => tf.mul(gradient!, dy) }),
  });
}
