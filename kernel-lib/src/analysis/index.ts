// kernel.analysis — Tables of measured numbers with intervals.

export { measureAgreement, type RetrievedList } from "./agreement";
export {
  type AttributionInputs,
  measureAttribution,
  measureFlows,
  OUTCOMES,
  type QuestionOutcome,
} from "./attribution";
export { CLAIMS, type Claim, type ClaimedRange, type EffectQuery } from "./claims";
export { embeddingMapRows, type MapRow } from "./embedding-map";
export {
  type AnswerRowsOptions,
  answerRows,
  type EvaluationOptions,
  type EvaluationRows,
  measureEvaluation,
} from "./evaluation";
export { measureEvidence } from "./evidence";
export {
  type ExpectationOptions,
  type FrozenCorpus,
  type FrozenTask,
  measureExpectations,
} from "./expectations";
export {
  type BoardLine,
  boardOf,
  type EvidenceTable,
  type Finding,
  type Judgement,
  judge,
  type Verdict,
} from "./findings";
export { type FusionWeightInputs, measureFusionWeights } from "./fusion-weights";
export { type InconsistencyOptions, isInconsistent, measureInconsistency } from "./inconsistency";
export {
  type InterventionInputs,
  type InterventionOptions,
  measureIntervention,
  PAIR_KINDS,
  type PairKind,
} from "./intervention";
export { type ListChangeInputs, measureListChanges } from "./list-changes";
export { findMeasurement, type MeasureOptions } from "./measurement";
export {
  type CandidateOptions,
  CROSS_SCORER,
  chanceOracle,
  isOracleCorrect,
  measureCandidates,
  measureOracle,
  PICKS,
  type Pick,
  pickReading,
  trainCrossScorer,
} from "./oracle";
export { aggregateMeasurements, measureOverSeeds, type OverSeedsOptions, type SeedAnswers } from "./over-seeds";
export { measureSweep, type SweepCell, type SweepMeasure, type SweepRow, sweepCorrelation } from "./sweep";
export {
  knownShare,
  listOf,
  type MeasuredTold,
  measureTold,
  predictAccuracy,
  predictReading,
  type ToldShares,
} from "./theory";
export { measureTrust, RELATIONS, type TrustInputs } from "./trust";
