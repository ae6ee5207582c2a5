import { closeSection, Fields, type JsonObject, MAX_LAYERS, MAX_SIZE, wordsOf } from "../weights/fields";

/** The image tower: an EVA-02 vision transformer. */
export interface JinaVisionConfig {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly numLayers: number;
  readonly intermediateSize: number;
  /** Norms inside attention and MLP ("subln"); queries, keys and values then have weights of their own. */
  readonly innerNorms: boolean;
  readonly mlp: "swiglu" | "gelu";
  /** Whether queries and values have a bias. Keys never do. */
  readonly queryValueBias: boolean;
  /** Side of the grid that rotary positions are scaled to, in patches; null without rotary positions. */
  readonly rotaryGrid: number | null;
  /** A linear map behind the tower. */
  readonly head: "none" | "linear";
}

/** The text tower: a BERT with ALiBi and a gated MLP. */
export interface JinaTextConfig {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly numLayers: number;
  readonly intermediateSize: number;
  /** Kinds of tokens with an embedding of their own; every token here is of kind 0. */
  readonly numTokenTypes: number;
  /** Tokens of a text that are read. ALiBi itself knows no limit. */
  readonly maxPositions: number;
  readonly layerNormEpsilon: number;
  readonly padTokenId: number;
  /** A linear map behind the tower. */
  readonly head: "none" | "linear" | "affine";
}

/** Architecture of a Jina-CLIP, version 1. */
export interface JinaClipConfig {
  /** Width of what leaves a tower. */
  readonly towerSize: number;
  /** Width of an embedding behind a map that both sides have of their own; null without such maps. */
  readonly projectionSize: number | null;
  /** Where the logarithm of the inverse temperature starts. */
  readonly logitScale: number;
  readonly vision: JinaVisionConfig;
  readonly text: JinaTextConfig;
}

/** Tokens that the published encoder reads of a text, whatever the tower could. */
const PUBLISHED_TEXT_LENGTH = 512;
/** How it is computed, not what. */
const TOP_IRRELEVANT = wordsOf("projection_dim use_text_flash_attn use_vision_xformers");
const BACKBONE = "jinaai/jina-bert-flash-implementation";

/**
 * Reads the content of a jina-clip-v1 config.json. Sizes of the text tower that `hf_model_config_kwargs` does not name are
 * those of jina-bert-flash-implementation, which the published file refers to.
 *
 * @throws DataError naming a field that is missing, unknown, or asks for what is not built.
 */
export function parseJinaClipConfig(json: JsonObject): JinaClipConfig {
  const top = new Fields(json, {
    where: "parseJinaClipConfig",
    advice: "Use the config.json of jinaai/jina-clip-v1 or of a model like it.",
  });
  top.exactly("model_type", "jina_clip");
  top.only("truncate_dim", null);
  const vision = top.section("vision_config");
  const text = top.section("text_config");
  const towerSize = vision.size("embed_dim", 768);
  if (text.size("embed_dim", 768) !== towerSize)
    throw text.wrong("embed_dim", `vision_config.embed_dim = ${towerSize}`);
  const config: JinaClipConfig = {
    towerSize,
    projectionSize: top.flag("add_projections", "off") ? top.size("projection_dim", 768) : null,
    logitScale: top.real("logit_scale_init_value", 2.6592),
    vision: parseVision(vision, towerSize),
    text: parseText(text, towerSize),
  };
  closeSection(top, TOP_IRRELEVANT);
  return config;
}

/** How it is computed or trained, not what. */
const VISION_IRRELEVANT = ["fused_layer_norm", "x_attention", "patch_dropout", "drop_path_rate"];

function parseVision(vision: Fields, towerSize: number): JinaVisionConfig {
  vision.only("model_type", "jina_clip_vision");
  vision.only("ls_init_value", null);
  vision.only("post_norm", false);
  const hiddenSize = vision.size("width", 768);
  const numHeads = multiple(vision, hiddenSize, "width", vision.size("head_width", 64));
  const patchSize = vision.size("patch_size", 16);
  const imageSize = vision.size("image_size", 224);
  const side = multiple(vision, imageSize, "image_size", patchSize);
  const head = headOf(vision);
  if (head === "none" && hiddenSize !== towerSize)
    throw vision.wrong("proj_type", `"linear" where width ${hiddenSize} is not embed_dim ${towerSize}`, null);
  const config: JinaVisionConfig = {
    imageSize,
    patchSize,
    hiddenSize,
    numHeads,
    numLayers: vision.size("layers", 12, MAX_LAYERS),
    intermediateSize: innerSize(vision, hiddenSize),
    innerNorms: vision.flag("subln", "off"),
    mlp: vision.flag("naive_swiglu", "off") ? "swiglu" : "gelu",
    queryValueBias: vision.flag("qkv_bias", "on"),
    rotaryGrid: rotaryGrid(vision, side, hiddenSize / numHeads),
    head,
  };
  closeSection(vision, VISION_IRRELEVANT);
  return config;
}

