import { DataError } from "../../base/errors";
import { createRandom } from "../../base/random";
import { requireBackend } from "../../compute/backend";
import { affine, decoderShapes, drawWeights, plain } from "../layers/decoder";
import { createTokenizer, type JsonObject, type TextTokenizer } from "../text/tokenizer";
import { type PictureReader, TEXT_PREFIX, type VisionLanguageModel } from "../vision-language/model";
import { assertWeights, type Checkpoint, readCheckpoint, requirePart, writeCheckpoint } from "../weights/model-folder";
import { createParameterStore, type ParameterStore, type WeightArray } from "../weights/parameters";
import { assertPixtralConfig, type PixtralConfig, parsePixtralConfig, pixtralConfigJson } from "./config";
import { pixtralPictures } from "./model";
import { PIXTRAL_CHAT_TEMPLATE, type PixtralImageConfig, parsePixtralImageConfig, pixtralImageJson } from "./processor";

/** Prefix of the vision tower's modules. */
export const PIXTRAL_VISION = "model.vision_tower";
/** Prefix of the two linear maps from the vision tower to the text model. */
export const PIXTRAL_PROJECTOR = "model.multi_modal_projector";

/** Name and shape of every weight, under the module names of transformers 5 (those PEFT adapters use). */
export function pixtralShapes(config: PixtralConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>([
    ...visionShapes(config),
    ...projectorShapes(config),
    ...decoderShapes(config.text, "none"),
  ]);
  if (!config.tieWordEmbeddings) shapes.set("lm_head.weight", [config.text.vocabSize, config.text.hiddenSize]);
  return shapes;
}

function visionShapes({ vision }: PixtralConfig): [string, number[]][] {
  const { hiddenSize: width, intermediateSize, patchSize, numChannels } = vision;
  const shapes = [
    ...plain(`${PIXTRAL_VISION}.patch_conv`, [width, numChannels, patchSize, patchSize]),
    ...plain(`${PIXTRAL_VISION}.ln_pre`, [width]),
  ];
  for (let layer = 0; layer < vision.numLayers; layer++) {
    const prefix = `${PIXTRAL_VISION}.transformer.layers.${layer}`;
    shapes.push(
      ...plain(`${prefix}.attention_norm`, [width]),
      ...plain(`${prefix}.attention.q_proj`, [width, width]),
      ...plain(`${prefix}.attention.k_proj`, [width, width]),
      ...plain(`${prefix}.attention.v_proj`, [width, width]),
      ...plain(`${prefix}.attention.o_proj`, [width, width]),
      ...plain(`${prefix}.ffn_norm`, [width]),
      ...plain(`${prefix}.feed_forward.gate_proj`, [intermediateSize, width]),
      ...plain(`${prefix}.feed_forward.up_proj`, [intermediateSize, width]),
      ...plain(`${prefix}.feed_forward.down_proj`, [width, intermediateSize]),
    );
  }
  return shapes;
}

function projectorShapes({ vision, text, projectorBias }: PixtralConfig): [string, number[]][] {
  const map = projectorBias === "bias" ? affine : plain;
  return [
    ...map(`${PIXTRAL_PROJECTOR}.linear_1`, [text.hiddenSize, vision.hiddenSize]),
    ...map(`${PIXTRAL_PROJECTOR}.linear_2`, [text.hiddenSize, text.hiddenSize]),
  ];
}

/** Fresh weights, see `drawWeights`. */
export function initialPixtralWeights(config: PixtralConfig, seed: number): Map<string, WeightArray> {
  return drawWeights(pixtralShapes(config), createRandom(seed).fork("pixtral"));
}

/**
 * The module name in memory of a name in a file. Files as published and as `save_pretrained` writes them put the whole text
 * model, head included, below `language_model`; a file may also hold the names in memory.
 */
export function toPixtralModule(fileName: string): string {
  if (fileName.startsWith("language_model.lm_head.")) return fileName.slice("language_model.".length);
  if (fileName.startsWith("language_model.model."))
    return `${TEXT_PREFIX}.${fileName.slice("language_model.model.".length)}`;
  if (/^(language_model|vision_tower|multi_modal_projector)\./.test(fileName)) return `model.${fileName}`;
  return fileName;
}

/** The name transformers' `save_pretrained` writes for a module of this model. */
export function toPixtralFileName(moduleName: string): string {
  if (moduleName.startsWith("lm_head.")) return `language_model.${moduleName}`;
  if (moduleName.startsWith(`${TEXT_PREFIX}.`))
    return `language_model.model.${moduleName.slice(TEXT_PREFIX.length + 1)}`;
  return moduleName.slice("model.".length);
}

/** The three tokens a picture is written with. */
export interface PixtralTokens {
  readonly image: string;
  readonly imageBreak: string;
  readonly imageEnd: string;
}

/** Pixtral's own names of them. */
export const PIXTRAL_TOKENS: PixtralTokens = { image: "[IMG]", imageBreak: "[IMG_BREAK]", imageEnd: "[IMG_END]" };

/** A Pixtral-shaped reader: vision tower, projector, Mistral text model, and what turns messages into its input. */
export interface Pixtral extends VisionLanguageModel {
  readonly kind: "pixtral";
  readonly config: PixtralConfig;
  /** Under the module names of transformers 5: model.vision_tower.…, model.multi_modal_projector.…, model.language_model.…, lm_head. */
  readonly parameters: ParameterStore;
  readonly tokenizer: TextTokenizer;
  readonly imageProcessor: PixtralImageConfig;
  readonly imageTokens: PixtralTokens;
  readonly chatTemplate: string;
  readonly pictures: PictureReader;
}

