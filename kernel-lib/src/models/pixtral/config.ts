import { assertInteger } from "../../base/check";
import { ConfigError } from "../../base/errors";
import { type DecoderConfig, headWidth, MAX_LAYERS, MAX_SIZE } from "../layers/decoder";
import { createFieldReader, type JsonFields } from "../weights/config-fields";

/** Activation of a gated MLP or of the projector. */
export type PixtralActivation = "gelu" | "silu";

/** Sizes of the vision tower. */
export interface PixtralVisionConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numChannels: number;
  /** Longest side of a picture in pixels that the tower was made for. */
  readonly imageSize: number;
  /** Side of a patch in pixels; a patch becomes one token. */
  readonly patchSize: number;
  readonly activation: PixtralActivation;
  /** Base of the 2-D rotary frequencies. */
  readonly ropeTheta: number;
}

/** Sizes of a Pixtral: LLaVA's frame around a Pixtral vision tower and a Mistral text model. */
export interface PixtralConfig {
  /** Mistral's sizes. All rotary frequencies follow one position: `mropeSection` is [headDim / 2, 0, 0]. */
  readonly text: DecoderConfig;
  readonly vision: PixtralVisionConfig;
  readonly imageTokenId: number;
  /** Number of vision blocks whose output the projector reads, 0 … numLayers. */
  readonly featureLayer: number;
  readonly projectorActivation: PixtralActivation;
  readonly projectorBias: "bias" | "none";
  /** Whether the output head is the token embedding. */
  readonly tieWordEmbeddings: boolean;
}

/** Throws ConfigError when the sizes contradict each other. */
export function assertPixtralConfig(config: PixtralConfig): void {
  const { text, vision } = config;
  const free = new Set(["padTokenId", "endTokenId", "mropeSection", "rmsNormEps", "ropeTheta", "activation"]);
  for (const [name, value] of [...Object.entries(text), ...Object.entries(vision)])
    if (!free.has(name))
      assertInteger(`PixtralConfig: ${name}`, value, 1, name === "numLayers" ? MAX_LAYERS : MAX_SIZE);
  assertDivides("text.numHeads", text.numHeads, "text.numKeyValueHeads", text.numKeyValueHeads);
  assertDivides("the text model's head width", headWidth(text), "a pair", 2);
  assertDivides("vision.hiddenSize", vision.hiddenSize, "4 * vision.numHeads", 4 * vision.numHeads);
  assertInteger("PixtralConfig: featureLayer", config.featureLayer, 0, vision.numLayers);
  const half = headWidth(text) / 2;
  const { mropeSection } = text;
  if (mropeSection[0] !== half || mropeSection[1] !== 0 || mropeSection[2] !== 0)
    throw new ConfigError(
      `PixtralConfig: mropeSection must be [${half}, 0, 0], half a head for the one position; got [${mropeSection.join(", ")}].`,
      { mropeSection, half },
    );
}

function assertDivides(name: string, value: number, divisorName: string, divisor: number): void {
  if (value % divisor === 0) return;
  throw new ConfigError(`PixtralConfig: ${name} must be a multiple of ${divisorName} = ${divisor}; got ${value}.`, {
    name,
    value,
    divisor,
  });
}

const { object, whole, real, only, wrong } = createFieldReader(
  "parsePixtralConfig",
  "Use the config.json of a Pixtral checkpoint in the format of transformers.",
);

/**
 * Reads the content of a config.json, in the published dialect (`image_token_index`, `rope_theta`, fields left out where
 * they have transformers' default) or in that of transformers 5 (`image_token_id`, `rope_parameters`).
 *
 * @throws DataError when a field is of the wrong kind or asks for what is not built (another vision tower or text model,
 * sliding windows, scaled rotary positions, several feature layers).
 */
export function parsePixtralConfig(json: unknown): PixtralConfig {
  const top = object(json, "config.json");
  only(top, "model_type", "llava");
  const text = object(top["text_config"], "text_config");
  const vision = object(top["vision_config"], "vision_config");
  only(vision, "model_type", "pixtral");
  only(text, "model_type", "mistral");
  only(top, "vision_feature_select_strategy", "full", "default");
  const visionConfig = parseVision(vision);
  const config: PixtralConfig = {
    text: parseText(text, top),
    vision: visionConfig,
    imageTokenId: whole(top, "image_token_id", whole(top, "image_token_index", 32_000)),
    featureLayer: featureLayer(top["vision_feature_layer"] ?? -2, visionConfig.numLayers),
    projectorActivation: activation(top, "projector_hidden_act", "gelu"),
    projectorBias: (top["multimodal_projector_bias"] ?? true) === true ? "bias" : "none",
    tieWordEmbeddings: top["tie_word_embeddings"] === true || text["tie_word_embeddings"] === true,
  };
  assertPixtralConfig(config);
  return config;
}

