import { assertInteger, assertOneOf } from "../base/check";
import { ShapeError } from "../base/errors";
import { logSoftmax } from "../base/softmax";
import type { Matrix } from "../base/types";
import {
  assertPair,
  DISTILLATION_OPTIONS,
  type LossResult,
  lossByRow,
  type OptionsOf,
  oneOf,
  type RetrieverLoss,
  type RowLoss,
  rowOf,
  settleOptions,
} from "./retriever-loss";

/*
 * The paper's loss of the retriever stage (arXiv 2508.17394v3, retriever fine-tuning), for a query q with true answer a and
 * candidates z_1 … z_K; l_c is the mean logit of the tokens of label c, s_k the score of a candidate:
 *
 *   preference   gold_k     = log softmax_c(l(z_k, q))[a]                       minus the cross-entropy with the true label
 *   retriever    p_RETR     = softmax(s / tau)
 *   target       p_LVLM^C   = softmax(log_softmax(gold) + log_softmax(s / tau)) the preference times the retriever's prior
 *   loss         L          = KL(p_LVLM^C ‖ p_RETR) = Σ_k p_LVLM^C(z_k) · log(p_LVLM^C(z_k) / p_RETR(z_k))
 *
 * Where the reference code differs, both are named options: PREFERENCE_SOFTMAXES, PRIORS, TEMPERINGS, REDUCTIONS.
 */

// ---- preference: gold_k ----------------------------------------------------------------------------------------------------

/** "once": log-probability of the true label (paper). "twice": the reference code's cross-entropy of probabilities, softmax over softmax. */
export const PREFERENCE_SOFTMAXES = ["once", "twice"] as const;
export type PreferenceSoftmax = (typeof PREFERENCE_SOFTMAXES)[number];

/**
 * How strongly the reader, given one passage, prefers the true label to the others: gold_k = log softmax_c(l)[a].
 *
 * Several true labels (multi-label tasks): each is contrasted with the labels that are not true, and the mean is taken.
 *
 * Paper: arXiv 2508.17394v3, retriever fine-tuning.  Deviation: none with "once" and one label; the code is "twice"; the paper does
 * not say how it treats several labels.
 * Shapes: meanLogits [C] (the mean logit of each label's tokens) -> number (nats, <= 0).
 *
 * @param trueLabels one label, or all that are true.
 * @param softmax Default "once". With "twice" the result lies within [-ln(C - 1 + e), -ln(1 + (C - 1) / e)]: a weaker preference.
 * @throws ConfigError when a true label is no index into meanLogits. ShapeError without one. NumericError when no logit is finite.
 * @example readerPreference([2, 0], 0)   // -0.1269 = ln 0.8808
 */
export function readerPreference(
  meanLogits: ArrayLike<number>,
  trueLabels: number | readonly number[],
  softmax: PreferenceSoftmax = "once",
): number {
  assertOneOf("readerPreference: softmax", softmax, PREFERENCE_SOFTMAXES);
  const wanted = typeof trueLabels === "number" ? [trueLabels] : trueLabels;
  const contrasts = contrastLabels("readerPreference", meanLogits, wanted);
  const sum = contrasts.reduce((total, { logProbabilities }) => {
    const log = softmax === "once" ? logProbabilities : logSoftmax(logProbabilities.map(Math.exp));
    return total + log[0]!;
  }, 0);
  return sum / contrasts.length;
}

/** One true label against the labels that are not true. */
interface LabelContrast {
  /** Positions in the task's labels; the true label is the first. */
  readonly labels: readonly number[];
  /** Log-softmax of the logits at those positions. */
  readonly logProbabilities: Float64Array;
}

/**
 * Each true label against the labels that are not true. True labels do not compete with one another: "pneumonia, effusion"
 * is no worse an answer for holding both. With one true label it is the softmax over all labels.
 *
 * Shapes: logits [C], T true labels -> T contrasts of C - T + 1 labels.
 *
 * @throws ShapeError without a true label. ConfigError when one is no index into logits. NumericError when no logit is finite.
 */
export function contrastLabels(
  where: string,
  logits: ArrayLike<number>,
  trueLabels: readonly number[],
): LabelContrast[] {
  if (trueLabels.length === 0) {
    throw new ShapeError(
      `${where}: trueLabels must hold at least one label; got none. Use the likelihood of the written answer there.`,
    );
  }
  for (const label of trueLabels) assertInteger(`${where}: trueLabel`, label, 0, logits.length - 1);
  const isTrue = new Set(trueLabels);
  const others = Array.from({ length: logits.length }, (_, label) => label).filter((label) => !isTrue.has(label));
  return [...isTrue].map((label) => {
    const labels = [label, ...others];
    return { labels, logProbabilities: logSoftmax(labels.map((each) => logits[each]!)) };
  });
}

