import { assertInteger } from "../../base/check";
import { ConfigError } from "../../base/errors";
import { assertDecoderConfig, type DecoderConfig, endTokensJson, headWidth } from "../layers/decoder";
import { parseRope, ropeJson, ropeSection } from "../layers/rope";
import { assertMultiple, assertSizes, closeSection, Fields, type JsonObject, MAX_LAYERS } from "../weights/fields";

const ACTIVATIONS = ["gelu", "silu"] as const;
/** Activation of a gated MLP or of the projector. */
export type PixtralActivation = (typeof ACTIVATIONS)[number];

/** Sizes of the vision tower. */
export interface PixtralVisionConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numChannels: number;
  /** Longest side of an image in pixels that the tower was made for. */
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
export function assertPixtralConfig({ text, vision, featureLayer }: PixtralConfig): void {
  const where = "PixtralConfig";
  assertDecoderConfig(where, text);
  assertSizes(where, vision, ["ropeTheta", "activation"]);
  assertMultiple(where, ["vision.hiddenSize", vision.hiddenSize], ["4 * vision.numHeads", 4 * vision.numHeads]);
  assertInteger(`${where}: featureLayer`, featureLayer, 0, vision.numLayers);
  const half = headWidth(text) / 2;
  const { mropeSection } = text;
  if (mropeSection[0] !== half || mropeSection[1] !== 0 || mropeSection[2] !== 0)
    throw new ConfigError(
      `PixtralConfig: mropeSection must be [${half}, 0, 0], half a head for the one position; got [${mropeSection.join(", ")}].`,
      { mropeSection, half },
    );
}

/**
 * Reads the content of a config.json, in the published dialect (`image_token_index`, `rope_theta`, fields left out where
 * they have transformers' default) or in that of transformers 5 (`image_token_id`, `rope_parameters`).
 *
 * @throws DataError when a field is of the wrong kind, unknown, or asks for what is not built (another vision tower or text
 * model, sliding windows, several feature layers).
 */
export function parsePixtralConfig(json: unknown): PixtralConfig {
  const top = new Fields(json, {
    where: "parsePixtralConfig",
    advice: "Use the config.json of a Pixtral checkpoint in the format of transformers.",
  });
  top.exactly("model_type", "llava");
  const text = top.section("text_config");
  const vision = top.section("vision_config");
  vision.exactly("model_type", "pixtral");
  text.exactly("model_type", "mistral");
  top.only("vision_feature_select_strategy", "full", "default");
  top.value("image_token_index"); // stands beside image_token_id in some files
  const visionConfig = parseVision(vision);
  const config: PixtralConfig = {
    text: parseText(text, top),
    vision: visionConfig,
    imageTokenId: top.whole(["image_token_id", "image_token_index"], { fallback: 32_000 }),
    featureLayer: featureLayer(top, visionConfig.numLayers),
    projectorActivation: top.oneOf("projector_hidden_act", ACTIVATIONS, "gelu"),
    projectorBias: top.flag("multimodal_projector_bias", "on") ? "bias" : "none",
    tieWordEmbeddings: top.value("tie_word_embeddings") === true || text.value("tie_word_embeddings") === true,
  };
  closeSection(text);
  closeSection(vision);
  closeSection(top, ["ignore_index", "image_seq_length"]); // of training, and of towers that see all pictures at one size
  assertPixtralConfig(config);
  return config;
}

