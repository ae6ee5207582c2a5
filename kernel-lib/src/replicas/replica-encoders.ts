import { type Clip, createClip } from "../models/clip/weights";
import { createJinaClip, type JinaClip } from "../models/jina-clip/weights";
import { createTokenizer } from "../models/text/tokenizer";
import { vocabularyWords } from "../phantoms/general/vocabulary";
import { BERT_TOKENS, buildWordPieces, cutWords, trainBpe } from "./tokenizers";

/*
 * The replicas' dual encoders, not yet trained: the published architectures in small, knowing the same words. Pictures are
 * 32 x 32 pixels in patches of 8, and 64 tokens of a text are read.
 */

const IMAGE_SIZE = 32;
const PATCH_SIZE = 8;
const MAX_POSITIONS = 64;

// ---- CLIP -----------------------------------------------------------------------------------------------------------------

const CLIP_END = "<|endoftext|>";
const CLIP_BEGIN = "<|startoftext|>";

/** What both towers share. */
const CLIP_TOWER = {
  hidden_size: 96,
  intermediate_size: 192,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  hidden_act: "quick_gelu",
  layer_norm_eps: 1e-5,
  attention_dropout: 0,
};

const CLIP_TOKENIZER_CONFIG = {
  tokenizer_class: "PreTrainedTokenizerFast",
  bos_token: CLIP_BEGIN,
  eos_token: CLIP_END,
  pad_token: CLIP_END,
  unk_token: CLIP_END,
  model_max_length: MAX_POSITIONS,
};

const CLIP_PREPROCESSOR = {
  image_processor_type: "CLIPImageProcessor",
  do_resize: true,
  size: { shortest_edge: IMAGE_SIZE },
  do_center_crop: true,
  crop_size: { height: IMAGE_SIZE, width: IMAGE_SIZE },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  do_convert_rgb: true,
  resample: 3,
};

/** A CLIP-shaped dual encoder of about half a million weights. */
export function createReplicaClip(seed: number): Clip {
  const json = trainBpe({
    words: cutWords(vocabularyWords()),
    specialTokens: [CLIP_END, CLIP_BEGIN],
    wrap: { begin: CLIP_BEGIN, end: CLIP_END },
  });
  const tokenizer = createTokenizer(json);
  const config = {
    architectures: ["CLIPModel"],
    model_type: "clip",
    dtype: "float32",
    projection_dim: 64,
    logit_scale_init_value: 2.6592,
    vision_config: {
      ...CLIP_TOWER,
      model_type: "clip_vision_model",
      image_size: IMAGE_SIZE,
      patch_size: PATCH_SIZE,
      num_channels: 3,
    },
    text_config: {
      ...CLIP_TOWER,
      model_type: "clip_text_model",
      vocab_size: tokenizer.vocabularySize,
      max_position_embeddings: MAX_POSITIONS,
      bos_token_id: tokenizer.idOf(CLIP_BEGIN),
      eos_token_id: tokenizer.idOf(CLIP_END),
      pad_token_id: tokenizer.idOf(CLIP_END),
    },
  };
  const parts = { config, tokenizer: json, tokenizerConfig: CLIP_TOKENIZER_CONFIG, preprocessor: CLIP_PREPROCESSOR };
  return createClip(parts, seed);
}

// ---- Jina-CLIP ------------------------------------------------------------------------------------------------------------

const JINA_WIDTH = 128;
const JINA_HEAD_WIDTH = 32;

/** The image tower (EVA-02): inner norms, SwiGLU, rotary positions scaled to a 16 x 16 grid. */
const JINA_VISION = {
  model_type: "jina_clip_vision",
  embed_dim: JINA_WIDTH,
  width: JINA_WIDTH,
  head_width: JINA_HEAD_WIDTH,
  layers: 3,
  mlp_ratio: 2.625, // 336: the published 2.6667 is no multiple of 8 here
  image_size: IMAGE_SIZE,
  patch_size: PATCH_SIZE,
  qkv_bias: true,
  subln: true,
  naive_swiglu: true,
  rope_embeddings: true,
  pt_hw_seq_len: 16,
  intp_freq: true,
  ls_init_value: null,
  post_norm: false,
  proj_type: null,
};

/** The text tower (JinaBERT, ALiBi) for a vocabulary. */
function jinaText(vocabularySize: number) {
  const bert = {
    use_flash_attn: false,
    vocab_size: vocabularySize,
    hidden_size: JINA_WIDTH,
    num_hidden_layers: 3,
    num_attention_heads: JINA_WIDTH / JINA_HEAD_WIDTH,
    intermediate_size: 2 * JINA_WIDTH,
    max_position_embeddings: MAX_POSITIONS,
  };
  return {
    model_type: "jina_clip_text",
    embed_dim: JINA_WIDTH,
    hf_model_config_kwargs: bert,
    hf_model_name_or_path: "jinaai/jina-bert-flash-implementation",
    pooler_type: "mean_pooler",
    proj_bias: false,
    proj_type: null,
  };
}

const JINA_TOKENIZER_CONFIG = {
  tokenizer_class: "BertTokenizer",
  do_lower_case: true,
  cls_token: BERT_TOKENS.begin,
  mask_token: BERT_TOKENS.mask,
  pad_token: BERT_TOKENS.pad,
  sep_token: BERT_TOKENS.end,
  unk_token: BERT_TOKENS.unknown,
  model_max_length: MAX_POSITIONS,
};

const JINA_PREPROCESSOR = {
  auto_map: { AutoImageProcessor: "jinaai/jina-clip-implementation--processing_clip.JinaCLIPImageProcessor" },
  fill_color: 0,
  image_processor_type: "JinaCLIPImageProcessor",
  interpolation: "bicubic",
  mean: [0.5, 0.5, 0.5],
  processor_class: "JinaCLIPProcessor",
  resize_mode: "shortest",
  size: IMAGE_SIZE,
  std: [0.5, 0.5, 0.5],
};

/** A Jina-CLIP of about 1.2 million weights: the published architecture, with no map behind the towers, in three layers. */
export function createReplicaJinaClip(seed: number): JinaClip {
  const tokenizer = buildWordPieces(cutWords(vocabularyWords()).keys());
  const config = {
    add_projections: false,
    architectures: ["JinaCLIPModel"],
    auto_map: {
      AutoConfig: "jinaai/jina-clip-implementation--configuration_clip.JinaCLIPConfig",
      AutoModel: "jinaai/jina-clip-implementation--modeling_clip.JinaCLIPModel",
    },
    logit_scale_init_value: 2.6592,
    model_type: "jina_clip",
    projection_dim: JINA_WIDTH,
    text_config: jinaText(createTokenizer(tokenizer).vocabularySize),
    torch_dtype: "float32",
    vision_config: JINA_VISION,
  };
  const parts = { config, tokenizer, tokenizerConfig: JINA_TOKENIZER_CONFIG, preprocessor: JINA_PREPROCESSOR };
  return createJinaClip(parts, seed);
}
