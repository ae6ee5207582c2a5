import { assertInteger } from "../../base/check";
import { ConfigError, DataError } from "../../base/errors";
import { type DecoderConfig, MAX_LAYERS, MAX_SIZE } from "../layers/decoder";

/** Sizes of the vision tower. */
export interface Qwen2VisionConfig {
  readonly depth: number;
  readonly embedDim: number;
  readonly numHeads: number;
  /** Width of the MLP as a multiple of `embedDim`. */
  readonly mlpRatio: number;
  readonly inChannels: number;
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Frames a patch spans; a still image is repeated that often. */
  readonly temporalPatchSize: number;
  /** Side of the square of patches that becomes one token of the text model. */
  readonly spatialMergeSize: number;
  /** Base of the 2-D rotary frequencies. */
  readonly ropeTheta: number;
}

/** Sizes of the text model. */
export type Qwen2TextConfig = DecoderConfig;

/** Architecture of a Qwen2-VL-shaped reader. */
export interface Qwen2VlConfig {
  readonly text: Qwen2TextConfig;
  readonly vision: Qwen2VisionConfig;
  readonly imageTokenId: number;
  readonly videoTokenId: number;
  readonly visionStartTokenId: number;
  readonly visionEndTokenId: number;
  /** Whether the output head is the token embedding. */
  readonly tieWordEmbeddings: boolean;
}

/** Throws ConfigError when the sizes contradict each other. */
export function assertQwen2VlConfig(config: Qwen2VlConfig): void {
  const { text, vision } = config;
  const entries = [...Object.entries(text), ...Object.entries(vision)];
  const mayBeZero = new Set(["padTokenId", "endTokenId", "mropeSection", "rmsNormEps", "ropeTheta", "mlpRatio"]);
  const layers = new Set(["numLayers", "depth"]);
  for (const [name, value] of entries)
    if (!mayBeZero.has(name))
      assertInteger(`Qwen2VlConfig: ${name}`, value, 1, layers.has(name) ? MAX_LAYERS : MAX_SIZE);
  assertDivides("text.hiddenSize", text.hiddenSize, "2 * text.numHeads", 2 * text.numHeads);
  assertDivides("text.numHeads", text.numHeads, "text.numKeyValueHeads", text.numKeyValueHeads);
  assertDivides("vision.embedDim", vision.embedDim, "4 * vision.numHeads", 4 * vision.numHeads);
  const half = text.hiddenSize / text.numHeads / 2;
  const sum = text.mropeSection.reduce((total, n) => total + n, 0);
  if (sum !== half)
    throw new ConfigError(
      `Qwen2VlConfig: mropeSection must sum to half a head, ${half}; got ${sum}. Share the ${half} frequencies among time, height and width.`,
      { mropeSection: text.mropeSection, half },
    );
}

