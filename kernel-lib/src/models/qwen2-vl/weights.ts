import { DataError } from "../../base/errors";
import { createRandom } from "../../base/random";
import { requireBackend } from "../../compute/backend";
import { decoderShapes, TEXT_PREFIX, withStoredHead } from "../layers/decoder";
import { withFolderTokens } from "../text/generation-config";
import { assertVocabulary, createTokenizer, type TextTokenizer } from "../text/tokenizer";
import type { ReaderArchitecture, VisionLanguageModel } from "../vision-language/model";
import type { JsonObject } from "../weights/fields";
import { neededWeights, processorFields, readCheckpoint, requirePart, writeCheckpoint } from "../weights/model-folder";
import { createParameterStore, drawWeights, type NamedShape, type WeightArray, withBias } from "../weights/parameters";
import { assertQwen2VlConfig, parseQwen2VlConfig, type Qwen2VlConfig, qwen2VlConfigJson } from "./config";
import { multimodalPositionIds, qwen2VisionTower, VISION_PREFIX } from "./model";
import {
  parseQwen2VlImageConfig,
  QWEN2_VL_CHAT_TEMPLATE,
  type Qwen2VlImageConfig,
  qwen2VlImageJson,
  qwen2VlImageProcessor,
} from "./processor";

const KIND = "qwen2-vl";

/** Name and shape of every weight, under the module names of transformers 5 (those PEFT adapters use). */
function qwen2VlShapes(config: Qwen2VlConfig): Map<string, readonly number[]> {
  const shapes = new Map([...visionShapes(config), ...decoderShapes(config.text, "bias")]);
  if (!config.tieWordEmbeddings) shapes.set("lm_head.weight", [config.text.vocabSize, config.text.hiddenSize]);
  return shapes;
}

function visionShapes({ vision, text }: Qwen2VlConfig): NamedShape[] {
  const { embedDim: width, patchSize, temporalPatchSize, inChannels } = vision;
  const mlpWidth = Math.floor(width * vision.mlpRatio);
  const merged = width * vision.spatialMergeSize ** 2;
  const blocks = Array.from({ length: vision.depth }, (_, block) => `${VISION_PREFIX}.blocks.${block}`);
  return [
    [`${VISION_PREFIX}.patch_embed.proj.weight`, [width, inChannels, temporalPatchSize, patchSize, patchSize]],
    ...blocks.flatMap((block) => [
      ...withBias(`${block}.norm1`, [width]),
      ...withBias(`${block}.norm2`, [width]),
      ...withBias(`${block}.attn.qkv`, [3 * width, width]),
      ...withBias(`${block}.attn.proj`, [width, width]),
      ...withBias(`${block}.mlp.fc1`, [mlpWidth, width]),
      ...withBias(`${block}.mlp.fc2`, [width, mlpWidth]),
    ]),
    ...withBias(`${VISION_PREFIX}.merger.ln_q`, [width]),
    ...withBias(`${VISION_PREFIX}.merger.mlp.0`, [merged, merged]),
    ...withBias(`${VISION_PREFIX}.merger.mlp.2`, [text.hiddenSize, merged]),
  ];
}

/** The module name in memory of a name in a file: the published dialect, and a file without an output head, drop parts of the path. */
export function toModuleName(fileName: string): string {
  if (/^(visual|language_model)\./.test(fileName)) return `model.${fileName}`;
  if (fileName.startsWith("model.") && !/^model\.(visual|language_model)\./.test(fileName))
    return `${TEXT_PREFIX}.${fileName.slice("model.".length)}`;
  return fileName;
}

/** The name transformers' `save_pretrained` writes for a module of this model. */
function toFileName(moduleName: string): string {
  if (moduleName.startsWith(`${VISION_PREFIX}.`)) return moduleName.slice("model.".length);
  if (moduleName.startsWith(`${TEXT_PREFIX}.`)) return `model.${moduleName.slice(TEXT_PREFIX.length + 1)}`;
  return moduleName;
}

