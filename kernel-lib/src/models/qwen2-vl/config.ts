import { ConfigError } from "../../base/errors";
import { assertDecoderConfig, type DecoderConfig, endTokensJson, headWidth } from "../layers/decoder";
import { parseRope, ropeJson, ropeSection } from "../layers/rope";
import {
  assertMultiple,
  assertSizes,
  closeSection,
  Fields,
  type JsonObject,
  MAX_LAYERS,
  wordsOf,
} from "../weights/fields";

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

/** Architecture of a Qwen2-VL-shaped reader. */
export interface Qwen2VlConfig {
  /** Qwen2's sizes. */
  readonly text: DecoderConfig;
  readonly vision: Qwen2VisionConfig;
  readonly imageTokenId: number;
  readonly videoTokenId: number;
  readonly visionStartTokenId: number;
  readonly visionEndTokenId: number;
  /** Whether the output head is the token embedding. */
  readonly tieWordEmbeddings: boolean;
}

/** Throws ConfigError when the sizes contradict each other. */
export function assertQwen2VlConfig({ text, vision }: Qwen2VlConfig): void {
  const where = "Qwen2VlConfig";
  assertDecoderConfig(where, text);
  assertSizes(where, vision, ["ropeTheta", "mlpRatio"]);
  assertMultiple(where, ["vision.embedDim", vision.embedDim], ["4 * vision.numHeads", 4 * vision.numHeads]);
  const half = headWidth(text) / 2;
  const sum = text.mropeSection.reduce((total, n) => total + n, 0);
  if (sum !== half)
    throw new ConfigError(
      `Qwen2VlConfig: mropeSection must sum to half a head, ${half}; got ${sum}. Share the ${half} frequencies among time, height and width.`,
      { mropeSection: text.mropeSection, half },
    );
}

/** Tokens around pictures and what no picture needs; windows, which are refused where they are used. */
const TOP_IRRELEVANT = wordsOf("vision_token_id");
const TEXT_IRRELEVANT = wordsOf("max_window_layers sliding_window");

/**
 * Reads the content of a config.json, in the published dialect (text fields at the top, `rope_scaling`) or in that of
 * transformers 5 (`text_config`, `rope_parameters`). What is left out is as in transformers' classes.
 *
 * @throws DataError when a field is wrong or unknown, or asks for what is not built (sliding windows, other activations).
 */
export function parseQwen2VlConfig(json: unknown): Qwen2VlConfig {
  const top = new Fields(json, {
    where: "parseQwen2VlConfig",
    advice: "Use the config.json of a Qwen2-VL checkpoint.",
  });
  top.exactly("model_type", "qwen2_vl");
  const text = top.value("text_config") === undefined ? top : top.section("text_config");
  const vision = top.section("vision_config", {});
  const config: Qwen2VlConfig = {
    text: parseText(text, top),
    vision: parseVision(vision),
    imageTokenId: top.whole("image_token_id", { fallback: 151_655 }),
    videoTokenId: top.whole("video_token_id", { fallback: 151_656 }),
    visionStartTokenId: top.whole("vision_start_token_id", { fallback: 151_652 }),
    visionEndTokenId: top.whole("vision_end_token_id", { fallback: 151_653 }),
    tieWordEmbeddings: top.value("tie_word_embeddings") === true || text.value("tie_word_embeddings") === true,
  };
  if (vision.size("hidden_size", 3584) !== config.text.hiddenSize)
    throw vision.wrong("hidden_size", `the text model's width ${config.text.hiddenSize}`);
  closeSection(vision);
  if (text !== top) {
    closeSection(text, TEXT_IRRELEVANT);
    top.agreeWith(text);
  }
  closeSection(top, [...TOP_IRRELEVANT, ...TEXT_IRRELEVANT]); // files of 2025 repeat the text model's fields at the top
  assertQwen2VlConfig(config);
  return config;
}

