import { PIXTRAL_CHAT_TEMPLATE, PIXTRAL_TOKENS, type PixtralImageConfig } from "../models/pixtral/processor";
import { createPixtral, type Pixtral } from "../models/pixtral/weights";
import { QWEN2_VL_CHAT_TEMPLATE, type Qwen2VlImageConfig } from "../models/qwen2-vl/processor";
import { createQwen2Vl, type Qwen2Vl } from "../models/qwen2-vl/weights";
import { createTokenizer } from "../models/text/tokenizer";
import { readerWords } from "../phantoms/general/vocabulary";
import { cutWords, trainBpe } from "./tokenizers";

/*
 * The replicas' readers, not yet trained: the published architectures with about one million weights each, knowing the same words.
 */

/** Heads are so wide in both, so that servers that take the published models take these too. */
const HEAD_WIDTH = 32;

/** What both text models share. */
const TEXT = {
  hiddenSize: 4 * HEAD_WIDTH,
  intermediateSize: 256,
  numLayers: 4,
  numHeads: 4,
  numKeyValueHeads: 2,
  ropeTheta: 10_000,
  maxPositions: 512,
} as const;

const QWEN2_VL_TOKENS = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|vision_start|>",
  "<|vision_end|>",
  "<|vision_pad|>",
  "<|image_pad|>",
  "<|video_pad|>",
] as const;

/** Pictures of the replica Qwen2-VL: always 32 x 32, 16 tokens each. */
const QWEN2_VL_IMAGES: Qwen2VlImageConfig = {
  patchSize: 4,
  temporalPatchSize: 2,
  mergeSize: 2,
  minPixels: 1024,
  maxPixels: 1024,
  rescale: 1 / 255,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

/** A Qwen2-VL-shaped reader. */
export function createReplicaQwen2Vl(seed: number): Qwen2Vl {
  const tokenizer = createTokenizer(trainBpe({ words: cutWords(readerWords()), specialTokens: QWEN2_VL_TOKENS }));
  const id = (token: (typeof QWEN2_VL_TOKENS)[number]): number => tokenizer.idOf(token);
  const text = {
    ...TEXT,
    vocabSize: tokenizer.vocabularySize,
    rmsNormEps: 1e-6,
    mropeSection: [4, 6, 6],
    padTokenId: id("<|endoftext|>"),
    endTokenId: id("<|im_end|>"),
  } as const;
  const vision = {
    depth: 2,
    embedDim: 96,
    numHeads: 3,
    mlpRatio: 2,
    inChannels: 3,
    patchSize: QWEN2_VL_IMAGES.patchSize,
    temporalPatchSize: QWEN2_VL_IMAGES.temporalPatchSize,
    spatialMergeSize: QWEN2_VL_IMAGES.mergeSize,
    ropeTheta: 10_000,
  };
  const config = {
    text,
    vision,
    imageTokenId: id("<|image_pad|>"),
    videoTokenId: id("<|video_pad|>"),
    visionStartTokenId: id("<|vision_start|>"),
    visionEndTokenId: id("<|vision_end|>"),
    tieWordEmbeddings: true,
  };
  const parts = { tokenizer, imageConfig: QWEN2_VL_IMAGES, chatTemplate: QWEN2_VL_CHAT_TEMPLATE };
  return createQwen2Vl(config, parts, seed);
}

const PIXTRAL_SPECIAL_TOKENS = [
  "<unk>",
  "<s>",
  "</s>",
  "<pad>",
  "[INST]",
  "[/INST]",
  ...Object.values(PIXTRAL_TOKENS),
] as const;

/** Pictures of the replica Pixtral: at most 32 x 32 pixels, 16 tokens and 4 marks. */
const PIXTRAL_IMAGES: PixtralImageConfig = {
  patchSize: 8,
  longestEdge: 32,
  rescale: 1 / 255,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

/** A Pixtral-shaped reader. */
export function createReplicaPixtral(seed: number): Pixtral {
  const json = trainBpe({ words: cutWords(readerWords()), specialTokens: PIXTRAL_SPECIAL_TOKENS });
  const tokenizer = createTokenizer(json, { bos_token: "<s>", eos_token: "</s>" });
  const text = {
    ...TEXT,
    vocabSize: tokenizer.vocabularySize,
    headDim: HEAD_WIDTH,
    rmsNormEps: 1e-5,
    mropeSection: [HEAD_WIDTH / 2, 0, 0],
    padTokenId: tokenizer.idOf("<pad>"),
    endTokenId: tokenizer.idOf("</s>"),
  } as const;
  const vision = {
    hiddenSize: 96,
    intermediateSize: 192,
    numLayers: 2,
    numHeads: 3,
    numChannels: 3,
    imageSize: PIXTRAL_IMAGES.longestEdge,
    patchSize: PIXTRAL_IMAGES.patchSize,
    activation: "silu",
    ropeTheta: 10_000,
  } as const;
  const config = {
    text,
    vision,
    imageTokenId: tokenizer.idOf(PIXTRAL_TOKENS.image),
    featureLayer: vision.numLayers,
    projectorActivation: "gelu",
    projectorBias: "bias",
    tieWordEmbeddings: true,
  } as const;
  const parts = {
    tokenizer,
    imageConfig: PIXTRAL_IMAGES,
    chatTemplate: PIXTRAL_CHAT_TEMPLATE,
    imageTokens: PIXTRAL_TOKENS,
  };
  return createPixtral(config, parts, seed);
}
