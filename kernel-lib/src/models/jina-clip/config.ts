import { MAX_LAYERS, MAX_SIZE } from "../layers/decoder";
import type { JsonObject } from "../text/tokenizer";
import { createFieldReader, type JsonFields, TRANSFORMERS_FIELDS } from "../weights/config-fields";

/** Prefix of the image tower's modules. */
export const JINA_VISION = "vision_model";
/** Prefix of the text tower's modules; a map behind it is text_model.proj. */
export const JINA_TEXT = "text_model.transformer";

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
const BACKBONE = "jinaai/jina-bert-flash-implementation";

const { object, whole, real, only, wrong } = createFieldReader(
  "parseJinaClipConfig",
  "Use the config.json of jinaai/jina-clip-v1 or of a model like it.",
);

/**
 * Reads the content of a jina-clip-v1 config.json. Sizes of the text tower that `hf_model_config_kwargs` does not name are
 * those of jina-bert-flash-implementation, which the published file refers to.
 *
 * @throws DataError naming a field that is missing, unknown, or asks for what is not built.
 */
export function parseJinaClipConfig(json: JsonObject): JinaClipConfig {
  only(json, "model_type", "jina_clip");
  only(json, "truncate_dim", null, null);
  const vision = object(json["vision_config"], "vision_config");
  const text = object(json["text_config"], "text_config");
  const towerSize = size(vision, "embed_dim", 768);
  if (size(text, "embed_dim", 768) !== towerSize)
    throw wrong("text_config.embed_dim", `vision_config.embed_dim = ${towerSize}`, text["embed_dim"]);
  return {
    towerSize,
    projectionSize: flag(json, "add_projections", false) ? size(json, "projection_dim", 768) : null,
    logitScale: real(json, "logit_scale_init_value", 2.6592),
    vision: parseVision(vision, towerSize),
    text: parseText(text, towerSize),
  };
}

const VISION_FIELDS = [
  ...["embed_dim", "width", "image_size", "patch_size", "layers", "head_width", "mlp_ratio", "qkv_bias", "subln"],
  ...["rope_embeddings", "pt_hw_seq_len", "intp_freq", "naive_swiglu", "proj_type", "ls_init_value", "post_norm"],
  // how it is computed or trained, not what
  ...["fused_layer_norm", "x_attention", "patch_dropout", "drop_path_rate"],
];

function parseVision(vision: JsonFields, towerSize: number): JinaVisionConfig {
  knownOnly(vision, "vision_config", VISION_FIELDS);
  only(vision, "model_type", "jina_clip_vision", "jina_clip_vision");
  only(vision, "ls_init_value", null, null);
  only(vision, "post_norm", false, false);
  const hiddenSize = size(vision, "width", 768);
  const numHeads = multiple(hiddenSize, "width", size(vision, "head_width", 64));
  const patchSize = size(vision, "patch_size", 16);
  const imageSize = size(vision, "image_size", 224);
  const side = multiple(imageSize, "image_size", patchSize);
  const head = headOf(vision, "vision_config.proj_type");
  if (head === "none" && hiddenSize !== towerSize)
    throw wrong("vision_config.proj_type", `"linear" where width ${hiddenSize} is not embed_dim ${towerSize}`, null);
  return {
    imageSize,
    patchSize,
    hiddenSize,
    numHeads,
    numLayers: size(vision, "layers", 12, MAX_LAYERS),
    intermediateSize: innerSize(vision, hiddenSize),
    innerNorms: flag(vision, "subln", false),
    mlp: flag(vision, "naive_swiglu", false) ? "swiglu" : "gelu",
    queryValueBias: flag(vision, "qkv_bias", true),
    rotaryGrid: flag(vision, "rope_embeddings", false) ? rotaryGrid(vision, side, hiddenSize / numHeads) : null,
    head,
  };
}

function innerSize(vision: JsonFields, hiddenSize: number): number {
  const ratio = real(vision, "mlp_ratio", 4);
  const inner = Math.trunc(hiddenSize * ratio);
  if (inner >= 1 && inner <= MAX_SIZE) return inner;
  throw wrong("mlp_ratio", `such that width · mlp_ratio lies in 1 … ${MAX_SIZE}`, ratio);
}

