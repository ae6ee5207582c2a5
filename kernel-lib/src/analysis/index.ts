// kernel.analysis — Tables of measured numbers with intervals.

export { measureAgreement, type RetrievedList } from "./agreement";
export { CLAIMS, type Claim, type ClaimedRange, type EffectQuery } from "./claims";
export { embeddingMapRows, type MapRow } from "./embedding-map";
export { type EvaluationOptions, type EvaluationRows, measureEvaluation } from "./evaluation";
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
export { type InconsistencyOptions, isInconsistent, measureInconsistency } from "./inconsistency";
export { findMeasurement, type MeasureOptions } from "./measurement";
export { chanceOracle, isOracleCorrect, measureOracle, PICKS, type Pick, pickReading } from "./oracle";
export { measureOverSeeds, type OverSeedsOptions, type SeedAnswers } from "./over-seeds";
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
