import { DataError } from "../../base/errors";
import { createRandom } from "../../base/random";
import { requireBackend } from "../../compute/backend";
import { decoderShapes, TEXT_PREFIX, withStoredHead } from "../layers/decoder";
import { withFolderTokens } from "../text/generation-config";
import { assertVocabulary, createTokenizer, type TextTokenizer } from "../text/tokenizer";
import type { ReaderArchitecture, VisionLanguageModel } from "../vision-language/model";
import type { JsonObject } from "../weights/fields";
import { neededWeights, readCheckpoint, requirePart, writeCheckpoint } from "../weights/model-folder";
import {
  createParameterStore,
  drawWeights,
  type NamedShape,
  type WeightArray,
  withBias,
  withoutBias,
} from "../weights/parameters";
import { assertPixtralConfig, type PixtralConfig, parsePixtralConfig, pixtralConfigJson } from "./config";
import { linePositionIds, PROJECTOR_PREFIX, pixtralVisionTower, VISION_PREFIX } from "./model";
import {
  PIXTRAL_CHAT_TEMPLATE,
  type PixtralImageConfig,
  type PixtralTokens,
  parsePixtralImageConfig,
  parsePixtralTokens,
  pixtralImageJson,
  pixtralImageProcessor,
  pixtralProcessorJson,
} from "./processor";

const KIND = "pixtral";

/** Name and shape of every weight, under the module names of transformers 5 (those PEFT adapters use). */
function pixtralShapes(config: PixtralConfig): Map<string, readonly number[]> {
  const shapes = new Map([...visionShapes(config), ...projectorShapes(config), ...decoderShapes(config.text, "none")]);
  if (!config.tieWordEmbeddings) shapes.set("lm_head.weight", [config.text.vocabSize, config.text.hiddenSize]);
  return shapes;
}

function visionShapes({ vision }: PixtralConfig): NamedShape[] {
  const { hiddenSize: width, intermediateSize, patchSize, numChannels, numLayers } = vision;
  const layers = Array.from({ length: numLayers }, (_, layer) => `${VISION_PREFIX}.transformer.layers.${layer}`);
  return [
    ...withoutBias(`${VISION_PREFIX}.patch_conv`, [width, numChannels, patchSize, patchSize]),
    ...withoutBias(`${VISION_PREFIX}.ln_pre`, [width]),
    ...layers.flatMap((layer) => [
      ...withoutBias(`${layer}.attention_norm`, [width]),
      ...withoutBias(`${layer}.attention.q_proj`, [width, width]),
      ...withoutBias(`${layer}.attention.k_proj`, [width, width]),
      ...withoutBias(`${layer}.attention.v_proj`, [width, width]),
      ...withoutBias(`${layer}.attention.o_proj`, [width, width]),
      ...withoutBias(`${layer}.ffn_norm`, [width]),
      ...withoutBias(`${layer}.feed_forward.gate_proj`, [intermediateSize, width]),
      ...withoutBias(`${layer}.feed_forward.up_proj`, [intermediateSize, width]),
      ...withoutBias(`${layer}.feed_forward.down_proj`, [width, intermediateSize]),
    ]),
  ];
}

function projectorShapes({ vision, text, projectorBias }: PixtralConfig): NamedShape[] {
  const map = projectorBias === "bias" ? withBias : withoutBias;
  return [
    ...map(`${PROJECTOR_PREFIX}.linear_1`, [text.hiddenSize, vision.hiddenSize]),
    ...map(`${PROJECTOR_PREFIX}.linear_2`, [text.hiddenSize, text.hiddenSize]),
  ];
}

/**
 * The module name in memory of a name in a file. Files as published and as `save_pretrained` writes them put the whole text
 * model, head included, below `language_model`; a file may also hold the names in memory.
 */
function toModuleName(fileName: string): string {
  if (fileName.startsWith("language_model.lm_head.")) return fileName.slice("language_model.".length);
  if (fileName.startsWith("language_model.model."))
    return `${TEXT_PREFIX}.${fileName.slice("language_model.model.".length)}`;
  if (/^(language_model|vision_tower|multi_modal_projector)\./.test(fileName)) return `model.${fileName}`;
  return fileName;
}

/** The name transformers' `save_pretrained` writes for a module of this model. */
function toFileName(moduleName: string): string {
  if (moduleName.startsWith("lm_head.")) return `language_model.${moduleName}`;
  if (moduleName.startsWith(`${TEXT_PREFIX}.`))
    return `language_model.model.${moduleName.slice(TEXT_PREFIX.length + 1)}`;
  return moduleName.slice("model.".length);
}

/** What a reader needs besides weights. */
export interface PixtralParts {
  readonly tokenizer: TextTokenizer;
  /** What preprocessor_config.json says. */
  readonly imageConfig: PixtralImageConfig;
  readonly chatTemplate: string;
  readonly imageTokens: PixtralTokens;
}

/** A Pixtral-shaped reader: vision tower, projector, Mistral text model, and what turns messages into its input. */
export interface Pixtral extends VisionLanguageModel, PixtralParts {
  readonly kind: "pixtral";
  readonly config: PixtralConfig;
  readonly imageConfig: PixtralImageConfig;
}

