import { logSoftmax } from "../base/softmax";
import type { Matrix } from "../base/types";
import {
  assertPair,
  type DistillationOptions,
  klToRetriever,
  type PreferenceLoss,
  resolveLossOptions,
  rowOf,
} from "./preference-loss";

export type AttentionDistillationOptions = DistillationOptions;

/**
 * Attention distillation (ADist): the retriever is drawn to the candidates the reader looks at, right answer or not.
 *
 * Paper: arXiv 2208.03299 §2.2: L = KL(softmax(attention) ‖ p_RETR), the attention averaged over heads, layers and tokens.
 * Deviation: a reader that sees one candidate per pass divides no attention between candidates. The retriever stage therefore
 * passes `readerReliance`, how far a candidate moves the answer from the closed-book one; the function takes any [B, K].
 * Shapes: scores [B, K]; attention [B, K] (unbounded) -> number (nats).
 * Gradient: flows to scores only.
 *
 * @throws ShapeError when the shapes differ. NumericError on NaN or ±Infinity. ConfigError on an unknown option.
 */
export function attentionDistillation(
  scores: Matrix,
  attention: Matrix,
  options: AttentionDistillationOptions = {},
): PreferenceLoss {
  const resolved = resolveLossOptions("attentionDistillation", options);
  assertPair("attentionDistillation", scores, "attention", attention);
  return klToRetriever(scores, resolved, (row) => logSoftmax(rowOf(attention, row), resolved.targetTemperature));
}

/**
 * How much the reader relies on a candidate: KL(p(· | z, q) ‖ p(· | q)) over the labels, the closed-book answer as the baseline.
 * The documented stand-in for attention: large where the candidate changed the reader's mind, whichever way; 0 where it was ignored.
 *
 * Shapes: withCandidate [C], closedBook [C] (mean logits of the labels) -> number (nats, >= 0).
 *
 * @throws NumericError when no logit is finite.
 * @example readerReliance([1, 1], [3, 3])   // 0
 */
export function readerReliance(withCandidate: ArrayLike<number>, closedBook: ArrayLike<number>): number {
  const [after, before] = [logSoftmax(withCandidate), logSoftmax(closedBook)];
  let divergence = 0;
  after.forEach((log, c) => {
    const p = Math.exp(log);
    if (p > 0) divergence += p * (log - before[c]!);
  });
  return Math.max(0, divergence); // rounding can leave -1e-17
}
