import { requireBackend } from "../compute/backend";
import { assertWeights, type Checkpoint, readCheckpoint, requirePart, writeCheckpoint } from "./checkpoint";
import { type ClipConfig, clipWeightShapes, parseClipConfig } from "./clip-config";
import { clipPixels, clipTexts } from "./clip-encode";
import { type ClipParts, requireVocabulary } from "./clip-parts";
import { type ClipTower, clipImageEmbeddings, clipTextEmbeddings } from "./clip-towers";
import { drawClipWeights } from "./clip-weights";
import type { DualEncoder, DualTowers } from "./dual-encoder";
import { parseClipImageConfig } from "./image-config";
import type { ClipImageConfig } from "./image-processor";
import { createParameterStore, type WeightArray } from "./parameters";
import { createTokenizer, type TextTokenizer } from "./tokenizer";

export type { ClipParts } from "./clip-parts";

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
