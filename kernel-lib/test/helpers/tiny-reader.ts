import type { Qwen2VlConfig } from "../../src/models/qwen2-vl/config";
import { QWEN2_VL_CHAT_TEMPLATE } from "../../src/models/qwen2-vl/processor";
import { createQwen2Vl, type Qwen2Vl } from "../../src/models/qwen2-vl/weights";
import { createTokenizer, type TextTokenizer } from "../../src/models/text/tokenizer";
import { createReplicaQwen2Vl } from "../../src/replicas/replica-readers";

let tokenizer: TextTokenizer | undefined;

function tinyTokenizer(): TextTokenizer {
  if (tokenizer === undefined) {
    const replica = createReplicaQwen2Vl(1);
    tokenizer = createTokenizer(replica.tokenizer.json);
    replica.dispose();
  }
  return tokenizer;
}

/** An untrained Qwen2-VL-shaped reader of a few ten thousand weights that knows the phantoms' words. */
export function tinyReader(seed = 1, hidden = 32): Qwen2Vl {
  const words = tinyTokenizer();
  const config: Qwen2VlConfig = {
    text: {
      vocabSize: words.vocabularySize,
      hiddenSize: hidden,
      intermediateSize: 2 * hidden,
      numLayers: 2,
      numHeads: hidden / 16,
      numKeyValueHeads: 1,
      rmsNormEps: 1e-6,
      ropeTheta: 10_000,
      mropeSection: [2, 3, 3],
      maxPositions: 256,
      padTokenId: words.idOf("<|endoftext|>"),
      endTokenId: words.idOf("<|im_end|>"),
    },
    vision: {
      depth: 1,
      embedDim: hidden,
      numHeads: hidden / 16,
      mlpRatio: 2,
      inChannels: 3,
      patchSize: 4,
      temporalPatchSize: 2,
      spatialMergeSize: 2,
      ropeTheta: 10_000,
    },
    imageTokenId: words.idOf("<|image_pad|>"),
    videoTokenId: words.idOf("<|video_pad|>"),
    visionStartTokenId: words.idOf("<|vision_start|>"),
    visionEndTokenId: words.idOf("<|vision_end|>"),
    tieWordEmbeddings: true,
  };
  const imageConfig = {
    mean: [0.5, 0.5, 0.5] as const,
    std: [0.5, 0.5, 0.5] as const,
    rescale: 1 / 255,
    patchSize: 4,
    mergeSize: 2,
    temporalPatchSize: 2,
    minPixels: 256,
    maxPixels: 256,
  };
  const model = createQwen2Vl(config, { tokenizer: words, imageConfig, chatTemplate: QWEN2_VL_CHAT_TEMPLATE }, seed);
  // the head is tied to the embeddings: at their initial size no adapter could move the logits far
  const embeddings = "model.language_model.embed_tokens.weight";
  const values = model.parameters.get(embeddings).dataSync() as Float32Array;
  model.parameters.assign(
    embeddings,
    values.map((value) => 15 * value),
  );
  return model;
}
