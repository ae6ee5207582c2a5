import { createRandom } from "../../../src/base/random";
import type { RasterImage } from "../../../src/base/types";
import { QWEN2_VL_CHAT_TEMPLATE } from "../../../src/models/qwen2-vl/processor";
import { createQwen2Vl, type Qwen2Vl } from "../../../src/models/qwen2-vl/weights";
import type { ChatMessage } from "../../../src/models/text/chat-template";
import { createTokenizer, type TextTokenizer } from "../../../src/models/text/tokenizer";
import { trainBpe } from "../../../src/replicas/tokenizers";

const WORDS = ["background", "round", "spiky", "tall", "shadow", "what", "is", "it", "yes", "no", "user", "assistant"];
const SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"];

let tokenizer: TextTokenizer | null = null;

/** An untrained Qwen2-VL-shaped reader of about 40,000 weights; pictures of 16 x 16 or 16 x 8 pixels. */
export function tinyModel(seed = 1): Qwen2Vl {
  tokenizer ??= createTokenizer(
    trainBpe({ words: WORDS.map((word) => [word, 1]), specialTokens: [...SPECIAL, "<|video_pad|>"] }),
  );
  const id = tokenizer.idOf;
  return createQwen2Vl(
    {
      text: {
        vocabSize: tokenizer.vocabularySize,
        hiddenSize: 32,
        intermediateSize: 48,
        numLayers: 2,
        numHeads: 2,
        numKeyValueHeads: 1,
        rmsNormEps: 1e-6,
        ropeTheta: 10_000,
        mropeSection: [2, 3, 3],
        maxPositions: 128,
        padTokenId: id("<|endoftext|>"),
        endTokenId: id("<|im_end|>"),
      },
      vision: {
        depth: 1,
        embedDim: 16,
        numHeads: 2,
        mlpRatio: 2,
        inChannels: 3,
        patchSize: 4,
        temporalPatchSize: 2,
        spatialMergeSize: 2,
        ropeTheta: 10_000,
      },
      imageTokenId: id("<|image_pad|>"),
      videoTokenId: id("<|video_pad|>"),
      visionStartTokenId: id("<|vision_start|>"),
      visionEndTokenId: id("<|vision_end|>"),
      tieWordEmbeddings: true,
    },
    {
      tokenizer,
      imageConfig: {
        mean: [0.5, 0.5, 0.5],
        std: [0.25, 0.25, 0.25],
        rescale: 1 / 255,
        patchSize: 4,
        mergeSize: 2,
        temporalPatchSize: 2,
        minPixels: 64,
        maxPixels: 256,
      },
      chatTemplate: QWEN2_VL_CHAT_TEMPLATE,
    },
    seed,
  );
}

/** A noise picture. */
export function noiseImage(seed: number, height = 16): RasterImage {
  const random = createRandom(seed);
  return { width: 16, height, channels: 1, data: Uint8Array.from({ length: 16 * height }, () => random.integer(256)) };
}

/** A user turn of two pictures and two texts. */
export function ask(candidate: RasterImage, query: RasterImage, background: string): ChatMessage[] {
  return [
    {
      role: "user",
      content: [
        { type: "image", image: candidate },
        { type: "text", text: `background: ${background}\n\n` },
        { type: "image", image: query },
        { type: "text", text: "what is it" },
      ],
    },
  ];
}
