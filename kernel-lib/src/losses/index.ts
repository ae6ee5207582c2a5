// kernel.losses — The losses of both stages; LOSSES lists those of the retriever stage.

export { answerNll } from "./answer-nll";
export { type AttentionDistillationOptions, attentionDistillation } from "./attention-distillation";
export {
  type ContrastiveKlOptions,
  contrastiveKl,
  type PreferenceSoftmax,
  type Prior,
  readerPreference,
} from "./contrastive-kl";
export {
  type DirectPreferenceOptions,
  type DirectPreferenceResult,
  directPreference,
  type PairLikelihoods,
} from "./direct-preference";
export { type Emdr2Options, emdr2 } from "./emdr2";
export { type LeaveOneOutOptions, leaveOneOut } from "./leave-one-out";
export { chooseLoss, LOSSES, type RetrieverLossName, type RetrieverLossOptions } from "./losses";
export { type PerplexityDistillationOptions, perplexityDistillation } from "./perplexity-distillation";
export {
  type LabelJudgement,
  type LossOption,
  type LossResult,
  needsLabels,
  type OptionsOf,
  type ReaderJudgement,
  type ReaderNeed,
  type Reduction,
  type RetrieverLoss,
  type SettledLoss,
  settleLoss,
} from "./retriever-loss";
export { type RevealMarginalOptions, revealMarginal } from "./reveal-marginal";