function assertDivides(name: string, value: number, divisorName: string, divisor: number): void {
  if (value % divisor === 0) return;
  throw new ConfigError(`Qwen2VlConfig: ${name} must be a multiple of ${divisorName} = ${divisor}; got ${value}.`, {
    name,
    value,
    divisor,
  });
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads the content of a config.json, in the published dialect (text fields at the top, `rope_scaling`) or in that of
 * transformers 5 (`text_config`, `rope_parameters`).
 *
 * @throws DataError when a field is missing or of the wrong kind, or asks for what is not built (sliding windows, other activations).
 */
export function parseQwen2VlConfig(json: unknown): Qwen2VlConfig {
  const top = object(json, "config.json");
  if (top["model_type"] !== "qwen2_vl") throw wrong("model_type", '"qwen2_vl"', top["model_type"]);
  const text = top["text_config"] === undefined ? top : object(top["text_config"], "text_config");
  const vision = object(top["vision_config"], "vision_config");
  refuseUnbuilt(text, vision);
  const config: Qwen2VlConfig = {
    text: parseText(text, top),
    vision: parseVision(vision),
    imageTokenId: whole(top, "image_token_id"),
    videoTokenId: whole(top, "video_token_id"),
    visionStartTokenId: whole(top, "vision_start_token_id"),
    visionEndTokenId: whole(top, "vision_end_token_id"),
    tieWordEmbeddings: top["tie_word_embeddings"] === true || text["tie_word_embeddings"] === true,
  };
  const declared = vision["hidden_size"];
  if (declared !== config.text.hiddenSize)
    throw wrong("vision_config.hidden_size", `the text model's width ${config.text.hiddenSize}`, declared);
  assertQwen2VlConfig(config);
  return config;
}

function parseText(text: Json, top: Json): Qwen2TextConfig {
  const rope = object(text["rope_parameters"] ?? text["rope_scaling"], "rope_parameters or rope_scaling");
  const section = rope["mrope_section"];
  if (!Array.isArray(section) || section.length !== 3) throw wrong("mrope_section", "three numbers", section);
  const end = text["eos_token_id"] ?? top["eos_token_id"];
  const numHeads = whole(text, "num_attention_heads");
  return {
    vocabSize: whole(text, "vocab_size"),
    hiddenSize: whole(text, "hidden_size"),
    intermediateSize: whole(text, "intermediate_size"),
    numLayers: whole(text, "num_hidden_layers"),
    numHeads,
    numKeyValueHeads: whole(text, "num_key_value_heads", numHeads),
    rmsNormEps: real(text, "rms_norm_eps"),
    ropeTheta: real(rope, "rope_theta", real(text, "rope_theta", 1_000_000)),
    mropeSection: [Number(section[0]), Number(section[1]), Number(section[2])],
    maxPositions: whole(text, "max_position_embeddings"),
    padTokenId: whole({ pad_token_id: text["pad_token_id"] ?? top["pad_token_id"] ?? 0 }, "pad_token_id"),
    endTokenId: whole({ eos_token_id: Array.isArray(end) ? end[0] : end }, "eos_token_id"),
  };
}

function parseVision(vision: Json): Qwen2VisionConfig {
  const rope = vision["rope_parameters"] === undefined ? {} : object(vision["rope_parameters"], "rope_parameters");
  return {
    depth: whole(vision, "depth"),
    embedDim: whole(vision, "embed_dim"),
    numHeads: whole(vision, "num_heads"),
    mlpRatio: real(vision, "mlp_ratio"),
    inChannels: whole(vision, "in_channels", whole(vision, "in_chans", 3)),
    patchSize: whole(vision, "patch_size"),
    temporalPatchSize: whole(vision, "temporal_patch_size"),
    spatialMergeSize: whole(vision, "spatial_merge_size"),
    ropeTheta: real(rope, "rope_theta", 10_000),
  };
}

/** The content of a config.json that transformers 5 loads as Qwen2VLForConditionalGeneration. */
export function qwen2VlConfigJson(config: Qwen2VlConfig): Record<string, unknown> {
  const { text, vision } = config;
  return {
    architectures: ["Qwen2VLForConditionalGeneration"],
    dtype: "float32",
    image_token_id: config.imageTokenId,
    model_type: "qwen2_vl",
    text_config: {
      attention_dropout: 0,
      bos_token_id: null,
      eos_token_id: text.endTokenId,
      hidden_act: "silu",
      hidden_size: text.hiddenSize,
      intermediate_size: text.intermediateSize,
      max_position_embeddings: text.maxPositions,
      model_type: "qwen2_vl_text",
      num_attention_heads: text.numHeads,
      num_hidden_layers: text.numLayers,
      num_key_value_heads: text.numKeyValueHeads,
      pad_token_id: text.padTokenId,
      rms_norm_eps: text.rmsNormEps,
      rope_parameters: { mrope_section: [...text.mropeSection], rope_theta: text.ropeTheta, rope_type: "default" },
      tie_word_embeddings: config.tieWordEmbeddings,
      use_sliding_window: false,
      vocab_size: text.vocabSize,
    },
    tie_word_embeddings: config.tieWordEmbeddings,
    video_token_id: config.videoTokenId,
    vision_config: {
      depth: vision.depth,
      embed_dim: vision.embedDim,
      hidden_act: "quick_gelu",
      hidden_size: text.hiddenSize,
      in_channels: vision.inChannels,
      mlp_ratio: vision.mlpRatio,
      model_type: "qwen2_vl_vision",
      num_heads: vision.numHeads,
      patch_size: vision.patchSize,
      rope_parameters: { rope_theta: vision.ropeTheta, rope_type: "axial" },
      spatial_merge_size: vision.spatialMergeSize,
      temporal_patch_size: vision.temporalPatchSize,
    },
    vision_end_token_id: config.visionEndTokenId,
    vision_start_token_id: config.visionStartTokenId,
  };
}

function refuseUnbuilt(text: Json, vision: Json): void {
  const activation = text["hidden_act"] ?? "silu";
  if (activation !== "silu") throw wrong("hidden_act", '"silu"', activation);
  const visionActivation = vision["hidden_act"] ?? "quick_gelu";
  if (visionActivation !== "quick_gelu") throw wrong("vision_config.hidden_act", '"quick_gelu"', visionActivation);
  if (text["use_sliding_window"] === true) throw wrong("use_sliding_window", "false", true);
}

function object(value: unknown, field: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw wrong(field, "an object", value);
}

function whole(json: Json, field: string, fallback?: number): number {
  const value = json[field] ?? fallback;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw wrong(field, "a whole number", value);
}

function real(json: Json, field: string, fallback?: number): number {
  const value = json[field] ?? fallback;
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
  throw wrong(field, "a number above 0", value);
}

function wrong(field: string, rule: string, value: unknown): DataError {
  return new DataError(
    `parseQwen2VlConfig: ${field} must be ${rule}; got ${JSON.stringify(value)}. Use the config.json of a Qwen2-VL checkpoint.`,
    { field, value },
  );
}
