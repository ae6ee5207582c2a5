import { assertOneOf } from "../base/check";
import { ConfigError } from "../base/errors";
import type { Matrix } from "../base/types";
import type { ReaderJudgement } from "../training/judge-candidates";
import { attentionDistillation } from "./attention-distillation";
import { contrastiveKl, type Prior } from "./contrastive-kl";
import { emdr2 } from "./emdr2";
import { type LeftWeights, leaveOneOut } from "./leave-one-out";
import { perplexityDistillation } from "./perplexity-distillation";
import type { PreferenceLoss, Reduction } from "./preference-loss";
import { type Gate, revealMarginal } from "./reveal-marginal";

/**
 * - "contrastive": the paper's, KL from the reader's preference between labels.
 * - "perplexityDistillation": the paper's ablation, ATLAS's PDist.
 * - "emdr2", "leaveOneOut", "attentionDistillation": ATLAS's others; the last reads each query closed-book once more.
 * - "reveal": REVEAL's marginal likelihood with gated candidates.
 */
export const RETRIEVER_LOSSES = [
  "contrastive",
  "perplexityDistillation",
  "emdr2",
  "leaveOneOut",
  "attentionDistillation",
  "reveal",
] as const;
export type RetrieverLoss = (typeof RETRIEVER_LOSSES)[number];

/** Which loss of the retriever stage, and its own options. The paper's values are the defaults. */
export interface RetrieverLossOptions {
  /** Default "contrastive" (paper). */
  readonly loss?: RetrieverLoss | undefined;
  /** Temperature of the retriever's softmax. Default 1 (paper). */
  readonly temperature?: number | undefined;
  /** Temperature of the reader's distribution over the candidates; not of "emdr2" and "reveal". Default 1 (paper). */
  readonly targetTemperature?: number | undefined;
  /** Default "batchMean" (paper); "dividedByK" is the reference code's. */
  readonly reduction?: Reduction | undefined;
  /** Of "contrastive" only. Default "on" (paper). */
  readonly prior?: Prior | undefined;
  /** Of "leaveOneOut" only. Default "equal" (ATLAS). */
  readonly leftWeights?: LeftWeights | undefined;
  /** Of "reveal" only. Default "logits" (REVEAL). */
  readonly gate?: Gate | undefined;
}

/** The loss's part of a larger set of options. */
export function lossOptionsOf(options: RetrieverLossOptions): RetrieverLossOptions {
  const { loss, temperature, targetTemperature, reduction, prior, leftWeights, gate } = options;
  return { loss, temperature, targetTemperature, reduction, prior, leftWeights, gate };
}

/** Options that belong to some losses only, and to which. */
const OWN: Readonly<Partial<Record<keyof RetrieverLossOptions, readonly RetrieverLoss[]>>> = {
  prior: ["contrastive"],
  leftWeights: ["leaveOneOut"],
  gate: ["reveal"],
  targetTemperature: ["contrastive", "perplexityDistillation", "leaveOneOut", "attentionDistillation"],
};

/** Throws ConfigError on an unknown loss, or an option that the loss would not read. */
export function assertLossOptions(where: string, options: RetrieverLossOptions): void {
  const { loss = "contrastive" } = options;
  assertOneOf(`${where}: loss`, loss, RETRIEVER_LOSSES);
  for (const [name, losses] of Object.entries(OWN)) {
    const value = options[name as keyof RetrieverLossOptions];
    if (value === undefined || losses.includes(loss)) continue;
    throw new ConfigError(
      `${where}: ${name} must be left out with loss "${loss}"; got ${JSON.stringify(value)}. It belongs to ${losses.join(", ")}.`,
      { loss, [name]: value },
    );
  }
}

/**
 * The named loss of scores [B, K] against what the reader said.
 *
 * @throws ConfigError on an unknown loss, an option of another loss, or "reveal" and "attentionDistillation" where the judgement
 * lacks what they need (see judgeCandidates).
 */
export function retrieverLoss(
  scores: Matrix,
  judgement: ReaderJudgement,
  options: RetrieverLossOptions = {},
): PreferenceLoss {
  assertLossOptions("retrieverLoss", options);
  const { loss = "contrastive", temperature = 1, targetTemperature = 1, reduction = "batchMean" } = options;
  const softmax = { temperature, reduction };
  const distillation = { ...softmax, targetTemperature };
  const losses: Readonly<Record<RetrieverLoss, () => PreferenceLoss>> = {
    contrastive: () => contrastiveKl(scores, judgement.gold, { ...distillation, prior: options.prior ?? "on" }),
    perplexityDistillation: () => perplexityDistillation(scores, judgement.answerLogLikelihood, distillation),
    emdr2: () => emdr2(scores, judgement.answerLogLikelihood, softmax),
    leaveOneOut: () =>
      leaveOneOut(scores, judgement.answerLogLikelihood, { ...distillation, weights: options.leftWeights ?? "equal" }),
    attentionDistillation: () =>
      attentionDistillation(scores, needed(loss, "reliance", judgement.reliance), distillation),
    reveal: () =>
      revealMarginal(scores, needed(loss, "labels", judgement.labels), { ...softmax, gate: options.gate ?? "logits" }),
  };
  return losses[loss]();
}

function needed<T>(loss: RetrieverLoss, name: string, part: T | null): T {
  if (part !== null) return part;
  throw new ConfigError(
    `retrieverLoss: judgement of loss "${loss}" must hold ${name}; got none. Judge with judgeCandidates({ preference: "labels", ${loss === "attentionDistillation" ? 'closedBook: "read"' : "…"} }).`,
    { loss, name },
  );
}