// ---- target: p_LVLM^C ------------------------------------------------------------------------------------------------------

/** "on": the target is the reader's preference times the retriever's own distribution (paper). "off": the preference alone. */
const PRIORS = ["on", "off"] as const;
export type Prior = (typeof PRIORS)[number];

/**
 * What the temperatures act on where the target has a prior. "factors": the preference is softened by targetTemperature, the prior
 * by the retriever's own temperature. "product": neither is, and their product is softened by targetTemperature (reference code).
 * With both temperatures 1, or without a prior, the two are one.
 */
const TEMPERINGS = ["factors", "product"] as const;

interface TargetOptions {
  readonly prior: Prior;
  readonly tempering: (typeof TEMPERINGS)[number];
  readonly targetTemperature: number;
}

/** log p_LVLM^C of one query: preference [K] (nats), scores [K], retrieverLog = log_softmax(s / tau) [K] -> [K]. */
function contrastiveTarget(
  preference: ArrayLike<number>,
  scores: ArrayLike<number>,
  retrieverLog: Float64Array,
  { prior, tempering, targetTemperature }: TargetOptions,
): Float64Array {
  if (prior === "off") return logSoftmax(preference, targetTemperature);
  const [readerLog, priorLog, outer] =
    tempering === "product"
      ? [logSoftmax(preference), logSoftmax(scores), targetTemperature]
      : [logSoftmax(preference, targetTemperature), retrieverLog, 1];
  return logSoftmax(
    readerLog.map((log, k) => log + priorLog[k]!), // [K]
    outer,
  );
}

// ---- loss: KL(target ‖ p_RETR) ---------------------------------------------------------------------------------------------

/**
 * KL(target ‖ retriever) = Σ_k target_k · log(target_k / retriever_k) of one query, the target held constant.
 *
 * Shapes: logarithms of both, [K]. The gradient for s / tau is retriever - target.
 */
export function klToRetriever(targetLog: Float64Array, retrieverLog: Float64Array): RowLoss {
  let value = 0;
  targetLog.forEach((log, k) => {
    const wanted = Math.exp(log);
    if (wanted > 0) value += wanted * (log - retrieverLog[k]!);
  });
  const gradient = retrieverLog.map((log, k) => Math.exp(log) - Math.exp(targetLog[k]!)); // [K]
  return { value, targetLog, gradient };
}

const OPTIONS = {
  ...DISTILLATION_OPTIONS,
  /** Default "on" (paper; the reference code's `add_prior_to_gold_score`). */
  prior: oneOf(PRIORS, "on"),
  /** Default "factors"; "product" is the reference code's. */
  tempering: oneOf(TEMPERINGS, "factors"),
} as const;
export type ContrastiveKlOptions = OptionsOf<typeof OPTIONS>;

/**
 * How far the retriever is from the reader's contrastive preference over K candidates.
 *
 * Paper: arXiv 2508.17394v3, retriever fine-tuning: L = KL(p_LVLM^C ‖ p_RETR), the equation at the head of this file.
 * Deviation: none with the defaults; the reference code is { reduction: "dividedByK", tempering: "product" } and a
 * preference with softmax "twice".
 * Shapes: scores [B, K]; preference [B, K] (nats, of `readerPreference`) -> number (nats, mean over B, not over K).
 * Gradient: flows to scores only; the target, the prior in it included, is treated as constant.
 *
 * @throws ShapeError when the shapes differ. NumericError on NaN or ±Infinity. ConfigError on an unknown option.
 * @example
 * contrastiveKl({ data: Float32Array.of(2, 0), rows: 1, cols: 2 }, { data: new Float32Array(2), rows: 1, cols: 2 }, { prior: "off" }).value
 * // 0.4338: ½·ln(½/0.8808) + ½·ln(½/0.1192)
 */
export function contrastiveKl(scores: Matrix, preference: Matrix, options: ContrastiveKlOptions = {}): LossResult {
  const settled = settleOptions("contrastiveKl", OPTIONS, options);
  assertPair("contrastiveKl", scores, "preference", preference);
  return lossByRow(scores, settled, (row, retrieverLog) =>
    klToRetriever(contrastiveTarget(rowOf(preference, row), rowOf(scores, row), retrieverLog, settled), retrieverLog),
  );
}

/** The paper's loss: KL from the reader's preference between labels, times the retriever's prior. */
export const contrastiveLoss = {
  name: "contrastive",
  needs: ["preference"],
  options: OPTIONS,
  evaluate: (scores, { preference }, options) => contrastiveKl(scores, preference, options),
} as const satisfies RetrieverLoss<"preference", typeof OPTIONS>;
