// kernel.training — Both training stages and what they are made of.

export { HEALTH_SIGNS, type HealthFinding, type HealthSign, type StageHealth } from "./health";
export { type CandidateJudgement, type JudgeOptions, judgeCandidates, type Preference } from "./judge-candidates";
export { type Evaluation, type LoopOptions, type LoopResult, type Trainee, trainLoop } from "./loop";
export {
  type PreferencePair,
  type PreferenceStageInputs,
  type PreferenceStageOptions,
  trainPreferences,
} from "./preference-stage";
export {
  type AugmentOptions,
  augmentImage,
  type ReadableExample,
  type ReaderStageInputs,
  type ReaderStageOptions,
  trainReader,
} from "./reader-stage";
export {
  type CorpusView,
  PAPER_RETRIEVER_OPTIONS,
  type QuerySet,
  type RetrieverStageInputs,
  type RetrieverStageOptions,
} from "./retriever-options";
export { trainRetrieverHead } from "./retriever-stage";
export { type CosineOptions, cosineSchedule, type Schedule } from "./schedule";
