import { DataError } from "../base/errors";
import { requireBackend } from "../compute/backend";
import { assertWeights, type Checkpoint, readCheckpoint, requirePart, writeCheckpoint } from "./checkpoint";
import { createParameterStore, type ParameterStore, type WeightArray } from "./parameters";
import { PIXTRAL_CHAT_TEMPLATE } from "./pixtral-chat-template";
import { assertPixtralConfig, type PixtralConfig } from "./pixtral-config";
import { parsePixtralConfig, pixtralConfigJson } from "./pixtral-config-json";
import { type PixtralImageConfig, parsePixtralImageConfig, pixtralImageJson } from "./pixtral-images";
import { pixtralPictures } from "./pixtral-pictures";
import { initialPixtralWeights, pixtralShapes, toPixtralFileName, toPixtralModule } from "./pixtral-weights";
import { createTokenizer, type JsonObject, type TextTokenizer } from "./tokenizer";
import type { PictureReader, VisionLanguageModel } from "./vision-language";

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
