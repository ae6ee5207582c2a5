// kernel.metrics — Metrics, bootstrap, seeds.

export {
  accuracy,
  closedAccuracy,
  exactMatch,
  type F1Options,
  type LabelAnswer,
  macroF1,
  macroF1OfDraws,
  perLabelF1,
  tokenRecall,
  type ZeroDivision,
} from "./answers";
export {
  type BootstrapOptions,
  bootstrap,
  type Interval,
  type PairedDifference,
  pairedBootstrap,
  type Statistic,
} from "./bootstrap";
export { brierScore, type CalibrationOptions, expectedCalibrationError } from "./calibration";
export { pearson } from "./correlation";
export { listOverlap, recallAtK } from "./lists";
export { detectableEffect, holm, intervalTest, mcnemarExact, smallestEffect } from "./paired-tests";
export { aggregateSeeds, type SeedOptions, type SeedSummary, widenForSeeds } from "./seeds";