function rotaryGrid(vision: JsonFields, side: number, headWidth: number): number {
  if (headWidth % 4 !== 0) throw wrong("head_width", "a multiple of 4 with rope_embeddings", headWidth);
  const grid = size(vision, "pt_hw_seq_len", 16);
  if (grid === side || flag(vision, "intp_freq", false)) return grid;
  throw wrong("pt_hw_seq_len", `image_size / patch_size = ${side} unless intp_freq is true`, grid);
}

const TEXT_FIELDS = [
  ...["embed_dim", "hf_model_name_or_path", "hf_model_config_kwargs", "pooler_type", "proj_type", "proj_bias"],
  ...["default_instruction_task", "default_lora_task"],
];
const BERT_FIELDS = [
  ...["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "type_vocab_size"],
  ...["max_position_embeddings", "layer_norm_eps", "pad_token_id", "hidden_act", "position_embedding_type"],
  ...["feed_forward_type", "use_qk_norm"],
  // how it is computed or trained, not what
  ...["use_flash_attn", "hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range"],
];

function parseText(text: JsonFields, towerSize: number): JinaTextConfig {
  knownOnly(text, "text_config", TEXT_FIELDS);
  only(text, "model_type", "jina_clip_text", "jina_clip_text");
  only(text, "hf_model_name_or_path", BACKBONE);
  only(text, "pooler_type", "mean_pooler");
  only(text, "default_instruction_task", null, null);
  only(text, "default_lora_task", null, null);
  const bert = object(text["hf_model_config_kwargs"] ?? {}, "hf_model_config_kwargs");
  knownOnly(bert, "hf_model_config_kwargs", BERT_FIELDS);
  only(bert, "hidden_act", "gelu", "gelu");
  only(bert, "position_embedding_type", "alibi", "alibi");
  only(bert, "feed_forward_type", "geglu", "geglu");
  only(bert, "use_qk_norm", false, false);
  const hiddenSize = size(bert, "hidden_size", 768);
  const numHeads = size(bert, "num_attention_heads", 12);
  multiple(hiddenSize, "hidden_size", numHeads);
  const vocabularySize = size(bert, "vocab_size", 30_528);
  const padTokenId = whole(bert, "pad_token_id", 0);
  if (padTokenId >= vocabularySize) throw wrong("pad_token_id", `below vocab_size ${vocabularySize}`, padTokenId);
  const mapped = headOf(text, "text_config.proj_type") === "linear" || hiddenSize !== towerSize;
  return {
    vocabularySize,
    hiddenSize,
    numHeads,
    numLayers: size(bert, "num_hidden_layers", 12, MAX_LAYERS),
    intermediateSize: size(bert, "intermediate_size", 3072),
    numTokenTypes: size(bert, "type_vocab_size", 2),
    maxPositions: Math.min(PUBLISHED_TEXT_LENGTH, size(bert, "max_position_embeddings", 8192)),
    layerNormEpsilon: real(bert, "layer_norm_eps", 1e-12),
    padTokenId,
    head: mapped ? (flag(text, "proj_bias", false) ? "affine" : "linear") : "none",
  };
}

function headOf(json: JsonFields, field: string): "none" | "linear" {
  const value = json["proj_type"] ?? null;
  if (value === null) return "none";
  if (value === "linear") return value;
  throw wrong(field, 'null or "linear"', value);
}

/** A whole number from 1 to `most`. */
function size(json: JsonFields, field: string, fallback: number, most = MAX_SIZE): number {
  const value = whole(json, field, fallback);
  if (value >= 1 && value <= most) return value;
  throw wrong(field, `a whole number from 1 to ${most}`, value);
}

/** How often `unit` goes into `value`. */
function multiple(value: number, field: string, unit: number): number {
  if (value % unit === 0) return value / unit;
  throw wrong(field, `a multiple of ${unit}`, value);
}

function flag(json: JsonFields, field: string, fallback: boolean): boolean {
  const value = json[field] ?? fallback;
  if (typeof value === "boolean") return value;
  throw wrong(field, "true or false", value);
}

/** An option nobody reads here would change the model without a word. */
function knownOnly(json: JsonFields, section: string, known: readonly string[]): void {
  for (const [name, value] of Object.entries(json))
    if (!known.includes(name) && !TRANSFORMERS_FIELDS.has(name))
      throw wrong(`${section}.${name}`, `left out, or one of ${known.join(", ")}`, value);
}
