import { type Clip, createClip } from "../models/clip/weights";
import type { QwenImageConfig } from "../models/images/processor";
import { createQwen2Vl, type Qwen2Vl } from "../models/qwen2-vl/weights";
import { QWEN2_VL_CHAT_TEMPLATE } from "../models/text/chat-template";
import { createTokenizer } from "../models/text/tokenizer";
import { readerWords, type VocabularyWord, vocabularyWords } from "../phantoms/general/vocabulary";
import { trainBpe } from "./bpe-trainer";

/** Names the recipe of both replica models; raised when sizes, vocabulary or pre-training change. */
export const REPLICA_VERSION = 4;

const READER_SPECIAL_TOKENS = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|vision_start|>",
  "<|vision_end|>",
  "<|vision_pad|>",
  "<|image_pad|>",
  "<|video_pad|>",
] as const;

/** What the replica encoders, or the readers, know as one token each. */
export const encoderPieces = (): ReadonlyMap<string, number> => toPieces(vocabularyWords());
export const readerPieces = (): ReadonlyMap<string, number> => toPieces(readerWords());

/** Cut as the pre-tokenizer cuts: "background:" is two pieces, "12" two digits. */
function toPieces(words: readonly VocabularyWord[]): ReadonlyMap<string, number> {
  const pieces = new Map<string, number>();
  for (const { word, count } of words) {
    for (const piece of word.match(/\p{L}+|\p{N}|[^\p{L}\p{N}]+/gu) ?? []) pieces.set(piece, count);
  }
  return pieces;
}

/** Pictures of the replica reader: always 32 x 32, 16 tokens each. */
const REPLICA_IMAGES: QwenImageConfig = {
  patchSize: 4,
  temporalPatchSize: 2,
  mergeSize: 2,
  minPixels: 1024,
  maxPixels: 1024,
  rescale: 1 / 255,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

/**
 * A Qwen2-VL-shaped reader of about one million weights, not yet trained.
 *
 * Heads are 32 wide, so that servers that take Qwen2-VL take this one too.
 */
export function createReplicaReader(seed: number): Qwen2Vl {
  const tokenizer = createTokenizer(trainBpe({ words: readerPieces(), specialTokens: READER_SPECIAL_TOKENS }));
  const id = (token: (typeof READER_SPECIAL_TOKENS)[number]): number => tokenizer.idOf(token);
  return createQwen2Vl(
    {
      text: {
        vocabSize: tokenizer.vocabularySize,
        hiddenSize: 128,
        intermediateSize: 256,
        numLayers: 4,
        numHeads: 4,
        numKeyValueHeads: 2,
        rmsNormEps: 1e-6,
        ropeTheta: 10_000,
        mropeSection: [4, 6, 6],
        maxPositions: 512,
        padTokenId: id("<|endoftext|>"),
        endTokenId: id("<|im_end|>"),
      },
      vision: {
        depth: 2,
        embedDim: 96,
        numHeads: 3,
        mlpRatio: 2,
        inChannels: 3,
        patchSize: REPLICA_IMAGES.patchSize,
        temporalPatchSize: REPLICA_IMAGES.temporalPatchSize,
        spatialMergeSize: REPLICA_IMAGES.mergeSize,
        ropeTheta: 10_000,
      },
      imageTokenId: id("<|image_pad|>"),
      videoTokenId: id("<|video_pad|>"),
      visionStartTokenId: id("<|vision_start|>"),
      visionEndTokenId: id("<|vision_end|>"),
      tieWordEmbeddings: true,
    },
    { tokenizer, imageProcessor: REPLICA_IMAGES, chatTemplate: QWEN2_VL_CHAT_TEMPLATE },
    seed,
  );
}

const CLIP_SPECIAL_TOKENS = ["<|endoftext|>", "<|startoftext|>"] as const;

/** A CLIP-shaped dual encoder of about half a million weights, not yet trained. */
export function createReplicaClip(seed: number): Clip {
  const [end, begin] = CLIP_SPECIAL_TOKENS;
  const json = trainBpe({ words: encoderPieces(), specialTokens: CLIP_SPECIAL_TOKENS, wrap: { begin, end } });
  const tokenizer = createTokenizer(json);
  const tower = {
    hidden_size: 96,
    intermediate_size: 192,
    num_hidden_layers: 2,
    num_attention_heads: 3,
    hidden_act: "quick_gelu",
    layer_norm_eps: 1e-5,
    attention_dropout: 0,
  };
  const config = {
    architectures: ["CLIPModel"],
    model_type: "clip",
    dtype: "float32",
    projection_dim: 64,
    logit_scale_init_value: 2.6592,
    vision_config: { ...tower, model_type: "clip_vision_model", image_size: 32, patch_size: 8, num_channels: 3 },
    text_config: {
      ...tower,
      model_type: "clip_text_model",
      vocab_size: tokenizer.vocabularySize,
      max_position_embeddings: 64,
      bos_token_id: tokenizer.idOf(begin),
      eos_token_id: tokenizer.idOf(end),
      pad_token_id: tokenizer.idOf(end),
    },
  };
  const tokenizerConfig = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: begin,
    eos_token: end,
    pad_token: end,
    unk_token: end,
    model_max_length: 64,
  };
  const preprocessor = {
    image_processor_type: "CLIPImageProcessor",
    do_resize: true,
    size: { shortest_edge: 32 },
    do_center_crop: true,
    crop_size: { height: 32, width: 32 },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
    do_convert_rgb: true,
    resample: 3,
  };
  return createClip({ config, tokenizer: json, tokenizerConfig, preprocessor }, seed);
}
