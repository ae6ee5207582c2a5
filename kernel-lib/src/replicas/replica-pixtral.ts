import { PIXTRAL_CHAT_TEMPLATE, type PixtralImageConfig } from "../models/pixtral/processor";
import { createPixtral, PIXTRAL_TOKENS, type Pixtral } from "../models/pixtral/weights";
import { createTokenizer } from "../models/text/tokenizer";
import { trainBpe } from "./bpe-trainer";
import { readerPieces } from "./replica-models";

const SPECIAL_TOKENS = [
  "<unk>",
  "<s>",
  "</s>",
  "<pad>",
  "[INST]",
  "[/INST]",
  ...Object.values(PIXTRAL_TOKENS),
] as const;

/** Pictures of the replica: at most 32 x 32 pixels, 16 tokens and 4 marks. */
const REPLICA_IMAGES: PixtralImageConfig = {
  patchSize: 8,
  longestEdge: 32,
  rescale: 1 / 255,
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

const HEAD_WIDTH = 32;

/**
 * A Pixtral-shaped reader of about one million weights, not yet trained; it knows the same words as `createReplicaReader`.
 *
 * Heads are 32 wide, so that servers that take Pixtral take this one too.
 */
export function createReplicaPixtral(seed: number): Pixtral {
  const json = trainBpe({ words: readerPieces(), specialTokens: SPECIAL_TOKENS });
  const tokenizer = createTokenizer(json, { bos_token: "<s>", eos_token: "</s>" });
  const text = {
    vocabSize: tokenizer.vocabularySize,
    hiddenSize: 128,
    intermediateSize: 256,
    numLayers: 4,
    numHeads: 4,
    numKeyValueHeads: 2,
    headDim: HEAD_WIDTH,
    rmsNormEps: 1e-5,
    ropeTheta: 10_000,
    mropeSection: [HEAD_WIDTH / 2, 0, 0],
    maxPositions: 512,
    padTokenId: tokenizer.idOf("<pad>"),
    endTokenId: tokenizer.idOf("</s>"),
  } as const;
  const vision = {
    hiddenSize: 96,
    intermediateSize: 192,
    numLayers: 2,
    numHeads: 3,
    numChannels: 3,
    imageSize: REPLICA_IMAGES.longestEdge,
    patchSize: REPLICA_IMAGES.patchSize,
    activation: "silu",
    ropeTheta: 10_000,
  } as const;
  return createPixtral(
    {
      text,
      vision,
      imageTokenId: tokenizer.idOf(PIXTRAL_TOKENS.image),
      featureLayer: vision.numLayers,
      projectorActivation: "gelu",
      projectorBias: "bias",
      tieWordEmbeddings: true,
    },
    {
      tokenizer,
      imageProcessor: REPLICA_IMAGES,
      chatTemplate: PIXTRAL_CHAT_TEMPLATE,
      imageTokens: PIXTRAL_TOKENS,
    },
    seed,
  );
}
