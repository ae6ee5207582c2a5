import { DataError } from "../base/errors";
import { requireBackend } from "../compute/backend";
import { QWEN2_VL_CHAT_TEMPLATE } from "./chat-template";
import { assertWeights, readCheckpoint, requirePart, writeCheckpoint } from "./checkpoint";
import { parseQwenImageConfig } from "./image-config";
import type { QwenImageConfig } from "./image-processor";
import { createParameterStore, type ParameterStore, type WeightArray } from "./parameters";
import { assertQwen2VlConfig, type Qwen2VlConfig } from "./qwen2-vl-config";
import { parseQwen2VlConfig, qwen2VlConfigJson } from "./qwen2-vl-config-json";
import { qwen2VlPictures } from "./qwen2-vl-pictures";
import { initialQwen2VlWeights, qwen2VlShapes, toFileName, toModuleName } from "./qwen2-vl-weights";
import { createTokenizer, type JsonObject, type TextTokenizer } from "./tokenizer";
import type { PictureReader, VisionLanguageModel } from "./vision-language";

/** A Qwen2-VL-shaped reader: vision tower, patch merger, text model, and what turns messages into its input. */
export interface Qwen2Vl extends VisionLanguageModel {
  readonly kind: "qwen2-vl";
  readonly config: Qwen2VlConfig;
  /** Under the module names of transformers 5: model.visual.…, model.language_model.…, lm_head. */
  readonly parameters: ParameterStore;
  readonly tokenizer: TextTokenizer;
  readonly imageProcessor: QwenImageConfig;
  /** Jinja text. */
  readonly chatTemplate: string;
  readonly pictures: PictureReader;
  /** Frees the weights; adapters are freed by their owner. */
  dispose(): void;
}

/** What a reader needs besides weights. */
export interface Qwen2VlParts {
  readonly tokenizer: TextTokenizer;
  readonly imageProcessor: QwenImageConfig;
  readonly chatTemplate: string;
}

/**
 * Creates a reader with fresh weights (normal; deviation by the number of inputs). The same seed gives the same weights.
 *
 * @throws ConfigError when the sizes contradict each other. StateError before `openBackend` has finished.
 */
export function createQwen2Vl(config: Qwen2VlConfig, parts: Qwen2VlParts, seed: number): Qwen2Vl {
  assertQwen2VlConfig(config);
  return assembleQwen2Vl(config, parts, initialQwen2VlWeights(config, seed));
}

/**
 * Reads a Hugging Face folder: config.json, model.safetensors, tokenizer.json, preprocessor_config.json and, if there,
 * chat_template.jinja. Weight names of transformers 5 and of the published checkpoints are both understood.
 *
 * @throws DataError when a file is missing, broken, or does not fit the others.
 */
export function loadQwen2Vl(folder: string): Qwen2Vl {
  const where = "loadQwen2Vl";
  const checkpoint = readCheckpoint(folder);
  const config = parseQwen2VlConfig(checkpoint.config);
  const weights = new Map([...checkpoint.weights].map(([name, weight]) => [toModuleName(name), weight]));
  if (config.tieWordEmbeddings) weights.delete("lm_head.weight"); // some files hold the shared matrix twice
  const parts: Qwen2VlParts = {
    tokenizer: createTokenizer(requirePart(where, checkpoint, "tokenizer"), checkpoint.tokenizerConfig ?? {}),
    imageProcessor: parseQwenImageConfig(requirePart(where, checkpoint, "preprocessor")),
    chatTemplate: checkpoint.chatTemplate ?? QWEN2_VL_CHAT_TEMPLATE,
  };
  return assembleQwen2Vl(config, parts, weights);
}

/** Writes a folder that `loadQwen2Vl` and transformers read. Adapters are not in it: `mergeLora` or `saveLora` them. */
export function saveQwen2Vl(model: Qwen2Vl, folder: string): void {
  const weights = new Map([...model.parameters.entries()].map(([name, weight]) => [toFileName(name), weight]));
  writeCheckpoint(folder, {
    config: qwen2VlConfigJson(model.config),
    weights,
    tokenizer: model.tokenizer.json,
    tokenizerConfig: tokenizerConfigJson(model),
    preprocessor: preprocessorJson(model.imageProcessor),
    chatTemplate: model.chatTemplate,
  });
}

function tokenizerConfigJson({ tokenizer, config }: Qwen2Vl): JsonObject {
  const content = (id: number): string => tokenizer.decode([id], "keep");
  return {
    eos_token: content(config.text.endTokenId),
    model_max_length: config.text.maxPositions,
    pad_token: content(config.text.padTokenId),
    processor_class: "Qwen2VLProcessor",
    tokenizer_class: "PreTrainedTokenizerFast",
  };
}

function preprocessorJson(config: QwenImageConfig): JsonObject {
  return {
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: config.mean,
    image_processor_type: "Qwen2VLImageProcessor",
    image_std: config.std,
    max_pixels: config.maxPixels,
    merge_size: config.mergeSize,
    min_pixels: config.minPixels,
    patch_size: config.patchSize,
    processor_class: "Qwen2VLProcessor",
    resample: 3,
    rescale_factor: config.rescale,
    size: { longest_edge: config.maxPixels, shortest_edge: config.minPixels },
    temporal_patch_size: config.temporalPatchSize,
  };
}

/** A reader from weights under module names. @throws DataError when weights are missing, unknown or of another shape. */
export function assembleQwen2Vl(
  config: Qwen2VlConfig,
  parts: Qwen2VlParts,
  weights: ReadonlyMap<string, WeightArray>,
): Qwen2Vl {
  requireBackend();
  assertPartsFit(config, parts);
  const shapes = qwen2VlShapes(config);
  assertWeights("loadQwen2Vl", weights, shapes);
  const ordered = [...shapes.keys()].map((name) => [name, weights.get(name)!] as const);
  const parameters = createParameterStore(ordered);
  const pictures = qwen2VlPictures(config, parts.imageProcessor);
  return { ...parts, kind: "qwen2-vl", config, parameters, pictures, dispose: () => parameters.dispose() };
}

function assertPartsFit(config: Qwen2VlConfig, { tokenizer, imageProcessor }: Qwen2VlParts): void {
  const { vision, text } = config;
  const pairs: [string, number, number][] = [
    ["patch_size", imageProcessor.patchSize, vision.patchSize],
    ["merge_size", imageProcessor.mergeSize, vision.spatialMergeSize],
    ["temporal_patch_size", imageProcessor.temporalPatchSize, vision.temporalPatchSize],
  ];
  for (const [field, found, wanted] of pairs)
    if (found !== wanted)
      throw new DataError(
        `loadQwen2Vl: ${field} of the image processor must be the model's, ${wanted}; got ${found}.`,
        {
          field,
        },
      );
  if (tokenizer.vocabularySize > text.vocabSize)
    throw new DataError(
      `loadQwen2Vl: the tokenizer must have at most the model's ${text.vocabSize} tokens; got ${tokenizer.vocabularySize}. Use the tokenizer that belongs to the model.`,
      { vocabSize: text.vocabSize, vocabularySize: tokenizer.vocabularySize },
    );
}
