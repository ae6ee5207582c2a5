import { logSoftmax, logSumExp } from "../base/softmax";
import type { Matrix } from "../base/types";
import {
  assertPair,
  LOSS_OPTIONS,
  type LossResult,
  lossByRow,
  type OptionsOf,
  type RetrieverLoss,
  rowOf,
  settleOptions,
} from "./retriever-loss";

export type Emdr2Options = OptionsOf<typeof LOSS_OPTIONS>;

/**
 * EMDR2: the candidates are a hidden variable, and the retriever maximises the answer's marginal likelihood.
 *
 * Paper: arXiv 2106.05346; as ATLAS writes it (arXiv 2208.03299 §2.2): L = -log Σ_k p_LM(a | d_k, q) p_RETR(d_k | q).
 * Deviation: D13; here, as in both papers, the candidate is hidden once for the whole answer. ATLAS's code hides it anew for each
 * token: -(1/T) Σ_t log Σ_k p_LM(a_t | a_<t, d_k, q) p_RETR(d_k | q). For answers of one token the two are one.
 * Shapes: scores [B, K]; answerLogLikelihood [B, K] (nats) -> number (nats). `target` is the posterior p(d_k | a, q).
 * Gradient: flows to scores only, (p_RETR - posterior) / temperature: that of a KL to the posterior held constant.
 *
 * @throws ShapeError when the shapes differ. NumericError on NaN or ±Infinity. ConfigError on an unknown option.
 * @example
 * // two candidates, equal scores, likelihoods 1/2 and 1/4: -ln(½·½ + ½·¼) = 0.9808
 */
export function emdr2(scores: Matrix, answerLogLikelihood: Matrix, options: Emdr2Options = {}): LossResult {
  const settled = settleOptions("emdr2", LOSS_OPTIONS, options);
  assertPair("emdr2", scores, "answerLogLikelihood", answerLogLikelihood);
  return lossByRow(scores, settled, (row, retrieverLog) => {
    const likelihood = rowOf(answerLogLikelihood, row);
    const joint = retrieverLog.map((log, k) => log + likelihood[k]!); // [K]
    const targetLog = logSoftmax(joint); // [K], the posterior
    const gradient = retrieverLog.map((log, k) => Math.exp(log) - Math.exp(targetLog[k]!)); // [K]
    return { value: -logSumExp(joint), targetLog, gradient };
  });
}

/** The answer's marginal likelihood, as ATLAS has it. */
export const emdr2Loss = {
  name: "emdr2",
  needs: ["answerLogLikelihood"],
  options: LOSS_OPTIONS,
  evaluate: (scores, { answerLogLikelihood }, options) => emdr2(scores, answerLogLikelihood, options),
} as const satisfies RetrieverLoss<"answerLogLikelihood", typeof LOSS_OPTIONS>;