/**
 * Creates a reader with fresh weights (normal; deviation by the number of inputs). The same seed gives the same weights.
 *
 * @throws ConfigError when the sizes contradict each other. StateError before `openBackend` has finished.
 */
export function createPixtral(config: PixtralConfig, parts: PixtralParts, seed: number): Pixtral {
  assertPixtralConfig(config);
  return assemblePixtral(config, parts, drawWeights(pixtralShapes(config), createRandom(seed).fork(KIND)));
}

/**
 * Reads a Hugging Face folder of a LlavaForConditionalGeneration with a Pixtral tower: config.json, weights, tokenizer.json,
 * preprocessor_config.json (or processor_config.json) and, if there, the chat template.
 *
 * @throws DataError when a file is missing, broken, or does not fit the others.
 */
export function loadPixtral(folder: string): Pixtral {
  const where = "loadPixtral";
  const checkpoint = readCheckpoint(folder);
  const parsed = parsePixtralConfig(checkpoint.config);
  const tokenizer = createTokenizer(requirePart(where, checkpoint, "tokenizer"), checkpoint.tokenizerConfig ?? {});
  const weights = new Map([...checkpoint.weights].map(([name, weight]) => [toModuleName(name), weight]));
  const text = withFolderTokens(parsed.text, tokenizer, checkpoint.generation ?? null);
  const config = withStoredHead({ ...parsed, text }, weights);
  const imageConfig = parsePixtralImageConfig(requirePart(where, checkpoint, "preprocessor"));
  const parts: PixtralParts = {
    tokenizer,
    imageConfig,
    chatTemplate: checkpoint.chatTemplate ?? PIXTRAL_CHAT_TEMPLATE,
    imageTokens: parsePixtralTokens(checkpoint.processor ?? {}, imageConfig.patchSize),
  };
  return assemblePixtral(config, parts, weights);
}

/** Writes a folder that `loadPixtral` and transformers read. Adapters are not in it: `mergeLora` or `saveLora` them. */
export function savePixtral(model: Pixtral, folder: string): void {
  const weights = new Map([...model.parameters.entries()].map(([name, weight]) => [toFileName(name), weight]));
  writeCheckpoint(folder, {
    config: pixtralConfigJson(model.config),
    weights,
    tokenizer: model.tokenizer.json,
    tokenizerConfig: tokenizerConfigJson(model),
    preprocessor: pixtralImageJson(model.imageConfig),
    processor: pixtralProcessorJson(model.imageTokens, model.imageConfig),
    chatTemplate: model.chatTemplate,
  });
}

function tokenizerConfigJson({ tokenizer, config }: Pixtral): JsonObject {
  const content = (id: number): string => tokenizer.decode([id], "keep");
  return {
    ...(tokenizer.begin === null ? {} : { bos_token: tokenizer.begin }),
    eos_token: content(config.text.endTokenId),
    model_max_length: config.text.maxPositions,
    pad_token: content(config.text.padTokenId),
    processor_class: "PixtralProcessor",
    tokenizer_class: "PreTrainedTokenizerFast",
  };
}

/** A reader from weights under module names. @throws DataError when weights are missing, unknown or of another shape. */
function assemblePixtral(
  config: PixtralConfig,
  parts: PixtralParts,
  weights: ReadonlyMap<string, WeightArray>,
): Pixtral {
  requireBackend();
  assertPartsFit(config, parts);
  const shapes = pixtralShapes(config);
  const needed = neededWeights("loadPixtral", weights, shapes);
  const ordered = [...shapes.keys()].map((name) => [name, needed.get(name)!] as const);
  const parameters = createParameterStore(ordered, toModuleName, toFileName);
  const { tokenizer, imageConfig, chatTemplate, imageTokens } = parts;
  return {
    kind: KIND,
    config,
    parameters,
    tokenizer,
    imageConfig,
    chatTemplate,
    imageTokens,
    imageProcessor: pixtralImageProcessor(imageConfig, {
      imageTokenId: config.imageTokenId,
      breakTokenId: tokenizer.idOf(imageTokens.imageBreak),
      endTokenId: tokenizer.idOf(imageTokens.imageEnd),
    }),
    visionTower: pixtralVisionTower(config),
    positionIds: (ids, grids) => linePositionIds(ids, grids, config.imageTokenId),
    dispose: () => parameters.dispose(),
  };
}

function assertPartsFit(config: PixtralConfig, { tokenizer, imageConfig, imageTokens }: PixtralParts): void {
  const fits: [string, number, number][] = [
    ["patch_size of the image processor", imageConfig.patchSize, config.vision.patchSize],
    [`the id of ${imageTokens.image}`, tokenizer.idOf(imageTokens.image), config.imageTokenId],
  ];
  for (const [field, found, wanted] of fits)
    if (found !== wanted)
      throw new DataError(`loadPixtral: ${field} must be the model's, ${wanted}; got ${found}.`, { field });
  assertVocabulary("loadPixtral", tokenizer, config.text.vocabSize);
}

/** The row of `registry.ts`. Its folders are LLaVA's with another vision tower. */
export const PIXTRAL: ReaderArchitecture<Pixtral> = {
  family: "reader",
  kind: KIND,
  name: "Pixtral",
  modelType: "llava",
  load: loadPixtral,
  save: savePixtral,
};