function parseText(text: JsonFields, top: JsonFields): DecoderConfig {
  only(text, "hidden_act", "silu", "silu");
  const rope = ropeOf(text, "default");
  const numHeads = whole(text, "num_attention_heads", 32);
  const hiddenSize = whole(text, "hidden_size", 4096);
  const headDim = whole(text, "head_dim", Math.floor(hiddenSize / numHeads));
  const maxPositions = whole(text, "max_position_embeddings", 131_072);
  const window = text["sliding_window"] === undefined ? 4096 : text["sliding_window"];
  if (window !== null && !(typeof window === "number" && window >= maxPositions))
    throw wrong("sliding_window", `null or at least max_position_embeddings = ${maxPositions}`, window);
  const end = text["eos_token_id"] ?? top["eos_token_id"] ?? 2;
  const endTokenId = whole({ eos_token_id: Array.isArray(end) ? end[0] : end }, "eos_token_id");
  return {
    vocabSize: whole(text, "vocab_size", 32_000),
    hiddenSize,
    intermediateSize: whole(text, "intermediate_size", 14_336),
    numLayers: whole(text, "num_hidden_layers", 32),
    numHeads,
    numKeyValueHeads: whole(text, "num_key_value_heads", 8),
    headDim,
    rmsNormEps: real(text, "rms_norm_eps", 1e-6),
    ropeTheta: real(rope, "rope_theta", real(text, "rope_theta", 10_000)),
    mropeSection: [headDim / 2, 0, 0],
    maxPositions,
    padTokenId: whole({ pad_token_id: text["pad_token_id"] ?? top["pad_token_id"] ?? endTokenId }, "pad_token_id"),
    endTokenId,
  };
}

function parseVision(vision: JsonFields): PixtralVisionConfig {
  const rope = ropeOf(vision, "axial");
  return {
    hiddenSize: whole(vision, "hidden_size", 1024),
    intermediateSize: whole(vision, "intermediate_size", 4096),
    numLayers: whole(vision, "num_hidden_layers", 24),
    numHeads: whole(vision, "num_attention_heads", 16),
    numChannels: whole(vision, "num_channels", 3),
    imageSize: whole(vision, "image_size", 1024),
    patchSize: whole(vision, "patch_size", 16),
    activation: activation(vision, "hidden_act", "gelu"),
    ropeTheta: real(rope, "rope_theta", real(vision, "rope_theta", 10_000)),
  };
}

/** The rotary fields; anything but plain frequencies is refused. */
function ropeOf(json: JsonFields, plain: string): JsonFields {
  if (json["rope_scaling"] !== undefined && json["rope_scaling"] !== null)
    throw wrong("rope_scaling", "null", json["rope_scaling"]);
  const rope = json["rope_parameters"] == null ? {} : object(json["rope_parameters"], "rope_parameters");
  only(rope, "rope_type", plain, plain);
  return rope;
}

function featureLayer(value: unknown, numLayers: number): number {
  // hidden state 0 is what enters the first block; -1 is what leaves the last one
  const layer = typeof value === "number" && value < 0 ? numLayers + 1 + value : value;
  if (Number.isSafeInteger(layer) && (layer as number) >= 0 && (layer as number) <= numLayers) return layer as number;
  throw wrong("vision_feature_layer", `one whole number from ${-numLayers - 1} to ${numLayers}`, value);
}

function activation(json: JsonFields, field: string, fallback: PixtralActivation): PixtralActivation {
  const value = json[field] ?? fallback;
  if (value === "gelu" || value === "silu") return value;
  throw wrong(field, '"gelu" or "silu"', value);
}

/** The content of a config.json that transformers 5 loads as LlavaForConditionalGeneration. */
export function pixtralConfigJson(config: PixtralConfig): Record<string, unknown> {
  const { text, vision } = config;
  return {
    architectures: ["LlavaForConditionalGeneration"],
    dtype: "float32",
    image_token_index: config.imageTokenId,
    model_type: "llava",
    multimodal_projector_bias: config.projectorBias === "bias",
    projector_hidden_act: config.projectorActivation,
    text_config: {
      attention_dropout: 0,
      bos_token_id: null,
      eos_token_id: text.endTokenId,
      head_dim: headWidth(text),
      hidden_act: "silu",
      hidden_size: text.hiddenSize,
      intermediate_size: text.intermediateSize,
      max_position_embeddings: text.maxPositions,
      model_type: "mistral",
      num_attention_heads: text.numHeads,
      num_hidden_layers: text.numLayers,
      num_key_value_heads: text.numKeyValueHeads,
      pad_token_id: text.padTokenId,
      rms_norm_eps: text.rmsNormEps,
      rope_parameters: { rope_theta: text.ropeTheta, rope_type: "default" },
      sliding_window: null,
      tie_word_embeddings: config.tieWordEmbeddings,
      vocab_size: text.vocabSize,
    },
    tie_word_embeddings: config.tieWordEmbeddings,
    vision_config: {
      attention_dropout: 0,
      head_dim: vision.hiddenSize / vision.numHeads,
      hidden_act: vision.activation,
      hidden_size: vision.hiddenSize,
      image_size: vision.imageSize,
      intermediate_size: vision.intermediateSize,
      model_type: "pixtral",
      num_attention_heads: vision.numHeads,
      num_channels: vision.numChannels,
      num_hidden_layers: vision.numLayers,
      patch_size: vision.patchSize,
      rope_parameters: { rope_theta: vision.ropeTheta, rope_type: "axial" },
    },
    vision_feature_layer: config.featureLayer - vision.numLayers - 1,
    vision_feature_select_strategy: "full",
  };
}