/** What a reader needs besides weights. */
export interface Qwen2VlParts {
  readonly tokenizer: TextTokenizer;
  /** What preprocessor_config.json says. */
  readonly imageConfig: Qwen2VlImageConfig;
  /** Jinja text. */
  readonly chatTemplate: string;
}

/** A Qwen2-VL-shaped reader: vision tower, patch merger, text model, and what turns messages into its input. */
export interface Qwen2Vl extends VisionLanguageModel, Qwen2VlParts {
  readonly kind: "qwen2-vl";
  readonly config: Qwen2VlConfig;
  readonly imageConfig: Qwen2VlImageConfig;
}

/**
 * Creates a reader with fresh weights (normal; deviation by the number of inputs). The same seed gives the same weights.
 *
 * @throws ConfigError when the sizes contradict each other. StateError before `openBackend` has finished.
 */
export function createQwen2Vl(config: Qwen2VlConfig, parts: Qwen2VlParts, seed: number): Qwen2Vl {
  assertQwen2VlConfig(config);
  return assembleQwen2Vl(config, parts, drawWeights(qwen2VlShapes(config), createRandom(seed).fork(KIND)));
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
  const parsed = parseQwen2VlConfig(checkpoint.config);
  const tokenizer = createTokenizer(requirePart(where, checkpoint, "tokenizer"), checkpoint.tokenizerConfig ?? {});
  processorFields(where, checkpoint.processor ?? {}).refuseOthers();
  const weights = new Map([...checkpoint.weights].map(([name, weight]) => [toModuleName(name), weight]));
  const text = withFolderTokens(parsed.text, tokenizer, checkpoint.generation ?? null);
  const config = withStoredHead({ ...parsed, text }, weights);
  const parts: Qwen2VlParts = {
    tokenizer,
    imageConfig: parseQwen2VlImageConfig(requirePart(where, checkpoint, "preprocessor")),
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
    preprocessor: qwen2VlImageJson(model.imageConfig),
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

/** A reader from weights under module names. @throws DataError when weights are missing, unknown or of another shape. */
export function assembleQwen2Vl(
  config: Qwen2VlConfig,
  parts: Qwen2VlParts,
  weights: ReadonlyMap<string, WeightArray>,
): Qwen2Vl {
  requireBackend();
  assertPartsFit(config, parts);
  const shapes = qwen2VlShapes(config);
  const needed = neededWeights("loadQwen2Vl", weights, shapes);
  const ordered = [...shapes.keys()].map((name) => [name, needed.get(name)!] as const);
  const parameters = createParameterStore(ordered, toModuleName, toFileName);
  const { tokenizer, imageConfig, chatTemplate } = parts;
  const { imageTokenId, vision } = config;
  return {
    kind: KIND,
    config,
    parameters,
    tokenizer,
    imageConfig,
    chatTemplate,
    imageProcessor: qwen2VlImageProcessor(config, imageConfig),
    visionTower: qwen2VisionTower(vision),
    positionIds: (ids, grids) =>
      multimodalPositionIds(ids, grids, { imageTokenId, spatialMergeSize: vision.spatialMergeSize }),
    dispose: () => parameters.dispose(),
  };
}

function assertPartsFit({ vision, text }: Qwen2VlConfig, { tokenizer, imageConfig }: Qwen2VlParts): void {
  const pairs: [string, number, number][] = [
    ["patch_size", imageConfig.patchSize, vision.patchSize],
    ["merge_size", imageConfig.mergeSize, vision.spatialMergeSize],
    ["temporal_patch_size", imageConfig.temporalPatchSize, vision.temporalPatchSize],
  ];
  for (const [field, found, wanted] of pairs)
    if (found !== wanted)
      throw new DataError(
        `loadQwen2Vl: ${field} of the image processor must be the model's, ${wanted}; got ${found}.`,
        { field },
      );
  assertVocabulary("loadQwen2Vl", tokenizer, text.vocabSize);
}

/** The row of `registry.ts`. */
export const QWEN2_VL: ReaderArchitecture<Qwen2Vl> = {
  family: "reader",
  kind: KIND,
  name: "Qwen2-VL",
  modelType: "qwen2_vl",
  load: loadQwen2Vl,
  save: saveQwen2Vl,
};