/** Where a field is missing: the sizes of transformers' class, which are those of Qwen2-VL-72B. */
function parseText(text: Fields, top: Fields): DecoderConfig {
  text.only("hidden_act", "silu");
  text.only("use_sliding_window", false);
  text.everyOf("layer_types", "full_attention");
  const rope = ropeSection(text);
  const [time, height, width] = rope.numbers("mrope_section", 3, [16, 24, 24]) as [number, number, number];
  const tokens = (name: string): Fields => (text.value(name) === undefined ? top : text);
  const [endTokenId, ...others] = tokens("eos_token_id").tokenIds("eos_token_id", [151_645]) as [number, ...number[]];
  const numHeads = text.size("num_attention_heads", 64);
  const hiddenSize = text.size("hidden_size", 8192);
  text.only("head_dim", hiddenSize / numHeads);
  const maxPositions = text.size("max_position_embeddings", 32_768);
  return {
    vocabSize: text.size("vocab_size", 152_064),
    hiddenSize,
    intermediateSize: text.size("intermediate_size", 29_568),
    numLayers: text.size("num_hidden_layers", 80, MAX_LAYERS),
    numHeads,
    // null says: as many as heads
    numKeyValueHeads: text.size("num_key_value_heads", text.raw("num_key_value_heads") === null ? numHeads : 8),
    rmsNormEps: text.real("rms_norm_eps", 1e-5),
    ...parseRope(text, rope, { theta: 1_000_000, plain: ["default", "mrope"], maxPositions }),
    mropeSection: [time, height, width],
    maxPositions,
    padTokenId: tokens("pad_token_id").tokenId("pad_token_id", endTokenId),
    endTokenId,
    ...(others.length === 0 ? {} : { otherEndTokenIds: others }),
  };
}

function parseVision(vision: Fields): Qwen2VisionConfig {
  vision.oneOf("model_type", ["qwen2_vl_vision", "qwen2_vl"], "qwen2_vl_vision");
  vision.only("hidden_act", "quick_gelu");
  const rope = ropeSection(vision);
  rope.oneOf(rope.value("rope_type") === undefined ? "type" : "rope_type", ["axial", "default"], "axial");
  const ropeTheta = rope.real("rope_theta", vision.real("rope_theta", 10_000));
  rope.refuseOthers();
  const patchSize = vision.size("patch_size", 14);
  vision.only("spatial_patch_size", patchSize);
  return {
    depth: vision.size("depth", 32, MAX_LAYERS),
    embedDim: vision.size("embed_dim", 1280),
    numHeads: vision.size("num_heads", 16),
    mlpRatio: vision.real("mlp_ratio", 4),
    inChannels: vision.size(["in_channels", "in_chans"], 3),
    patchSize,
    temporalPatchSize: vision.size("temporal_patch_size", 2),
    spatialMergeSize: vision.size("spatial_merge_size", 2),
    ropeTheta,
  };
}

/** The content of a config.json that transformers 5 loads as Qwen2VLForConditionalGeneration. */
export function qwen2VlConfigJson(config: Qwen2VlConfig): JsonObject {
  return {
    architectures: ["Qwen2VLForConditionalGeneration"],
    dtype: "float32",
    image_token_id: config.imageTokenId,
    model_type: "qwen2_vl",
    text_config: textJson(config),
    tie_word_embeddings: config.tieWordEmbeddings,
    video_token_id: config.videoTokenId,
    vision_config: visionJson(config),
    vision_end_token_id: config.visionEndTokenId,
    vision_start_token_id: config.visionStartTokenId,
  };
}

function textJson({ text, tieWordEmbeddings }: Qwen2VlConfig): JsonObject {
  return {
    attention_dropout: 0,
    bos_token_id: null,
    eos_token_id: endTokensJson(text),
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
    rope_parameters: { mrope_section: [...text.mropeSection], ...ropeJson(text) },
    tie_word_embeddings: tieWordEmbeddings,
    use_sliding_window: false,
    vocab_size: text.vocabSize,
  };
}

function visionJson({ vision, text }: Qwen2VlConfig): JsonObject {
  return {
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
  };
}
