import { DataError } from "../../base/errors";
import { createRandom } from "../../base/random";
import { requireBackend } from "../../compute/backend";
import { parseQwenImageConfig } from "../images/config";
import type { QwenImageConfig } from "../images/processor";
import { affine, decoderShapes, drawWeights } from "../layers/decoder";
import { QWEN2_VL_CHAT_TEMPLATE } from "../text/chat-template";
import { createTokenizer, type JsonObject, type TextTokenizer } from "../text/tokenizer";
import { type PictureReader, TEXT_PREFIX, type VisionLanguageModel } from "../vision-language/model";
import { assertWeights, readCheckpoint, requirePart, writeCheckpoint } from "../weights/model-folder";
import { createParameterStore, type ParameterStore, type WeightArray } from "../weights/parameters";
import { assertQwen2VlConfig, parseQwen2VlConfig, type Qwen2VlConfig, qwen2VlConfigJson } from "./config";
import { qwen2VlPictures } from "./model";

/** Prefix of the vision tower's modules. */
export const VISION_PREFIX = "model.visual";

/** Name and shape of every weight, under the module names of transformers 5 (those PEFT adapters use). */
export function qwen2VlShapes(config: Qwen2VlConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>([...visionShapes(config), ...decoderShapes(config.text, "bias")]);
  if (!config.tieWordEmbeddings) shapes.set("lm_head.weight", [config.text.vocabSize, config.text.hiddenSize]);
  return shapes;
}

function visionShapes({ vision, text }: Qwen2VlConfig): [string, number[]][] {
  const { embedDim: width, patchSize, temporalPatchSize, inChannels } = vision;
  const mlpWidth = Math.floor(width * vision.mlpRatio);
  const merged = width * vision.spatialMergeSize ** 2;
  const shapes: [string, number[]][] = [
    [`${VISION_PREFIX}.patch_embed.proj.weight`, [width, inChannels, temporalPatchSize, patchSize, patchSize]],
  ];
  for (let block = 0; block < vision.depth; block++) {
    const prefix = `${VISION_PREFIX}.blocks.${block}`;
    shapes.push(
      ...affine(`${prefix}.norm1`, [width]),
      ...affine(`${prefix}.norm2`, [width]),
      ...affine(`${prefix}.attn.qkv`, [3 * width, width]),
      ...affine(`${prefix}.attn.proj`, [width, width]),
      ...affine(`${prefix}.mlp.fc1`, [mlpWidth, width]),
      ...affine(`${prefix}.mlp.fc2`, [width, mlpWidth]),
    );
  }
  shapes.push(
    ...affine(`${VISION_PREFIX}.merger.ln_q`, [width]),
    ...affine(`${VISION_PREFIX}.merger.mlp.0`, [merged, merged]),
    ...affine(`${VISION_PREFIX}.merger.mlp.2`, [text.hiddenSize, merged]),
  );
  return shapes;
}

/** Fresh weights, see `drawWeights`. */
export function initialQwen2VlWeights(config: Qwen2VlConfig, seed: number): Map<string, WeightArray> {
  return drawWeights(qwen2VlShapes(config), createRandom(seed).fork("qwen2-vl"));
}

/** The module name in memory of a name in a file: the published dialect drops parts of the path. */
export function toModuleName(fileName: string): string {
  if (fileName.startsWith("visual.")) return `model.${fileName}`;
  if (fileName.startsWith("model.") && !/^model\.(visual|language_model)\./.test(fileName))
    return `${TEXT_PREFIX}.${fileName.slice("model.".length)}`;
  return fileName;
}

/** The name transformers' `save_pretrained` writes for a module of this model. */
export function toFileName(moduleName: string): string {
  if (moduleName.startsWith(`${VISION_PREFIX}.`)) return moduleName.slice("model.".length);
  if (moduleName.startsWith(`${TEXT_PREFIX}.`)) return `model.${moduleName.slice(TEXT_PREFIX.length + 1)}`;
  return moduleName;
}

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
