// The only re-exporting file: explicit names, grouped by room.

// analysis
export { type AgreementResult, measureAgreement, type RetrievedForExample } from "./analysis/agreement";
export { type AnswerWordings, answerWordings, isCorrect } from "./analysis/answer-wording";
export { rerankAtRandom } from "./analysis/control-rerank";
export {
  type InconsistencyOptions,
  type InconsistencyReport,
  isInconsistent,
  measureInconsistency,
  type Subset,
  type SubsetResult,
} from "./analysis/inconsistency";
export { isOracleCorrect, measureOracle, type OracleResult } from "./analysis/oracle";
// base
export { type ErrorCode, isKernelError, KernelError } from "./base/errors";
export { createRandom, type Random } from "./base/random";
export { logSoftmax, logSumExp, softmax } from "./base/softmax";
export type {
  AnyPrediction,
  Control,
  Corpus,
  CurvePoint,
  DataSource,
  Example,
  Figure,
  Head,
  Label,
  LabelSetPrediction,
  LabelSetReading,
  Matrix,
  Passage,
  Prediction,
  ProgressEvent,
  RasterImage,
  Reading,
  Retrieved,
  Split,
  Task,
  WordsPrediction,
  WordsReading,
} from "./base/types";
// compute: engine, optimiser, safetensors
export { type AdamW, type AdamWOptions, type AdamWState, clipByGlobalNorm, createAdamW } from "./compute/adamw";
export { type BackendName, type BackendReport, openBackend, requireBackend } from "./compute/backend";
export { readSafetensors, type SafetensorsFile, type StoredTensor, writeSafetensors } from "./compute/safetensors";
export type { SafetensorsDtype } from "./compute/safetensors-header";
// data
export { closedTask } from "./data/closed-task";
export { joinCorpora } from "./data/corpora/join-corpora";
export { CORPUS_NAMES, type CorpusName, type LoadCorpusOptions, loadCorpus } from "./data/corpora/load-corpus";
export type { OpenCorpusOptions } from "./data/corpora/open-corpus";
export { hashImage } from "./data/formats/checksum";
export type { NpyArray, NpyType } from "./data/formats/npy";
export { formatNpz, parseNpz, readNpz } from "./data/formats/npz";
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
export { ATTRIBUTES, type Attribute, type AttributeName, attributeQuestion } from "./data/phantoms/attributes";
export { writeBreastArchive } from "./data/phantoms/breast-archive";
export { type BreastPhantom, drawBreastPhantom } from "./data/phantoms/breast-phantom";
export { CLASS_WORDS } from "./data/phantoms/class-words";
export { CORPUS_TWINS, type CorpusTwin, type CorpusTwinOptions } from "./data/phantoms/corpora/corpus-twin";
export { writeMimicCxrTwin } from "./data/phantoms/corpora/mimic-cxr-twin";
export { type PmcOaLayout, writePmcOaTwin } from "./data/phantoms/corpora/pmc-oa-twin";
export { writeRocoTwin } from "./data/phantoms/corpora/roco-twin";
export { type CorpusPhantomOptions, drawCorpusPhantom } from "./data/phantoms/corpus-phantom";
export { drawGeneralScene, GENERAL_VOCABULARY, type Scene, type SceneOptions } from "./data/phantoms/general-world";
export {
  drawReadingExercise,
  READING_MODES,
  type ReadingExercise,
  type ReadingMode,
} from "./data/phantoms/reading-exercises";
export { classQuestion } from "./data/question";
export { findSharedGroups, type SharedGroup } from "./data/split-check";
export { type LoadTaskOptions, loadTask, TASK_NAMES } from "./data/tasks/load-task";
export { type VocabularyWord, vocabularyWords } from "./data/vocabulary";
// experiments: the verbs a notebook calls
export { ABLATIONS, type AblateOptions, type AblateResult, type Ablation, ablate } from "./experiments/ablate";
export { type BuildIndexOptions, buildIndex, type Index } from "./experiments/build-index";
export { type CheckpointFolder, checkpointFolder } from "./experiments/checkpoint-folder";
export {
  type DifferenceRow,
  type EvaluateOptions,
  type EvaluateResult,
  type EvaluationRow,
  evaluate,
  type UnparsedRow,
} from "./experiments/evaluate";
export { frozenCandidates, frozenPassages } from "./experiments/frozen-candidates";
export { type GridPredictions, type GridRows, gridResults } from "./experiments/grid/grid-results";
export { type SummaryRow, summarizeGrid } from "./experiments/grid/grid-summary";
export type { RecallMeasurement } from "./experiments/measure-recall-table";
export { type PredictOptions, type PredictResult, predict } from "./experiments/predict";
export type { Predictions } from "./experiments/prediction-files";
export { type Profile, profileOf } from "./experiments/profiles";
// experiments: runs and artifacts
export { openRun, PROFILES, type ProfileName, type Run, type RunOptions } from "./experiments/run";
export { type Artifact, runStage, type StageContext, type StageOptions } from "./experiments/stage";
export {
  READER_MODES,
  type ReaderMode,
  type TunedReader,
  type TuneReaderOptions,
  tuneReader,
} from "./experiments/tune-reader";
export {
  type TunedHead,
  type TunedHeads,
  type TuneRetrieverOptions,
  tuneRetriever,
} from "./experiments/tune-retriever";
export { SYSTEM_NAMES, type SystemName } from "./experiments/with-system";
// figures: rows -> Plotly figures; drawing, saving, the gallery
export { type AblationOptions, ablationFigure } from "./figures/ablation-figure";
export { type ConfusionOptions, confusionFigure } from "./figures/confusion-figure";
export { type CurveOptions, curveFigure } from "./figures/curve-figure";
export { embeddingMapFigure, embeddingMapRows, type MapRow } from "./figures/embedding-map-figure";
export { closeDrawing, type Drawing, type DrawOptions, drawFigure, renderFigure } from "./figures/export/draw";
export { writeGallery } from "./figures/export/gallery";
export { type SaveFigureOptions, saveFigure } from "./figures/export/save-figure";
export type { SavedMeta } from "./figures/export/saved-figure";
export { type IdeaInput, ideaFigure } from "./figures/idea-figure";
export {
  type InconsistencyOptions as InconsistencyFigureOptions,
  inconsistencyFigure,
} from "./figures/inconsistency-figure";
export { type MainTableOptions, mainTableFigure } from "./figures/main-table-figure";
export { oracleFigure } from "./figures/oracle-figure";
export { pngUri } from "./figures/png";
export { preferenceFigure } from "./figures/preference-figure";
export { type PrincipalPlane, principalPlane } from "./figures/principal-plane";
export { loadPublished, type Published } from "./figures/published";
export { recallFigure } from "./figures/recall-figure";
export { type StagesOptions, stagesFigure } from "./figures/stages-figure";
export { type TaskOracleOptions, taskOracleFigure } from "./figures/task-oracle-figure";
export { type TaskPanelsOptions, taskPanelsFigure } from "./figures/task-panels-figure";
export { composeFigure, type FigureContext, type FigureMeta, type FigureParts } from "./figures/theme";
export { answersFrame } from "./frames/answers-frame";
// frames: tables with documented columns
export { describeLabels, type LabelStatistics } from "./frames/danfo";
export {
  curveFrame,
  examplesFrame,
  passagesFrame,
  type RecallRow,
  type RetrievedList,
  recallFrame,
  retrievedFrame,
} from "./frames/data-frames";
export { loadFrame, saveFrame } from "./frames/frame-file";
export {
  type PublishedRow,
  predictionsFrame,
  publishedFrame,
  type ResultRow,
  readingsFrame,
  resultsFrame,
} from "./frames/prediction-frames";
export { FRAMES, type FrameName } from "./frames/schemas";
export { type FrameColumn, type FrameSchema, type Table, tableOf } from "./frames/table";
export { answerWords } from "./inference/answer-words";
// inference
export { fuseLogits } from "./inference/fuse-logits";
export { fuseProbabilities } from "./inference/fuse-probabilities";
export { type FusionWeightOptions, fusionWeights } from "./inference/fusion-weights";
export { type ParsedAnswer, parseAnswer } from "./inference/parse-answer";
export { type ParsedLabelSet, parseLabelSet } from "./inference/parse-label-set";
export { type ParsedYesNo, parseYesNo } from "./inference/parse-yes-no";
export { type LabelSetVote, voteAnswers, voteLabelSets } from "./inference/vote";
export type { FusedAnswer } from "./inference/weighted-mean";
// metrics
export { accuracy } from "./metrics/accuracy";
export { aggregateSeeds, type SeedOptions, type SeedSummary } from "./metrics/aggregate-seeds";
export {
  type BootstrapOptions,
  bootstrap,
  type Interval,
  type PairedDifference,
  pairedBootstrap,
  type Statistic,
} from "./metrics/bootstrap";
export { brierScore } from "./metrics/brier-score";
export { closedAccuracy } from "./metrics/closed-accuracy";
export { exactMatch } from "./metrics/exact-match";
export { type CalibrationOptions, expectedCalibrationError } from "./metrics/expected-calibration-error";
export type { ZeroDivision } from "./metrics/label-counts";
export { listOverlap } from "./metrics/list-overlap";
export { type F1Options, type LabelAnswer, macroF1, perLabelF1 } from "./metrics/macro-f1";
export { recallAtK } from "./metrics/recall-at-k";
export { tokenRecall } from "./metrics/token-recall";
export { unparsedShare } from "./metrics/unparsed-share";
export { type AnswerScore, scoreAnswers } from "./models/answer-scores";
// models: CLIP, tokenizer, images, weights
export { type BpeOptions, trainBpe } from "./models/bpe-trainer";
// models: Qwen2-VL reader and LoRA
export {
  type ChatMessage,
  type ContentPart,
  QWEN2_VL_CHAT_TEMPLATE,
  renderChat,
} from "./models/chat-template";
export {
  type Clip,
  type ClipParts,
  copyVisionTower,
  createClip,
  loadClip,
  saveClip,
  type VisionTower,
} from "./models/clip";
export { type ClipConfig, parseClipConfig } from "./models/clip-config";
export { clipPixels, clipTexts, encodeImages, encodeTexts } from "./models/clip-encode";
export { contrastiveLoss } from "./models/clip-loss";
export { type ClipTexts, type ClipTower, clipImageEmbeddings, clipTextEmbeddings } from "./models/clip-towers";
export type { DualEncoder } from "./models/dual-encoder";
export { encodeVision } from "./models/encode-vision";
export { findModel } from "./models/find-model";
export { type Generated, type GenerateOptions, generate } from "./models/generate";
export { type QwenPatches, qwenPatches, smartResize } from "./models/image-processor";
export { createJinaClip, type JinaClip, loadJinaClip, saveJinaClip } from "./models/jina-clip";
export { linear } from "./models/linear";
export { loadDualEncoder, saveDualEncoder } from "./models/load-dual-encoder";
export { loadReaderModel, saveReaderModel } from "./models/load-reader";
export {
  attachLora,
  detachLora,
  type LoraAdapter,
  type LoraConfig,
  type LoraOptions,
  reattachLora,
} from "./models/lora";
export { loadLora, saveLora } from "./models/lora-files";
export { type MergeMemory, mergeLora, unmergeLora } from "./models/lora-merge";
export type { LoraTargets } from "./models/lora-targets";
export { createParameterStore, type LowRankUpdate, type ParameterStore, type WeightArray } from "./models/parameters";
export type { ImageTokens } from "./models/picture-album";
export { createPixtral, loadPixtral, type Pixtral, type PixtralParts, savePixtral } from "./models/pixtral";
export { PIXTRAL_CHAT_TEMPLATE } from "./models/pixtral-chat-template";
export type { PixtralConfig } from "./models/pixtral-config";
export { parsePixtralConfig } from "./models/pixtral-config-json";
export { pixtralPatches, pixtralSize } from "./models/pixtral-images";
export {
  type CollateOptions,
  collatePrompts,
  type PromptBatch,
  type PromptTokens,
  type TokenPosition,
  tokenizePrompt,
} from "./models/prompt-batch";
export { createQwen2Vl, loadQwen2Vl, type Qwen2Vl, type Qwen2VlParts, saveQwen2Vl } from "./models/qwen2-vl";
export type { Qwen2VlConfig } from "./models/qwen2-vl-config";
export { parseQwen2VlConfig } from "./models/qwen2-vl-config-json";
export { readerLogits } from "./models/reader-logits";
export { resizeBicubic } from "./models/resize-bicubic";
export { createTokenizer, type JsonObject, type TextTokenizer } from "./models/tokenizer";
export type { VisionLanguageModel } from "./models/vision-language";
// notebook: what a cell shows, how it watches and stops a long step, how an exercise is judged
export { checkExercise } from "./notebook/check-exercise";
export { notebookControl } from "./notebook/progress";
export { show, showMarkdown } from "./notebook/show";
export { type ShowImagesOptions, showImages } from "./notebook/show-images";
export { type ShowTableOptions, showTable, type TableLike } from "./notebook/show-table";
// reader
export { type CachedScores, createCachedScores, createOwnAnswerScores, scoreWidth } from "./reader/cached-scores";
export { createLocalReader, fingerprintReader, type LocalReaderOptions, openLocalReader } from "./reader/local-reader";
export { buildPrompt } from "./reader/prompt";
export { imageDigest, type LabelScores, promptKey, type Reader, type ReadPair } from "./reader/reader";
export { openScoreCache, type ScoreCache, type ScoreCacheOptions } from "./reader/score-cache";
// retriever
export { type ClipLearnedTower, createClipTower, loadClipTower } from "./retriever/clip-tower";
export { createDualHead, type DualHeadOptions, type DualHeadRetriever } from "./retriever/dual-head";
export type { LearnedTower } from "./retriever/learned-tower";
export { mixEmbeddings, normaliseRows, PAPER_LEARNED_WEIGHT } from "./retriever/mix";
export { type CorpusViews, HEADS, type RetrieveOptions, retrieve } from "./retriever/retrieve";
// search
export { type ChooseIndexOptions, chooseIndex, type IndexChoice } from "./search/choose-index";
export { createFlatIndex, loadFlatIndex } from "./search/flat-index";
export { createHnswIndex, type HnswIndex, type HnswOptions, loadHnswIndex } from "./search/hnsw-index";
export { measureRecall, type RecallReport } from "./search/measure-recall";
export { type OpenedIndex, type OpenIndexOptions, openIndex } from "./search/open-index";
export type { Hits, SearchOptions, VectorIndex } from "./search/vector-index";
// systems
export { answerExamples } from "./systems/answer-examples";
export { answerInWords } from "./systems/answer-in-words";
export { answerLabelSets } from "./systems/answer-label-sets";
export { closedBook } from "./systems/closed-book";
export { ftRag } from "./systems/ft-rag";
export { imageHead } from "./systems/image-head";
export { jomed } from "./systems/jomed";
export type { Fusion, Retrieval, RetrievingParts, System } from "./systems/system";
export { textHead } from "./systems/text-head";
// training
export { type AugmentOptions, augmentImage } from "./training/augment-image";
export { diagnoseReader } from "./training/diagnose-reader";
export { diagnoseRetriever } from "./training/diagnose-retriever";
export { type JudgeOptions, judgeCandidates, type Preference } from "./training/judge-candidates";
export { type Evaluation, type LoopOptions, type LoopResult, type Trainee, trainLoop } from "./training/loop";
export { answerNll } from "./training/losses/answer-nll";
export {
  type AttentionDistillationOptions,
  attentionDistillation,
  readerReliance,
} from "./training/losses/attention-distillation";
export { type ContrastiveKlOptions, contrastiveKl, type Prior } from "./training/losses/contrastive-kl";
export { type Emdr2Options, emdr2 } from "./training/losses/emdr2";
export { type LeaveOneOutOptions, leaveOneOut } from "./training/losses/leave-one-out";
export { type PerplexityDistillationOptions, perplexityDistillation } from "./training/losses/perplexity-distillation";
export type {
  DistillationOptions,
  PreferenceLoss,
  PreferenceLossOptions,
  Reduction,
} from "./training/losses/preference-loss";
export { type PreferenceSoftmax, readerPreference } from "./training/losses/reader-preference";
export { type LabelJudgement, type RevealMarginalOptions, revealMarginal } from "./training/losses/reveal-marginal";
export {
  type ReadableExample,
  type ReaderStageInputs,
  type ReaderStageOptions,
  trainReader,
} from "./training/reader-stage";
export {
  type CorpusView,
  candidateScores,
  type QuerySet,
  type ReaderJudgement,
} from "./training/retriever-data";
export { measureRetrieverHealth, type RetrieverHealth } from "./training/retriever-health";
export {
  RETRIEVER_LOSSES,
  type RetrieverLoss,
  type RetrieverLossOptions,
  retrieverLoss,
} from "./training/retriever-loss";
export {
  PAPER_RETRIEVER_OPTIONS,
  type RetrieverStageInputs,
  type RetrieverStageOptions,
} from "./training/retriever-options";
export { trainRetrieverHead } from "./training/retriever-stage";
export { type CosineOptions, cosineSchedule, type Schedule } from "./training/schedule";
export {
  diagnoseLoss,
  HEALTH_SIGNS,
  type HealthFinding,
  type HealthSign,
  type StageHealth,
} from "./training/stage-health";