function parseText(text: Fields, top: Fields): DecoderConfig {
  text.only("hidden_act", "silu");
  text.everyOf("layer_types", "full_attention");
  const numHeads = text.size("num_attention_heads", 32);
  const hiddenSize = text.size("hidden_size", 4096);
  const headDim = text.size("head_dim", Math.floor(hiddenSize / numHeads));
  const maxPositions = text.size("max_position_embeddings", 131_072);
  const window = text.raw("sliding_window");
  const windowSize = window === undefined ? 4096 : window; // null: none
  if (windowSize !== null && !(typeof windowSize === "number" && windowSize >= maxPositions))
    throw text.wrong("sliding_window", `null or at least max_position_embeddings = ${maxPositions}`, windowSize);
  const tokens = (name: string): Fields => (text.value(name) === undefined ? top : text);
  const [endTokenId, ...others] = tokens("eos_token_id").tokenIds("eos_token_id", [2]) as [number, ...number[]];
  return {
    vocabSize: text.size("vocab_size", 32_000),
    hiddenSize,
    intermediateSize: text.size("intermediate_size", 14_336),
    numLayers: text.size("num_hidden_layers", 32, MAX_LAYERS),
    numHeads,
    // null says: as many as heads
    numKeyValueHeads: text.size("num_key_value_heads", text.raw("num_key_value_heads") === null ? numHeads : 8),
    headDim,
    rmsNormEps: text.real("rms_norm_eps", 1e-6),
    ...parseRope(text, ropeSection(text), { theta: 10_000, plain: ["default"], maxPositions }),
    mropeSection: [headDim / 2, 0, 0],
    maxPositions,
    padTokenId: tokens("pad_token_id").tokenId("pad_token_id", endTokenId),
    endTokenId,
    ...(others.length === 0 ? {} : { otherEndTokenIds: others }),
  };
}

function parseVision(vision: Fields): PixtralVisionConfig {
  const rope = ropeSection(vision);
  rope.oneOf(rope.value("rope_type") === undefined ? "type" : "rope_type", ["axial", "default"], "axial");
  const ropeTheta = rope.real("rope_theta", vision.real("rope_theta", 10_000));
  rope.refuseOthers();
  const [hiddenSize, numHeads] = [vision.size("hidden_size", 1024), vision.size("num_attention_heads", 16)];
  vision.only("head_dim", hiddenSize / numHeads);
  return {
    hiddenSize,
    intermediateSize: vision.size("intermediate_size", 4096),
    numLayers: vision.size("num_hidden_layers", 24, MAX_LAYERS),
    numHeads,
    numChannels: vision.size("num_channels", 3),
    imageSize: vision.size("image_size", 1024),
    patchSize: vision.size("patch_size", 16),
    activation: vision.oneOf("hidden_act", ACTIVATIONS, "gelu"),
    ropeTheta,
  };
}

/** Hidden state 0 is what enters the first block; -1 is what leaves the last one. */
function featureLayer(top: Fields, numLayers: number): number {
  const value = top.value("vision_feature_layer") ?? -2;
  const layer = typeof value === "number" && value < 0 ? numLayers + 1 + value : value;
  if (Number.isSafeInteger(layer) && (layer as number) >= 0 && (layer as number) <= numLayers) return layer as number;
  throw top.wrong("vision_feature_layer", `one whole number from ${-numLayers - 1} to ${numLayers}`, value);
}

/** The content of a config.json that transformers 5 loads as LlavaForConditionalGeneration. */
export function pixtralConfigJson(config: PixtralConfig): JsonObject {
  return {
    architectures: ["LlavaForConditionalGeneration"],
    dtype: "float32",
    image_token_index: config.imageTokenId,
    model_type: "llava",
    multimodal_projector_bias: config.projectorBias === "bias",
    projector_hidden_act: config.projectorActivation,
    text_config: textJson(config),
    tie_word_embeddings: config.tieWordEmbeddings,
    vision_config: visionJson(config.vision),
    vision_feature_layer: config.featureLayer - config.vision.numLayers - 1,
    vision_feature_select_strategy: "full",
  };
}

function textJson({ text, tieWordEmbeddings }: PixtralConfig): JsonObject {
  return {
    attention_dropout: 0,
    bos_token_id: null,
    eos_token_id: endTokensJson(text),
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
    rope_parameters: ropeJson(text),
    sliding_window: null,
    tie_word_embeddings: tieWordEmbeddings,
    vocab_size: text.vocabSize,
  };
}

function visionJson(vision: PixtralVisionConfig): JsonObject {
  return {
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
  };
}