/** What a reader needs besides weights. */
export interface PixtralParts {
  readonly tokenizer: TextTokenizer;
  readonly imageProcessor: PixtralImageConfig;
  readonly chatTemplate: string;
  readonly imageTokens: PixtralTokens;
}

/**
 * Creates a reader with fresh weights (normal; deviation by the number of inputs). The same seed gives the same weights.
 *
 * @throws ConfigError when the sizes contradict each other. StateError before `openBackend` has finished.
 */
export function createPixtral(config: PixtralConfig, parts: PixtralParts, seed: number): Pixtral {
  assertPixtralConfig(config);
  return assemblePixtral(config, parts, initialPixtralWeights(config, seed));
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
  const config = parsePixtralConfig(checkpoint.config);
  const weights = new Map([...checkpoint.weights].map(([name, weight]) => [toPixtralModule(name), weight]));
  if (config.tieWordEmbeddings) weights.delete("lm_head.weight"); // some files hold the shared matrix twice
  const parts: PixtralParts = {
    tokenizer: createTokenizer(requirePart(where, checkpoint, "tokenizer"), checkpoint.tokenizerConfig ?? {}),
    imageProcessor: parsePixtralImageConfig(requirePart(where, checkpoint, "preprocessor")),
    chatTemplate: checkpoint.chatTemplate ?? PIXTRAL_CHAT_TEMPLATE,
    imageTokens: imageTokensOf(checkpoint),
  };
  return assemblePixtral(config, parts, weights);
}

function imageTokensOf({ processor }: Checkpoint): PixtralTokens {
  const named = (field: string, fallback: string): string => {
    const value = processor?.[field] ?? fallback;
    if (typeof value === "string") return value;
    throw new DataError(
      `loadPixtral: ${field} of processor_config.json must be a token's text; got ${JSON.stringify(value)}. Copy the file from the model again.`,
      { field, value },
    );
  };
  return {
    image: named("image_token", PIXTRAL_TOKENS.image),
    imageBreak: named("image_break_token", PIXTRAL_TOKENS.imageBreak),
    imageEnd: named("image_end_token", PIXTRAL_TOKENS.imageEnd),
  };
}

/** Writes a folder that `loadPixtral` and transformers read. Adapters are not in it: `mergeLora` or `saveLora` them. */
export function savePixtral(model: Pixtral, folder: string): void {
  const weights = new Map([...model.parameters.entries()].map(([name, weight]) => [toPixtralFileName(name), weight]));
  writeCheckpoint(folder, {
    config: pixtralConfigJson(model.config),
    weights,
    tokenizer: model.tokenizer.json,
    tokenizerConfig: tokenizerConfigJson(model),
    preprocessor: pixtralImageJson(model.imageProcessor),
    processor: processorJson(model),
    chatTemplate: model.chatTemplate,
  });
}

function processorJson({ imageTokens, imageProcessor }: Pixtral): JsonObject {
  return {
    image_break_token: imageTokens.imageBreak,
    image_end_token: imageTokens.imageEnd,
    image_processor: pixtralImageJson(imageProcessor),
    image_token: imageTokens.image,
    patch_size: imageProcessor.patchSize,
    processor_class: "PixtralProcessor",
    spatial_merge_size: 1,
  };
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
export function assemblePixtral(
  config: PixtralConfig,
  parts: PixtralParts,
  weights: ReadonlyMap<string, WeightArray>,
): Pixtral {
  requireBackend();
  assertPartsFit(config, parts);
  const { tokenizer, imageTokens, imageProcessor } = parts;
  const pictures = pixtralPictures(config, imageProcessor, {
    breakTokenId: tokenizer.idOf(imageTokens.imageBreak),
    endTokenId: tokenizer.idOf(imageTokens.imageEnd),
  });
  const shapes = pixtralShapes(config);
  assertWeights("loadPixtral", weights, shapes);
  const parameters = createParameterStore([...shapes.keys()].map((name) => [name, weights.get(name)!] as const));
  return { ...parts, kind: "pixtral", config, parameters, pictures, dispose: () => parameters.dispose() };
}

function assertPartsFit(config: PixtralConfig, { tokenizer, imageProcessor, imageTokens }: PixtralParts): void {
  const fits: [string, number, number][] = [
    ["patch_size of the image processor", imageProcessor.patchSize, config.vision.patchSize],
    [`the id of ${imageTokens.image}`, tokenizer.idOf(imageTokens.image), config.imageTokenId],
  ];
  for (const [field, found, wanted] of fits)
    if (found !== wanted)
      throw new DataError(`loadPixtral: ${field} must be the model's, ${wanted}; got ${found}.`, { field });
  if (tokenizer.vocabularySize > config.text.vocabSize)
    throw new DataError(
      `loadPixtral: the tokenizer must have at most the model's ${config.text.vocabSize} tokens; got ${tokenizer.vocabularySize}. Use the tokenizer that belongs to the model.`,
      { vocabSize: config.text.vocabSize, vocabularySize: tokenizer.vocabularySize },
    );
}
