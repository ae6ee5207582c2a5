// The only re-exporting file: explicit names, grouped by room.

// analysis: tables of measured numbers
export { agreesWith, measureAgreement, type RetrievedList } from "./analysis/agreement";
export { embeddingMapRows, type MapRow, type PrincipalPlane, principalPlane } from "./analysis/embedding-map";
export { type EvaluationOptions, type EvaluationRows, measureEvaluation } from "./analysis/evaluation";
export {
  type InconsistencyOptions,
  isInconsistent,
  measureInconsistency,
} from "./analysis/inconsistency";
export { type Difference, findMeasurement, type Measurement, type MeasureOptions } from "./analysis/measurement";
export { isOracleCorrect, measureOracle } from "./analysis/oracle";
// answers
export type { Form, Fused, Fusion, Vote } from "./answers/form";
export {
  type AnswerWordings,
  answerWordings,
  FORMS,
  formOf,
  isCorrect,
  labelPredictions,
} from "./answers/forms";
export { type FusionWeightOptions, fuseLogits, fuseProbabilities, fusionWeights } from "./answers/fusion";
export { parseLabel } from "./answers/label";
export { parseLabelSet, voteLabelSets } from "./answers/labels";
export { answerWords } from "./answers/wording";
export { voteAnswers } from "./answers/words";
// base
export { type ErrorCode, isKernelError, KernelError } from "./base/errors";
export { createRandom, type Random } from "./base/random";
export { logSoftmax, logSumExp, softmax } from "./base/softmax";
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
// compute: engine, optimiser, safetensors
export { type AdamW, type AdamWOptions, type AdamWState, createAdamW } from "./compute/adamw";
export { type BackendName, type BackendReport, openBackend, requireBackend } from "./compute/backend";
export {
  readSafetensors,
  type SafetensorsDtype,
  type SafetensorsFile,
  type StoredTensor,
  writeSafetensors,
} from "./compute/safetensors";
export { joinCorpora } from "./data/corpora/join-corpora";
export type { OpenCorpusOptions } from "./data/corpora/open-corpus";
export type { NpyArray, NpyType } from "./data/formats/npy";
export { formatNpz, readNpz } from "./data/formats/npz";
export { hashImage } from "./data/formats/picture-file";
export type { ZipLimits } from "./data/formats/zip";
export {
  type CleanCorpus,
  type FindLeaksOptions,
  findLeaks,
  type Leak,
  leaveOutLeaks,
  withoutLeaks,
} from "./data/leaks/find-leaks";
export {
  createDuplicateFinder,
  type Duplicate,
  type DuplicateFinder,
  type DuplicateOptions,
} from "./data/leaks/near-duplicates";
export {
  type ConvertedTask,
  type ConvertOpenOptions,
  convertOpenQuestions,
  type RefusedQuestion,
} from "./data/open-to-closed/convert-open";
export { convertWithEndpoint, type EndpointOptions } from "./data/open-to-closed/convert-with-endpoint";
// data
export { findSharedGroups, type SharedGroup } from "./data/splits";
export { classQuestion } from "./data/tasks/definition";
export { closedTask } from "./data/tasks/vqa";
// experiments: the verbs a notebook calls
export { type CheckpointFolder, checkpointFolder } from "./experiments/checkpoint-folder";
export {
  type GridPredictions,
  type GridRows,
  gridResults,
  type SummaryRow,
  summarizeGrid,
} from "./experiments/grid/results";
export { type Profile, profileOf } from "./experiments/profiles";
// experiments: runs and artifacts
export { openRun, PROFILES, type ProfileName, type Run, type RunOptions } from "./experiments/run";
export type { RecallMeasurement } from "./experiments/stages/corpus-index";
export {
  type BuildIndexOptions,
  buildIndex,
  frozenCandidates,
  frozenPassages,
  type Index,
} from "./experiments/stages/corpus-index";
export type { Predictions } from "./experiments/stages/predictions";
export { type PredictOptions, type PredictResult, predict } from "./experiments/stages/predictions";
export {
  READER_MODES,
  type ReaderMode,
  type TunedReader,
  type TuneReaderOptions,
  tuneReader,
} from "./experiments/stages/reader";
export {
  type AblateOptions,
  type AblateResult,
  ablate,
  type EvaluateOptions,
  type EvaluateResult,
  evaluate,
} from "./experiments/stages/results";
export {
  type TunedHead,
  type TunedHeads,
  type TuneRetrieverOptions,
  tuneRetriever,
} from "./experiments/stages/retriever";
export { type Artifact, runStage, type Stage, type StageContext } from "./experiments/stages/stage";
// figures: rows -> Plotly figures; drawing, saving, the gallery
export { type AblationOptions, ablationFigure } from "./figures/ablation-figure";
export { type ConfusionOptions, confusionFigure } from "./figures/confusion-figure";
export { type CurveOptions, curveFigure } from "./figures/curve-figure";
export { embeddingMapFigure } from "./figures/embedding-map-figure";
export { closeDrawing, type Drawing, type DrawOptions, drawFigure, renderFigure } from "./figures/export/draw";
export { type SaveFigureOptions, saveFigure, writeGallery } from "./figures/export/save-figure";
export type { SavedMeta } from "./figures/export/saved-figure";
export { type IdeaInput, ideaFigure } from "./figures/idea-figure";
export { inconsistencyFigure } from "./figures/inconsistency-figure";
export { type MainTableOptions, mainTableFigure } from "./figures/main-table-figure";
export { oracleFigure } from "./figures/oracle-figure";
export { pngUri } from "./figures/png";
export { preferenceFigure } from "./figures/preference-figure";
export { recallFigure } from "./figures/recall-figure";
export { type StagesOptions, stagesFigure } from "./figures/stages-figure";
export { type TaskOracleOptions, taskOracleFigure } from "./figures/task-oracle-figure";
export { type TaskPanelsOptions, taskPanelsFigure } from "./figures/task-panels-figure";
export { composeFigure, type FigureContext, type FigureMeta, type FigureParts } from "./figures/theme";
// frames: tables with documented columns
export { describeLabels, type LabelStatistics } from "./frames/danfo";
export {
  type CandidateShares,
  curveFrame,
  examplesFrame,
  passagesFrame,
  preferenceFrame,
  type RecallRow,
  recallFrame,
  retrievedFrame,
} from "./frames/data-frames";
export {
  loadPublished,
  type Published,
  type PublishedRow,
  predictionsFrame,
  publishedFrame,
  readingsFrame,
  resultsFrame,
} from "./frames/result-frames";
export { FRAMES, type FrameName } from "./frames/schemas";
export { type FrameColumn, type FrameSchema, loadFrame, saveFrame, type Table } from "./frames/table";
export { findModel } from "./hub/models";
export { answerNll } from "./losses/answer-nll";
export {
  type AttentionDistillationOptions,
  attentionDistillation,
  readerReliance,
} from "./losses/attention-distillation";
export {
  type ContrastiveKlOptions,
  contrastiveKl,
  type PreferenceSoftmax,
  type Prior,
  readerPreference,
} from "./losses/contrastive-kl";
export { type Emdr2Options, emdr2 } from "./losses/emdr2";
export { type LeaveOneOutOptions, leaveOneOut } from "./losses/leave-one-out";
export { chooseLoss, LOSSES, type RetrieverLossName, type RetrieverLossOptions } from "./losses/losses";
export { type PerplexityDistillationOptions, perplexityDistillation } from "./losses/perplexity-distillation";
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
} from "./losses/retriever-loss";
export { type RevealMarginalOptions, revealMarginal } from "./losses/reveal-marginal";
export type { ZeroDivision } from "./metrics/answers";
// metrics
export {
  accuracy,
  closedAccuracy,
  exactMatch,
  type F1Options,
  type LabelAnswer,
  macroF1,
  perLabelF1,
  tokenRecall,
} from "./metrics/answers";
export {
  type BootstrapOptions,
  bootstrap,
  type Interval,
  type PairedDifference,
  pairedBootstrap,
  type Statistic,
} from "./metrics/bootstrap";
export { brierScore, type CalibrationOptions, expectedCalibrationError } from "./metrics/calibration";
export { listOverlap, recallAtK } from "./metrics/lists";
export { aggregateSeeds, type SeedOptions, type SeedSummary } from "./metrics/seeds";
export { loadDualEncoder, loadReaderModel, saveDualEncoder, saveReaderModel } from "./models/architectures";
export { type ClipConfig, parseClipConfig } from "./models/clip/config";
export { type ClipTower, clipImageEmbeddings, clipTextEmbeddings } from "./models/clip/model";
export { clipTexts } from "./models/clip/processor";
export { type Clip, createClip, loadClip, saveClip } from "./models/clip/weights";
export {
  contrastiveLoss,
  type DualEncoder,
  type EncoderParts,
  type EncoderTexts,
  encodeImages,
  encodeTexts,
} from "./models/dual-encoder/encoder";
export { resizeBicubic } from "./models/images/resize";
export { createJinaClip, type JinaClip, loadJinaClip, saveJinaClip } from "./models/jina-clip/weights";
export { linear } from "./models/layers/linear";
export type { LoraTargets } from "./models/lora/lora";
export {
  attachLora,
  detachLora,
  type LoraAdapter,
  type LoraConfig,
  type LoraOptions,
  type MergeMemory,
  mergeLora,
  reattachLora,
  unmergeLora,
} from "./models/lora/lora";
export { loadLora, saveLora } from "./models/lora/peft-files";
export type { PixtralConfig } from "./models/pixtral/config";
export { parsePixtralConfig } from "./models/pixtral/config";
export { PIXTRAL_CHAT_TEMPLATE, pixtralPatches, pixtralSize } from "./models/pixtral/processor";
export { createPixtral, loadPixtral, type Pixtral, type PixtralParts, savePixtral } from "./models/pixtral/weights";
export type { Qwen2VlConfig } from "./models/qwen2-vl/config";
export { parseQwen2VlConfig } from "./models/qwen2-vl/config";
export { QWEN2_VL_CHAT_TEMPLATE, type QwenPatches, qwenPatches, smartResize } from "./models/qwen2-vl/processor";
export { createQwen2Vl, loadQwen2Vl, type Qwen2Vl, type Qwen2VlParts, saveQwen2Vl } from "./models/qwen2-vl/weights";
export { type ChatMessage, type ContentPart, renderChat } from "./models/text/chat-template";
export { createTokenizer, type TextTokenizer } from "./models/text/tokenizer";
export { type AnswerScore, scoreAnswers } from "./models/vision-language/answer-scores";
export { type Generated, type GenerateOptions, generate } from "./models/vision-language/generate";
export type { ImageTokens } from "./models/vision-language/image-batch";
export { encodeVision } from "./models/vision-language/image-batch";
export { readerLogits } from "./models/vision-language/logits";
export type { VisionLanguageModel } from "./models/vision-language/model";
export {
  type CollateOptions,
  collatePrompts,
  type PromptBatch,
  type PromptTokens,
  type TokenPosition,
  tokenizePrompt,
} from "./models/vision-language/prompt-batch";
export type { JsonObject } from "./models/weights/fields";
export {
  createParameterStore,
  type LowRankUpdate,
  type ParameterStore,
  type WeightArray,
} from "./models/weights/parameters";
// notebook: what a cell shows, how it watches and stops a long step, how an exercise is judged
export { checkExercise } from "./notebook/check-exercise";
export { notebookControl } from "./notebook/progress";
export {
  type ShowImagesOptions,
  type ShowTableOptions,
  show,
  showImages,
  showMarkdown,
  showTable,
  type TableLike,
} from "./notebook/show";
export { type CorpusPhantomOptions, drawCorpusPhantom } from "./phantoms/corpora/breast-corpus";
export {
  drawReadingExercise,
  READING_MODES,
  type ReadingExercise,
  type ReadingMode,
} from "./phantoms/general/reading-exercises";
export { CLASS_WORDS, type VocabularyWord, vocabularyWords } from "./phantoms/general/vocabulary";
export {
  ATTRIBUTES,
  type Attribute,
  type AttributeName,
  attributeQuestion,
  drawGeneralScene,
  GENERAL_VOCABULARY,
  type Scene,
  type SceneOptions,
} from "./phantoms/general/world";
export { CORPUS_NAMES, type LoadCorpusOptions, loadCorpus } from "./phantoms/load-corpus";
export { type LoadTaskOptions, loadTask, TASK_NAMES } from "./phantoms/load-task";
export { type BreastPhantom, drawBreastPhantom, writeBreastArchive } from "./phantoms/tasks/breast";
// reader
export { createLocalReader, fingerprintReader, type LocalReaderOptions, openLocalReader } from "./reader/local-reader";
export { buildPrompt } from "./reader/prompt";
export { type LabelScores, promptKey, type Reader, type ReadPair } from "./reader/reader";
export {
  type CachedScores,
  createCachedScores,
  createOwnAnswerScores,
  openScoreCache,
  type ScoreCache,
  type ScoreCacheOptions,
  scoreWidth,
} from "./reader/score-cache";
// models: CLIP, tokenizer, images, weights
export { type BpeOptions, trainBpe } from "./replicas/tokenizers";
export { createDualHead, type DualHeadOptions, type DualHeadRetriever } from "./retriever/dual-head";
// retriever
export { createLearnedTower, type EncoderTower, type LearnedTower, loadLearnedTower } from "./retriever/learned-tower";
export { mixEmbeddings, normaliseRows, PAPER_LEARNED_WEIGHT } from "./retriever/mix";
export { type CorpusViews, HEADS, type RetrieveOptions, rerankAtRandom, retrieve } from "./retriever/retrieve";
// search
export {
  type ChooseIndexOptions,
  chooseIndex,
  type IndexChoice,
  type OpenedIndex,
  type OpenIndexOptions,
  openIndex,
} from "./search/engines";
export { createFlatIndex, loadFlatIndex } from "./search/flat-index";
export { createHnswIndex, type HnswIndex, type HnswOptions, loadHnswIndex } from "./search/hnsw-index";
export {
  type Hits,
  type IndexEngine,
  measureRecall,
  type RecallReport,
  type SearchOptions,
  type VectorIndex,
} from "./search/vector-index";
// systems
export { createReadingSystem, type ReadingParts } from "./systems/reading";
export { createFinder, type FinderParts, NO_PASSAGES, openFinder, type PassageFinder } from "./systems/retrieval";
export type {
  ReadingSettings,
  System,
  SystemDefinition,
  SystemNeeds,
  SystemParts,
  SystemTraining,
} from "./systems/system";
export { ablations, SYSTEMS, systemNames } from "./systems/systems";
// training
export {
  diagnoseLoss,
  diagnoseReader,
  diagnoseRetriever,
  HEALTH_SIGNS,
  type HealthFinding,
  type HealthSign,
  measureRetrieverHealth,
  type RetrieverHealth,
  type StageHealth,
} from "./training/health";
export {
  type CandidateJudgement,
  type JudgeOptions,
  judgeCandidates,
  type Preference,
} from "./training/judge-candidates";
export { type Evaluation, type LoopOptions, type LoopResult, type Trainee, trainLoop } from "./training/loop";
export {
  type AugmentOptions,
  augmentImage,
  type ReadableExample,
  type ReaderStageInputs,
  type ReaderStageOptions,
  trainReader,
} from "./training/reader-stage";
export {
  type CorpusView,
  PAPER_RETRIEVER_OPTIONS,
  type QuerySet,
  type RetrieverStageInputs,
  type RetrieverStageOptions,
} from "./training/retriever-options";
export { trainRetrieverHead } from "./training/retriever-stage";
export { type CosineOptions, cosineSchedule, type Schedule } from "./training/schedule";
