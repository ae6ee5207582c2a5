import { DataError } from "../base/errors";
import { requireBackend } from "../compute/backend";
import { assertWeights, type Checkpoint, readCheckpoint, requirePart, writeCheckpoint } from "./checkpoint";
import { type ClipConfig, clipWeightShapes, parseClipConfig } from "./clip-config";
import type { ClipTower } from "./clip-towers";
import { drawClipWeights } from "./clip-weights";
import { parseClipImageConfig } from "./image-config";
import type { ClipImageConfig } from "./image-processor";
import { createParameterStore, type ParameterStore, type WeightArray } from "./parameters";
import { createTokenizer, type JsonObject, type TextTokenizer } from "./tokenizer";

/** The JSON files a CLIP model consists of beside its weights, kept to be written again. */
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

/** A dual encoder: images and texts into one space. */
export interface Clip {
  readonly kind: "clip";
  readonly config: ClipConfig;
  readonly imageConfig: ClipImageConfig;
  readonly tokenizer: TextTokenizer;
  readonly parameters: ParameterStore;
  readonly parts: ClipParts;
  /** Frees the weights. */
  dispose(): void;
}

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
  const names = /^(vision_model\.|visual_projection\.)/;
  const copy = createParameterStore([...parameters.export()].filter(([name]) => names.test(name)));
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
  if (tokenizer.vocabularySize > config.text.vocabularySize)
    throw new DataError(
      `${where}: vocab_size must be at least the tokenizer's ${tokenizer.vocabularySize} tokens; got ${config.text.vocabularySize}. Use the config.json and tokenizer.json of one checkpoint.`,
      { vocabularySize: tokenizer.vocabularySize },
    );
  const weights = weightsOf(config);
  assertWeights(where, weights, clipWeightShapes(config));
  const parameters = createParameterStore(weights);
  return {
    kind: "clip",
    config,
    imageConfig: parseClipImageConfig(parts.preprocessor),
    tokenizer,
    parameters,
    parts,
    dispose: () => parameters.dispose(),
  };
}
