// The only re-exporting file: explicit names, grouped by room.

// analysis
export { type AgreementResult, measureAgreement, type RetrievedForExample } from "./analysis/agreement";
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
export type {
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
export { type AdamW, type AdamWOptions, type AdamWState, clipByGlobalNorm, createAdamW } from "./compute/adamw";
export { type BackendName, type BackendReport, openBackend, requireBackend } from "./compute/backend";
export { readSafetensors, type SafetensorsFile, type StoredTensor, writeSafetensors } from "./compute/safetensors";
export type { SafetensorsDtype } from "./compute/safetensors-header";
// data
export { CORPUS_NAMES, type CorpusName, type LoadCorpusOptions, loadCorpus } from "./data/corpora/load-corpus";
export { hashImage } from "./data/formats/checksum";
export type { NpyArray, NpyType } from "./data/formats/npy";
export { formatNpz, parseNpz, readNpz } from "./data/formats/npz";
export type { ZipLimits } from "./data/formats/zip";
export { ATTRIBUTES, type Attribute, type AttributeName, attributeQuestion } from "./data/phantoms/attributes";
export { writeBreastArchive } from "./data/phantoms/breast-archive";
export { type BreastPhantom, drawBreastPhantom } from "./data/phantoms/breast-phantom";
export { CLASS_WORDS } from "./data/phantoms/class-words";
export { type CorpusPhantomOptions, drawCorpusPhantom } from "./data/phantoms/corpus-phantom";
export { drawGeneralScene, GENERAL_VOCABULARY, type Scene, type SceneOptions } from "./data/phantoms/general-world";
export {
  drawReadingExercise,
  READING_MODES,
  type ReadingExercise,
  type ReadingMode,
} from "./data/phantoms/reading-exercises";
export { classQuestion } from "./data/question";
export { type CleanCorpus, findSharedGroups, leaveOutSeen, type SharedGroup } from "./data/split-check";
export { type LoadTaskOptions, loadTask, TASK_NAMES } from "./data/tasks/load-task";
export { type VocabularyWord, vocabularyWords } from "./data/vocabulary";
// experiments: runs and artifacts
export { openRun, PROFILES, type ProfileName, type Run, type RunOptions } from "./experiments/run";
export { type Artifact, runStage, type StageContext, type StageOptions } from "./experiments/stage";
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
// inference
export { fuseLogits } from "./inference/fuse-logits";
export { fuseProbabilities } from "./inference/fuse-probabilities";
export { type FusionWeightOptions, fusionWeights } from "./inference/fusion-weights";
export { type ParsedAnswer, parseAnswer } from "./inference/parse-answer";
export type { FusedAnswer } from "./inference/weighted-mean";
// metrics
export { accuracy } from "./metrics/accuracy";
export {
  type BootstrapOptions,
  bootstrap,
  type Interval,
  type PairedDifference,
  pairedBootstrap,
  type Statistic,
} from "./metrics/bootstrap";
export { type CalibrationOptions, expectedCalibrationError } from "./metrics/expected-calibration-error";
export { macroF1 } from "./metrics/macro-f1";
export { recallAtK } from "./metrics/recall-at-k";

// models: CLIP, tokenizer, images, weights
export { type BpeOptions, trainBpe } from "./models/bpe-trainer";
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
export { type QwenPatches, qwenPatches, smartResize } from "./models/image-processor";
export { linear } from "./models/linear";
export { createParameterStore, type LowRankUpdate, type ParameterStore, type WeightArray } from "./models/parameters";
export { resizeBicubic } from "./models/resize-bicubic";
export { createTokenizer, type JsonObject, type TextTokenizer } from "./models/tokenizer";

// models: Qwen2-VL reader and LoRA
export {
  type ChatMessage,
  type ContentPart,
  QWEN2_VL_CHAT_TEMPLATE,
  renderChat,
} from "./models/chat-template";
export { type Generated, type GenerateOptions, generate } from "./models/generate";
export {
  attachLora,
  detachLora,
  type LoraAdapter,
  type LoraConfig,
  type LoraOptions,
  type LoraTargets,
  mergeLora,
  reattachLora,
} from "./models/lora";
export { loadLora, saveLora } from "./models/lora-files";
export {
  type CollateOptions,
  collatePrompts,
  type ImageTokens,
  type PromptBatch,
  type PromptTokens,
  type TokenPosition,
  tokenizePrompt,
} from "./models/prompt-batch";
export { encodeVision } from "./models/qwen2-vision-encode";
export { createQwen2Vl, loadQwen2Vl, type Qwen2Vl, type Qwen2VlParts, saveQwen2Vl } from "./models/qwen2-vl";
export { parseQwen2VlConfig, type Qwen2VlConfig } from "./models/qwen2-vl-config";
export { qwen2VlLogits } from "./models/qwen2-vl-logits";
export { type AnswerScore, scoreAnswers } from "./models/qwen2-vl-score";
// notebook: what a cell shows, how it watches and stops a long step
export { notebookControl } from "./notebook/progress";
export { show, showMarkdown } from "./notebook/show";
export { type ShowImagesOptions, showImages } from "./notebook/show-images";
export { type ShowTableOptions, showTable, type TableLike, type TableRow } from "./notebook/show-table";
// search
export { createFlatIndex, loadFlatIndex } from "./search/flat-index";
export { createHnswIndex, type HnswIndex, type HnswOptions, loadHnswIndex } from "./search/hnsw-index";
export { measureRecall, type RecallReport } from "./search/measure-recall";
export { type OpenIndexOptions, openIndex } from "./search/open-index";
export type { Hits, SearchOptions, VectorIndex } from "./search/vector-index";
