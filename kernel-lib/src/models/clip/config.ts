import { DataError } from "../../base/errors";
import type { JsonObject } from "../text/tokenizer";

/** Sizes of one tower. */
export interface ClipTowerConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly activation: "quick_gelu" | "gelu";
  readonly layerNormEpsilon: number;
}

/** Sizes of the image tower. */
export interface ClipVisionConfig extends ClipTowerConfig {
  readonly imageSize: number;
  readonly patchSize: number;
}

/** Sizes of the text tower, and the tokens it knows by id. */
export interface ClipTextConfig extends ClipTowerConfig {
  readonly vocabularySize: number;
  readonly maxPositions: number;
  readonly endTokenId: number;
  readonly padTokenId: number;
}

/** Architecture of a CLIP model. */
export interface ClipConfig {
  readonly projectionSize: number;
  /** Where the logarithm of the inverse temperature starts. */
  readonly logitScale: number;
  readonly vision: ClipVisionConfig;
  readonly text: ClipTextConfig;
}

/**
 * Reads the content of a CLIP config.json as transformers writes it.
 *
 * @throws DataError naming a field that is missing or asks for what is not built.
 */
export function parseClipConfig(json: JsonObject): ClipConfig {
  const vision = section(json, "vision_config");
  const text = section(json, "text_config");
  const config: ClipConfig = {
    projectionSize: count(json, "projection_dim"),
    logitScale: number(json, "logit_scale_init_value", 2.6592),
    vision: { ...parseTower(vision), imageSize: count(vision, "image_size"), patchSize: count(vision, "patch_size") },
    text: {
      ...parseTower(text),
      vocabularySize: count(text, "vocab_size"),
      maxPositions: count(text, "max_position_embeddings"),
      endTokenId: count(text, "eos_token_id"),
      padTokenId: count(text, "pad_token_id"),
    },
  };
  // published configurations up to 2023 name token 2 as the end, which their tokenizers never write
  if (config.text.endTokenId === 2) throw bad("eos_token_id", "the id of the end token", 2);
  if (config.vision.imageSize % config.vision.patchSize !== 0)
    throw bad("image_size", `a multiple of patch_size ${config.vision.patchSize}`, config.vision.imageSize);
  if (number(vision, "num_channels", 3) !== 3) throw bad("num_channels", "3", vision["num_channels"]);
  return config;
}

/** The shape of every weight by name, in transformers' spelling. */
export function clipWeightShapes(config: ClipConfig): Map<string, readonly number[]> {
  const { vision, text, projectionSize } = config;
  const numPatches = (vision.imageSize / vision.patchSize) ** 2;
  return new Map<string, readonly number[]>([
    ["logit_scale", []],
    ["text_model.embeddings.token_embedding.weight", [text.vocabularySize, text.hiddenSize]],
    ["text_model.embeddings.position_embedding.weight", [text.maxPositions, text.hiddenSize]],
    ...layerShapes("text_model", text),
    ...normShapes("text_model.final_layer_norm", text.hiddenSize),
    ["vision_model.embeddings.class_embedding", [vision.hiddenSize]],
    ["vision_model.embeddings.patch_embedding.weight", [vision.hiddenSize, 3, vision.patchSize, vision.patchSize]],
    ["vision_model.embeddings.position_embedding.weight", [numPatches + 1, vision.hiddenSize]],
    ...normShapes("vision_model.pre_layrnorm", vision.hiddenSize),
    ...layerShapes("vision_model", vision),
    ...normShapes("vision_model.post_layernorm", vision.hiddenSize),
    ["visual_projection.weight", [projectionSize, vision.hiddenSize]],
    ["text_projection.weight", [projectionSize, text.hiddenSize]],
  ]);
}

type NamedShape = readonly [string, readonly number[]];

function layerShapes(tower: string, { numLayers, hiddenSize, intermediateSize }: ClipTowerConfig): NamedShape[] {
  return Array.from({ length: numLayers }, (_, index) => `${tower}.encoder.layers.${index}`).flatMap((layer) => [
    ...["k_proj", "v_proj", "q_proj", "out_proj"].flatMap((name) =>
      linearShapes(`${layer}.self_attn.${name}`, hiddenSize, hiddenSize),
    ),
    ...normShapes(`${layer}.layer_norm1`, hiddenSize),
    ...linearShapes(`${layer}.mlp.fc1`, intermediateSize, hiddenSize),
    ...linearShapes(`${layer}.mlp.fc2`, hiddenSize, intermediateSize),
    ...normShapes(`${layer}.layer_norm2`, hiddenSize),
  ]);
}

function linearShapes(name: string, outSize: number, inSize: number): NamedShape[] {
  return [
    [`${name}.weight`, [outSize, inSize]],
    [`${name}.bias`, [outSize]],
  ];
}

function normShapes(name: string, size: number): NamedShape[] {
  return [
    [`${name}.weight`, [size]],
    [`${name}.bias`, [size]],
  ];
}

function parseTower(json: JsonObject): ClipTowerConfig {
  const activation = json["hidden_act"] ?? "quick_gelu";
  if (activation !== "quick_gelu" && activation !== "gelu") throw bad("hidden_act", "quick_gelu or gelu", activation);
  const [hiddenSize, numHeads] = [count(json, "hidden_size"), count(json, "num_attention_heads")];
  if (hiddenSize % numHeads !== 0) throw bad("hidden_size", `a multiple of the ${numHeads} heads`, hiddenSize);
  return {
    hiddenSize,
    numHeads,
    activation,
    intermediateSize: count(json, "intermediate_size"),
    numLayers: count(json, "num_hidden_layers"),
    layerNormEpsilon: number(json, "layer_norm_eps", 1e-5),
  };
}

function section(json: JsonObject, field: string): JsonObject {
  const value = json[field];
  if (typeof value === "object" && value !== null) return value as JsonObject;
  throw bad(field, "an object", value);
}

function count(json: JsonObject, field: string): number {
  const value = json[field];
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw bad(field, "a whole number", value);
}

function number(json: JsonObject, field: string, fallback: number): number {
  const value = json[field] ?? fallback;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw bad(field, "a number", value);
}

function bad(field: string, rule: string, value: unknown): DataError {
  return new DataError(
    `parseClipConfig: ${field} of config.json must be ${rule}; got ${JSON.stringify(value)}. Use the config.json of a CLIP checkpoint.`,
    { field, value },
  );
}
