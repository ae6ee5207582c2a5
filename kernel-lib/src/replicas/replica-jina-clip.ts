import { createJinaClip, type JinaClip } from "../models/jina-clip/weights";
import { createTokenizer } from "../models/text/tokenizer";
import { encoderPieces } from "./replica-models";
import { BERT_TOKENS, buildWordPieces } from "./word-pieces";

/** Tokens read of a text, as the replica CLIP. */
const MAX_POSITIONS = 64;
const WIDTH = 128;
const HEAD_WIDTH = 32;

/**
 * A Jina-CLIP of about 1.2 million weights, not yet trained: the published architecture (inner norms, SwiGLU, rotary positions
 * scaled to a 16 x 16 grid, ALiBi, no map behind the towers) in three layers, 32 x 32 pictures, and the replica models' words.
 */
export function createReplicaJinaClip(seed: number): JinaClip {
  const tokenizer = buildWordPieces(encoderPieces().keys());
  const bert = {
    use_flash_attn: false,
    vocab_size: createTokenizer(tokenizer).vocabularySize,
    hidden_size: WIDTH,
    num_hidden_layers: 3,
    num_attention_heads: WIDTH / HEAD_WIDTH,
    intermediate_size: 2 * WIDTH,
    max_position_embeddings: MAX_POSITIONS,
  };
  const vision = {
    model_type: "jina_clip_vision",
    embed_dim: WIDTH,
    width: WIDTH,
    head_width: HEAD_WIDTH,
    layers: 3,
    mlp_ratio: 2.625, // 336: the published 2.6667 is no multiple of 8 here
    image_size: 32,
    patch_size: 8,
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
  const config = {
    add_projections: false,
    architectures: ["JinaCLIPModel"],
    auto_map: {
      AutoConfig: "jinaai/jina-clip-implementation--configuration_clip.JinaCLIPConfig",
      AutoModel: "jinaai/jina-clip-implementation--modeling_clip.JinaCLIPModel",
    },
    logit_scale_init_value: 2.6592,
    model_type: "jina_clip",
    projection_dim: WIDTH,
    text_config: {
      model_type: "jina_clip_text",
      embed_dim: WIDTH,
      hf_model_config_kwargs: bert,
      hf_model_name_or_path: "jinaai/jina-bert-flash-implementation",
      pooler_type: "mean_pooler",
      proj_bias: false,
      proj_type: null,
    },
    torch_dtype: "float32",
    vision_config: vision,
  };
  return createJinaClip({ config, tokenizer, tokenizerConfig: TOKENIZER_CONFIG, preprocessor: PREPROCESSOR }, seed);
}

const TOKENIZER_CONFIG = {
  tokenizer_class: "BertTokenizer",
  do_lower_case: true,
  cls_token: BERT_TOKENS.begin,
  mask_token: BERT_TOKENS.mask,
  pad_token: BERT_TOKENS.pad,
  sep_token: BERT_TOKENS.end,
  unk_token: BERT_TOKENS.unknown,
  model_max_length: MAX_POSITIONS,
};

const PREPROCESSOR = {
  auto_map: { AutoImageProcessor: "jinaai/jina-clip-implementation--processing_clip.JinaCLIPImageProcessor" },
  fill_color: 0,
  image_processor_type: "JinaCLIPImageProcessor",
  interpolation: "bicubic",
  mean: [0.5, 0.5, 0.5],
  processor_class: "JinaCLIPProcessor",
  resize_mode: "shortest",
  size: 32,
  std: [0.5, 0.5, 0.5],
};