function innerSize(vision: Fields, hiddenSize: number): number {
  const ratio = vision.real("mlp_ratio", 4);
  const inner = Math.trunc(hiddenSize * ratio);
  if (inner >= 1 && inner <= MAX_SIZE) return inner;
  throw vision.wrong("mlp_ratio", `such that width · mlp_ratio lies in 1 … ${MAX_SIZE}`, ratio);
}

/** Side of the grid that rotary positions are scaled to; null without rotary positions. */
function rotaryGrid(vision: Fields, side: number, headWidth: number): number | null {
  const grid = vision.size("pt_hw_seq_len", 16);
  const scaled = vision.flag("intp_freq", "off");
  if (!vision.flag("rope_embeddings", "off")) return null;
  if (headWidth % 4 !== 0) throw vision.wrong("head_width", "a multiple of 4 with rope_embeddings", headWidth);
  if (grid === side || scaled) return grid;
  throw vision.wrong("pt_hw_seq_len", `image_size / patch_size = ${side} unless intp_freq is true`, grid);
}

/** How it is computed or trained, not what. */
const BERT_IRRELEVANT = ["use_flash_attn", "hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range"];

function parseText(text: Fields, towerSize: number): JinaTextConfig {
  text.only("model_type", "jina_clip_text");
  text.exactly("hf_model_name_or_path", BACKBONE);
  text.exactly("pooler_type", "mean_pooler");
  text.only("default_instruction_task", null);
  text.only("default_lora_task", null);
  const bert = text.section("hf_model_config_kwargs", {});
  const sizes = parseBert(bert);
  const mapped = headOf(text) === "linear" || sizes.hiddenSize !== towerSize;
  const bias = text.flag("proj_bias", "off");
  closeSection(text);
  return { ...sizes, head: mapped ? (bias ? "affine" : "linear") : "none" };
}

function parseBert(bert: Fields): Omit<JinaTextConfig, "head"> {
  bert.only("hidden_act", "gelu");
  bert.only("position_embedding_type", "alibi");
  bert.only("feed_forward_type", "geglu");
  bert.only("use_qk_norm", false);
  const hiddenSize = bert.size("hidden_size", 768);
  const numHeads = bert.size("num_attention_heads", 12);
  multiple(bert, hiddenSize, "hidden_size", numHeads);
  const vocabularySize = bert.size("vocab_size", 30_528);
  const padTokenId = bert.whole("pad_token_id", { fallback: 0 });
  if (padTokenId >= vocabularySize) throw bert.wrong("pad_token_id", `below vocab_size ${vocabularySize}`);
  const config = {
    vocabularySize,
    hiddenSize,
    numHeads,
    numLayers: bert.size("num_hidden_layers", 12, MAX_LAYERS),
    intermediateSize: bert.size("intermediate_size", 3072),
    numTokenTypes: bert.size("type_vocab_size", 2),
    maxPositions: Math.min(PUBLISHED_TEXT_LENGTH, bert.size("max_position_embeddings", 8192)),
    layerNormEpsilon: bert.real("layer_norm_eps", 1e-12),
    padTokenId,
  };
  closeSection(bert, BERT_IRRELEVANT);
  return config;
}

function headOf(fields: Fields): "none" | "linear" {
  const value = fields.value("proj_type") ?? null;
  if (value === null) return "none";
  if (value === "linear") return value;
  throw fields.wrong("proj_type", 'null or "linear"', value);
}

/** How often `unit` goes into the value of a field. */
function multiple(fields: Fields, value: number, field: string, unit: number): number {
  if (value % unit === 0) return value / unit;
  throw fields.wrong(field, `a multiple of ${unit}`, value);
}
