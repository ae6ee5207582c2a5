import { DataError } from "../../base/errors";
import { createRandom, type Random } from "../../base/random";
import { requireBackend } from "../../compute/backend";
import type { DualEncoder, DualTowers } from "../dual-encoder";
import { parseClipImageConfig } from "../images/config";
import type { ClipImageConfig } from "../images/processor";
import { createTokenizer, type JsonObject, type TextTokenizer } from "../text/tokenizer";
import { assertWeights, type Checkpoint, readCheckpoint, requirePart, writeCheckpoint } from "../weights/model-folder";
import { createParameterStore, type WeightArray } from "../weights/parameters";
import { type ClipConfig, clipWeightShapes, parseClipConfig } from "./config";
import { type ClipTower, clipImageEmbeddings, clipTextEmbeddings } from "./model";
import { clipPixels, clipTexts } from "./processor";

/** The JSON files a CLIP or a Jina-CLIP consists of beside its weights, kept to be written again. */
export interface ClipParts {
  /** config.json */
  readonly config: JsonObject;
  /** tokenizer.json */
  readonly tokenizer: JsonObject;
  /** tokenizer_config.json. Default: none. */
  readonly tokenizerConfig?: JsonObject | null;
  /** preprocessor_config.json */
  readonly preprocessor: JsonObject;
}

/** @throws DataError when the tokenizer writes ids that the model has no embedding for. */
export function requireVocabulary(where: string, tokenizer: TextTokenizer, vocabularySize: number): void {
  if (tokenizer.vocabularySize <= vocabularySize) return;
  throw new DataError(
    `${where}: vocab_size must be at least the tokenizer's ${tokenizer.vocabularySize} tokens; got ${vocabularySize}. Use the config.json and tokenizer.json of one checkpoint.`,
    { vocabularySize: tokenizer.vocabularySize },
  );
}

/** Fresh weights with the spreads transformers starts CLIP with, one random stream per weight name. */
export function drawClipWeights(config: ClipConfig, seed: number | string): Map<string, WeightArray> {
  const random = createRandom(seed).fork("clip");
  return new Map(
    [...clipWeightShapes(config)].map(([name, shape]) => {
      const size = shape.reduce((product, n) => product * n, 1);
      return [name, { shape, data: draw(name, size, config, random.fork(name)) }] as const;
    }),
  );
}

function draw(name: string, size: number, config: ClipConfig, random: Random): Float32Array {
  const fill = fillOf(name, config);
  if (fill !== null) return new Float32Array(size).fill(fill);
  const deviation = deviationOf(name, config);
  return Float32Array.from({ length: size }, () => random.normal(0, deviation));
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

/** A dual encoder: images and texts into one space. */
export interface Clip extends DualEncoder {
  readonly kind: "clip";
  readonly config: ClipConfig;
  readonly imageConfig: ClipImageConfig;
  readonly tokenizer: TextTokenizer;
  readonly parts: ClipParts;
}

const IMAGE_WEIGHT = /^(vision_model\.|visual_projection\.)/;

/** A trainable copy of the image tower, for `clipImageEmbeddings`. */
export interface VisionTower extends ClipTower {
  readonly kind: "clip-vision";
  dispose(): void;
}

/**
 * Creates a CLIP model with fresh weights.
 *
 * @throws DataError when a part is not what it should be, or the tokenizer does not fit the configuration.
 * StateError when no engine is open.
 */
export function createClip(parts: ClipParts, seed: number | string): Clip {
  return build("createClip", parts, (config) => drawClipWeights(config, seed));
}

/**
 * Loads a CLIP model from a Hugging Face folder.
 *
 * @throws DataError when a file is missing or broken, or a weight is missing, unknown or of another shape.
 */
export function loadClip(folder: string): Clip {
  const checkpoint = readCheckpoint(folder);
  const parts = {
    config: checkpoint.config,
    tokenizer: requirePart("loadClip", checkpoint, "tokenizer"),
    tokenizerConfig: checkpoint.tokenizerConfig,
    preprocessor: requirePart("loadClip", checkpoint, "preprocessor"),
  };
  return build("loadClip", parts, () => checkpoint.weights);
}

/** Writes the model as a Hugging Face folder that transformers' CLIPModel reads. */
export function saveClip(clip: Clip, folder: string): void {
  const checkpoint: Checkpoint = {
    tokenizerConfig: null,
    ...clip.parts,
    weights: clip.parameters.entries(),
    chatTemplate: null,
  };
  writeCheckpoint(folder, checkpoint);
}

/** Copies the image tower with its projection; all its weights are trainable, the model's own stay as they are. */
export function copyVisionTower({ config, parameters }: ClipTower): VisionTower {
  const copy = createParameterStore([...parameters.export()].filter(([name]) => IMAGE_WEIGHT.test(name)));
  copy.unfreeze();
  return { kind: "clip-vision", config, parameters: copy, dispose: () => copy.dispose() };
}

function build(
  where: string,
  parts: ClipParts,
  weightsOf: (config: ClipConfig) => ReadonlyMap<string, WeightArray>,
): Clip {
  requireBackend();
  const config = parseClipConfig(parts.config);
  const tokenizer = createTokenizer(parts.tokenizer, parts.tokenizerConfig ?? {});
  requireVocabulary(where, tokenizer, config.text.vocabularySize);
  const weights = weightsOf(config);
  assertWeights(where, weights, clipWeightShapes(config));
  const parameters = createParameterStore(weights);
  const imageConfig = parseClipImageConfig(parts.preprocessor);
  const towers: DualTowers = {
    width: config.projectionSize,
    pixels: (images) => clipPixels({ imageConfig }, images),
    texts: (texts, control) => clipTexts({ config, tokenizer }, texts, control),
    imageEmbeddings: (store, pixels) => clipImageEmbeddings({ config, parameters: store }, pixels),
    textEmbeddings: (store, texts) => clipTextEmbeddings({ config, parameters: store }, texts),
    isImageWeight: (name) => IMAGE_WEIGHT.test(name),
  };
  return {
    kind: "clip",
    config,
    imageConfig,
    tokenizer,
    parameters,
    parts,
    towers,
    dispose: () => parameters.dispose(),
  };
}
