// What users of kernel-lib see: the nouns and the verbs of a run here, the rooms behind them as namespaces. Each namespace is listed
// in the index.ts of its room; inside the library rooms import each other's files, never an index.

// nouns
export { type ErrorCode, isKernelError, KernelError } from "./base/errors";
export { createRandom, type Random } from "./base/random";
export { logSoftmax, softmax } from "./base/softmax";
export type {
  AnswerForm,
  Control,
  Corpus,
  CurvePoint,
  DataSource,
  Example,
  Figure,
  Head,
  Label,
  Matrix,
  Passage,
  Prediction,
  ProgressEvent,
  RasterImage,
  Reading,
  Retrieved,
  Split,
  Task,
} from "./base/types";

// data
export { joinCorpora } from "./data/corpora/join-corpora";
export { CORPUS_NAMES, loadCorpus, type LoadCorpusOptions } from "./phantoms/load-corpus";
export { loadTask, type LoadTaskOptions, TASK_NAMES } from "./phantoms/load-task";

// the verbs of a run
export { type CheckpointFolder, checkpointFolder } from "./experiments/checkpoint-folder";
export { type GridCost, gridCosts } from "./experiments/grid/costs";
export {
  type GridPredictions,
  gridResults,
  type GridRows,
  summarizeGrid,
  type SummaryRow,
} from "./experiments/grid/results";
export { type OpenedTask, openTask } from "./experiments/open-task";
export {
  hasResults,
  loadResults,
  loadSweep,
  type ReportedRow,
  type ResultsManifest,
  type ResultsTable,
  storedBoard,
  type SweepTable,
} from "./experiments/stored-results";
export { type Profile, profileOf } from "./experiments/profiles";
export { frozenCandidates } from "./training/over-index";
export { openRun, type ProfileName, PROFILES, type Run, type RunOptions } from "./experiments/run";
export {
  buildIndex,
  type BuildIndexOptions,
  frozenPassages,
  type Index,
  measureIndexRecall,
  type RecallMeasurement,
} from "./experiments/stages/corpus-index";
export { expect } from "./experiments/stages/expectations";
export {
  type CandidateReadings,
  intervene,
  type InterveneOptions,
  readCandidates,
  type ReadCandidatesOptions,
} from "./experiments/stages/intervention";
export { predict, type Predictions, type PredictOptions, type PredictResult } from "./experiments/stages/predictions";
export {
  READER_MODES,
  type ReaderMode,
  type TunedReader,
  tuneReader,
  type TuneReaderOptions,
} from "./experiments/stages/reader";
export {
  ablate,
  type AblateOptions,
  type AblateResult,
  evaluate,
  type EvaluateOptions,
  type EvaluateResult,
} from "./experiments/stages/results";
export {
  type TunedHead,
  type TunedHeads,
  tuneRetriever,
  type TuneRetrieverOptions,
} from "./experiments/stages/retriever";
export { type Artifact, runStage, type Stage, type StageContext } from "./experiments/stages/stage";

// systems and tables
export type { Difference, Measurement } from "./analysis/measurement";
export type { Table } from "./frames/table";
export { retrieve } from "./retriever/retrieve";
export type { System, SystemDefinition } from "./systems/system";
export { systemNames, SYSTEMS } from "./systems/systems";

// what a cell shows
export { saveFigure, type SaveFigureOptions } from "./figures/export/save-figure";
export { input, type InputOptions, memory, setTypeErrors, time } from "./notebook/cell-tools";
export { checkExercise } from "./notebook/cell-tools";
export { notebookControl } from "./notebook/progress";
export {
  show,
  showImages,
  type ShowImagesOptions,
  showMarkdown,
  showTable,
} from "./notebook/show";
export type { ShowTableOptions, TableLike } from "./notebook/tables";

// namespaces
export * as analysis from "./analysis/index";
export * as answers from "./answers/index";
export * as compute from "./compute/index";
export * as data from "./data/index";
export * as figures from "./figures/index";
export * as frames from "./frames/index";
export * as losses from "./losses/index";
export * as metrics from "./metrics/index";
export * as models from "./models/index";
export * as phantoms from "./phantoms/index";
export * as reader from "./reader/index";
export * as retriever from "./retriever/index";
export * as search from "./search/index";
export * as systems from "./systems/index";
export * as training from "./training/index";
export * as widgets from "./notebook/widgets/index";
