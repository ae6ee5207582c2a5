import { createRandom } from "../../base/random";
import { requireBackend } from "../../compute/backend";
import {
  type DualEncoder,
  type DualTowers,
  type EncoderArchitecture,
  type EncoderParts,
  readEncoderFolder,
  writeEncoderFolder,
} from "../dual-encoder/encoder";
import { type EncoderImageConfig, encoderPixels } from "../dual-encoder/processor";
import { assertVocabulary, createTokenizer, type TextTokenizer } from "../text/tokenizer";
import { neededWeights } from "../weights/model-folder";
import {
  createParameterStore,
  drawWeights,
  type InitialValues,
  type NamedShape,
  type WeightArray,
  withBias,
} from "../weights/parameters";
import { type ClipConfig, type ClipTowerConfig, parseClipConfig } from "./config";
import { clipImageEmbeddings, clipTextEmbeddings } from "./model";
import { clipTexts, parseClipImageConfig } from "./processor";

const KIND = "clip";

/** The shape of every weight by name, in transformers' spelling. */
function clipShapes(config: ClipConfig): Map<string, readonly number[]> {
  const { vision, text, projectionSize } = config;
  const numPatches = (vision.imageSize / vision.patchSize) ** 2;
  return new Map<string, readonly number[]>([
    ["logit_scale", []],
    ["text_model.embeddings.token_embedding.weight", [text.vocabularySize, text.hiddenSize]],
    ["text_model.embeddings.position_embedding.weight", [text.maxPositions, text.hiddenSize]],
    ...layerShapes("text_model", text),
    ...withBias("text_model.final_layer_norm", [text.hiddenSize]),
    ["vision_model.embeddings.class_embedding", [vision.hiddenSize]],
    ["vision_model.embeddings.patch_embedding.weight", [vision.hiddenSize, 3, vision.patchSize, vision.patchSize]],
    ["vision_model.embeddings.position_embedding.weight", [numPatches + 1, vision.hiddenSize]],
    ...withBias("vision_model.pre_layrnorm", [vision.hiddenSize]),
    ...layerShapes("vision_model", vision),
    ...withBias("vision_model.post_layernorm", [vision.hiddenSize]),
    ["visual_projection.weight", [projectionSize, vision.hiddenSize]],
    ["text_projection.weight", [projectionSize, text.hiddenSize]],
  ]);
}

function layerShapes(tower: string, { numLayers, hiddenSize, intermediateSize }: ClipTowerConfig): NamedShape[] {
  return Array.from({ length: numLayers }, (_, index) => `${tower}.encoder.layers.${index}`).flatMap((layer) => [
    ...["k_proj", "v_proj", "q_proj", "out_proj"].flatMap((name) =>
      withBias(`${layer}.self_attn.${name}`, [hiddenSize, hiddenSize]),
    ),
    ...withBias(`${layer}.layer_norm1`, [hiddenSize]),
    ...withBias(`${layer}.mlp.fc1`, [intermediateSize, hiddenSize]),
    ...withBias(`${layer}.mlp.fc2`, [hiddenSize, intermediateSize]),
    ...withBias(`${layer}.layer_norm2`, [hiddenSize]),
  ]);
}

/** Fresh weights have the spreads that transformers starts CLIP with. */
function initialOf(name: string, config: ClipConfig): InitialValues {
  const fill = fillOf(name, config);
  return fill === null ? { deviation: deviationOf(name, config) } : { fill };
}

function fillOf(name: string, config: ClipConfig): number | null {
  if (name === "logit_scale") return config.logitScale;
  if (name.endsWith(".bias")) return 0;
  return /norm\d?\.weight$/.test(name) ? 1 : null;
}

function deviationOf(name: string, config: ClipConfig): number {
  const { hiddenSize, numLayers } = /^(text_model|text_projection)/.test(name) ? config.text : config.vision;
  const shrinking = hiddenSize ** -0.5 * (2 * numLayers) ** -0.5;
  if (/\.[qkv]_proj\.|\.fc2\./.test(name)) return shrinking;
  if (name.includes(".fc1.")) return (2 * hiddenSize) ** -0.5;
  return /out_proj|_projection|class_embedding/.test(name) ? hiddenSize ** -0.5 : 0.02;
}

/** A CLIP: two transformer towers of images and texts into one space. */
export interface Clip extends DualEncoder {
  readonly kind: "clip";
  readonly config: ClipConfig;
  readonly imageConfig: EncoderImageConfig;
  readonly tokenizer: TextTokenizer;
  readonly parts: EncoderParts;
}

/**
 * Creates a CLIP model with fresh weights.
 *
 * @throws DataError when a part is not what it should be, or the tokenizer does not fit the configuration.
 * StateError when no engine is open.
 */
export function createClip(parts: EncoderParts, seed: number | string): Clip {
  const random = createRandom(seed).fork(KIND);
  return build("createClip", parts, (config) =>
    drawWeights(clipShapes(config), random, (name) => initialOf(name, config)),
  );
}

/**
 * Loads a CLIP model from a Hugging Face folder.
 *
 * @throws DataError when a file is missing or broken, or a weight is missing, unknown or of another shape.
 */
export function loadClip(folder: string): Clip {
  const { parts, weights } = readEncoderFolder("loadClip", folder);
  return build("loadClip", parts, () => weights);
}

/** Writes the model as a Hugging Face folder that transformers' CLIPModel reads. */
export function saveClip(clip: Clip, folder: string): void {
  writeEncoderFolder(clip, folder);
}

function build(
  where: string,
  parts: EncoderParts,
  weightsOf: (config: ClipConfig) => ReadonlyMap<string, WeightArray>,
): Clip {
  requireBackend();
  const config = parseClipConfig(parts.config);
  const tokenizer = createTokenizer(parts.tokenizer, parts.tokenizerConfig ?? {});
  assertVocabulary(where, tokenizer, config.text.vocabularySize);
  const parameters = createParameterStore(neededWeights(where, weightsOf(config), clipShapes(config)));
  const imageConfig = parseClipImageConfig(parts.preprocessor);
  const towers: DualTowers = {
    width: config.projectionSize,
    pixels: (images) => encoderPixels(images, imageConfig),
    texts: (texts, control) => clipTexts({ config, tokenizer }, texts, control),
    imageEmbeddings: (store, pixels) => clipImageEmbeddings({ config, parameters: store }, pixels),
    textEmbeddings: (store, texts) => clipTextEmbeddings({ config, parameters: store }, texts),
    isImageWeight: (name) => /^(vision_model\.|visual_projection\.)/.test(name),
  };
  const dispose = (): void => parameters.dispose();
  return { kind: KIND, config, imageConfig, tokenizer, parameters, parts, towers, dispose };
}

/** The row of `registry.ts`. */
export const CLIP: EncoderArchitecture<Clip> = {
  family: "encoder",
  kind: KIND,
  name: "CLIP",
  modelType: "clip",
  load: loadClip,
  save: saveClip,
};
