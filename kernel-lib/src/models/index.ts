// kernel.models — Qwen2-VL, Pixtral, CLIP and Jina-CLIP: loading, saving, reading, embedding; LoRA; models of the hub.

export { findModel } from "../hub/models";
export { loadDualEncoder, loadReaderModel, saveDualEncoder, saveReaderModel } from "./architectures";
export { type ClipConfig, parseClipConfig } from "./clip/config";
export { clipImageEmbeddings } from "./clip/model";
export { type Clip, createClip, loadClip, saveClip } from "./clip/weights";
export {
  type DualEncoder,
  type EncoderParts,
  type EncoderTexts,
  encodeImages,
  encodeTexts,
} from "./dual-encoder/encoder";
export { createJinaClip, type JinaClip, loadJinaClip, saveJinaClip } from "./jina-clip/weights";
export {
  attachLora,
  detachLora,
  type LoraAdapter,
  type LoraConfig,
  type LoraOptions,
  type LoraTargets,
  type MergeMemory,
  mergeLora,
  unmergeLora,
} from "./lora/lora";
export { loadLora, saveLora } from "./lora/peft-files";
export { type PixtralConfig, parsePixtralConfig } from "./pixtral/config";
export { createPixtral, loadPixtral, type Pixtral, type PixtralParts, savePixtral } from "./pixtral/weights";
export { parseQwen2VlConfig, type Qwen2VlConfig } from "./qwen2-vl/config";
export { createQwen2Vl, loadQwen2Vl, type Qwen2Vl, type Qwen2VlParts, saveQwen2Vl } from "./qwen2-vl/weights";
export { type ChatMessage, type ContentPart, renderChat } from "./text/chat-template";
export type { TextTokenizer } from "./text/tokenizer";
export { type AnswerScore, scoreAnswers } from "./vision-language/answer-scores";
export { type Generated, type GenerateOptions, generate } from "./vision-language/generate";
export { encodeVision, type ImageTokens } from "./vision-language/image-batch";
export { readerLogits } from "./vision-language/logits";
export type { VisionLanguageModel } from "./vision-language/model";
export {
  type CollateOptions,
  collatePrompts,
  type PromptBatch,
  type PromptTokens,
  type TokenPosition,
  tokenizePrompt,
} from "./vision-language/prompt-batch";
export type { JsonObject } from "./weights/fields";
