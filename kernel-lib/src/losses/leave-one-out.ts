import { logSoftmax, logSumExp } from "../base/softmax";
import type { Matrix } from "../base/types";
import { klToRetriever } from "./contrastive-kl";
import {
  assertPair,
  DISTILLATION_OPTIONS,
  type LossResult,
  lossByRow,
  type OptionsOf,
  oneOf,
  type RetrieverLoss,
  rowOf,
  settleOptions,
} from "./retriever-loss";

/** How the candidates that stay are averaged: equally, or by the retriever's probabilities (held constant), as inference does. */
const LEFT_WEIGHTS = ["equal", "retriever"] as const;

const OPTIONS = {
  ...DISTILLATION_OPTIONS,
  /** Default "equal": ATLAS's reader is not told the retriever's scores. */
  leftWeights: oneOf(LEFT_WEIGHTS, "equal"),
} as const;
export type LeaveOneOutOptions = OptionsOf<typeof OPTIONS>;

/**
 * Leave-one-out distillation (LOOP): the retriever is drawn to the candidates whose absence makes the answer less likely.
 *
 * Paper: arXiv 2208.03299 §2.2: p_k ∝ exp(-log p_LM(a | D without d_k, q)); L = KL(p ‖ p_RETR).
 * Deviation: ATLAS's reader reads the other K - 1 together; here each is read alone, and their likelihoods are averaged:
 * p(a | D without d_k) = Σ_{j≠k} w_j p(a | d_j). With K = 1 nothing is left to compare, and the loss is 0.
 * Shapes: scores [B, K]; answerLogLikelihood [B, K] (nats) -> number (nats).
 * Gradient: flows to scores only.
 *
 * @throws ShapeError when the shapes differ. NumericError on NaN or ±Infinity. ConfigError on an unknown option.
 */
export function leaveOneOut(scores: Matrix, answerLogLikelihood: Matrix, options: LeaveOneOutOptions = {}): LossResult {
  const settled = settleOptions("leaveOneOut", OPTIONS, options);
  assertPair("leaveOneOut", scores, "answerLogLikelihood", answerLogLikelihood);
  return lossByRow(scores, settled, (row, retrieverLog) => {
    const weightLog = settled.leftWeights === "equal" ? retrieverLog.map(() => 0) : retrieverLog;
    const left = likelihoodWithoutEach(rowOf(answerLogLikelihood, row), weightLog); // [K]
    const missed = left.map((value) => -value); // [K], large where the answer misses this candidate
    return klToRetriever(logSoftmax(missed, settled.targetTemperature), retrieverLog);
  });
}

/**
 * Log-likelihood of the answer without each candidate in turn, the others averaged by their weights.
 *
 * Shapes: logLikelihood [K] (nats), weightLog [K] (logarithms of weights, any sum) -> [K]. With K = 1: [0].
 * Sums are taken around each candidate, not as "total minus its own", so nothing cancels where one candidate dominates.
 */
export function likelihoodWithoutEach(logLikelihood: ArrayLike<number>, weightLog: ArrayLike<number>): Float64Array {
  const numCandidates = logLikelihood.length;
  if (numCandidates === 1) return Float64Array.of(0);
  const joint = Float64Array.from({ length: numCandidates }, (_, k) => weightLog[k]! + logLikelihood[k]!);
  const [likelihood, weight] = [sumWithoutEach(joint), sumWithoutEach(weightLog)];
  return likelihood.map((value, k) => value - weight[k]!);
}

/** log Σ_{j≠k} exp(values_j) for each k, [K], K >= 2. */
function sumWithoutEach(values: ArrayLike<number>): Float64Array {
  const last = values.length - 1;
  const [before, after] = [new Float64Array(last + 1), new Float64Array(last + 1)];
  before[0] = Number.NEGATIVE_INFINITY;
  after[last] = Number.NEGATIVE_INFINITY;
  for (let k = 1; k <= last; k++) {
    before[k] = logSumExp([before[k - 1]!, values[k - 1]!]);
    after[last - k] = logSumExp([after[last - k + 1]!, values[last - k + 1]!]);
  }
  return before.map((value, k) => logSumExp([value, after[k]!]));
}

/** ATLAS's LOOP: what the answer loses without a candidate. */
export const leaveOneOutLoss = {
  name: "leaveOneOut",
  needs: ["answerLogLikelihood"],
  options: OPTIONS,
  evaluate: (scores, { answerLogLikelihood }, options) => leaveOneOut(scores, answerLogLikelihood, options),
} as const satisfies RetrieverLoss<"answerLogLikelihood", typeof OPTIONS>;
