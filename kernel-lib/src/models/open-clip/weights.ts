import { requireBackend } from "../../compute/backend";
import { MODEL_FILES, OPEN_CLIP_WEIGHTS } from "../../hub/model-files";
import type { DualEncoder, DualTowers, EncoderArchitecture, EncoderParts } from "../dual-encoder/encoder";
import { type EncoderImageConfig, encoderPixels, textsToLast } from "../dual-encoder/processor";
import { assertVocabulary, createTokenizer, type TextTokenizer } from "../text/tokenizer";
import { neededWeights, readCheckpoint, requirePart, writeCheckpoint } from "../weights/model-folder";
import { createParameterStore, type NamedShape, withBias, withoutBias } from "../weights/parameters";
import { type OpenClipConfig, parseOpenClipConfig, parseOpenClipImages } from "./config";
import { BERT, openClipImages, openClipTexts, TRUNK } from "./model";

const KIND = "open-clip";

/** The shape of every weight by its published name. */
function openClipShapes({ vision, text, projectionSize }: OpenClipConfig): Map<string, readonly number[]> {
  const { hiddenSize: width, intermediateSize: inner, patchSize, imageSize } = vision;
  const blocks = Array.from({ length: vision.numLayers }, (_, i) => `${TRUNK}.blocks.${i}`);
  return new Map<string, readonly number[]>([
    ["logit_scale", []],
    [`${TRUNK}.cls_token`, [1, 1, width]],
    [`${TRUNK}.pos_embed`, [1, (imageSize / patchSize) ** 2 + 1, width]],
    ...withBias(`${TRUNK}.patch_embed.proj`, [width, 3, patchSize, patchSize]),
    ...blocks.flatMap((block) => [
      ...withBias(`${block}.norm1`, [width]),
      ...withBias(`${block}.attn.qkv`, [3 * width, width]),
      ...withBias(`${block}.attn.proj`, [width, width]),
      ...withBias(`${block}.norm2`, [width]),
      ...withBias(`${block}.mlp.fc1`, [inner, width]),
      ...withBias(`${block}.mlp.fc2`, [width, inner]),
    ]),
    ...withBias(`${TRUNK}.norm`, [width]),
    ...withoutBias("visual.head.proj", [projectionSize, width]),
    ...textShapes(text, projectionSize),
  ]);
}

function textShapes(text: OpenClipConfig["text"], projectionSize: number): NamedShape[] {
  const { hiddenSize: width, intermediateSize: inner, vocabularySize, numPositions, projectionHidden } = text;
  const layers = Array.from({ length: text.numLayers }, (_, i) => `${BERT}.encoder.layer.${i}`);
  const maps =
    projectionHidden === null
      ? withoutBias("text.proj", [projectionSize, width])
      : [
          ...withoutBias("text.proj.0", [projectionHidden, width]),
          ...withoutBias("text.proj.2", [projectionSize, projectionHidden]),
        ];
  return [
    ...withoutBias(`${BERT}.embeddings.word_embeddings`, [vocabularySize, width]),
    ...withoutBias(`${BERT}.embeddings.position_embeddings`, [numPositions, width]),
    ...withoutBias(`${BERT}.embeddings.token_type_embeddings`, [2, width]),
    ...withBias(`${BERT}.embeddings.LayerNorm`, [width]),
    ...layers.flatMap((layer) => [
      ...["query", "key", "value"].flatMap((part) => withBias(`${layer}.attention.self.${part}`, [width, width])),
      ...withBias(`${layer}.attention.output.dense`, [width, width]),
      ...withBias(`${layer}.attention.output.LayerNorm`, [width]),
      ...withBias(`${layer}.intermediate.dense`, [inner, width]),
      ...withBias(`${layer}.output.dense`, [width, inner]),
      ...withBias(`${layer}.output.LayerNorm`, [width]),
    ]),
    ...maps,
  ];
}

/** An open_clip model with a vision transformer of timm and a BERT, as BiomedCLIP is. */
export interface OpenClip extends DualEncoder {
  readonly kind: "open-clip";
  readonly config: OpenClipConfig;
  readonly imageConfig: EncoderImageConfig;
  readonly tokenizer: TextTokenizer;
  readonly parts: Pick<EncoderParts, "config" | "tokenizer" | "tokenizerConfig">;
}

/**
 * Loads a folder in open_clip's published layout: open_clip_config.json, open_clip_model.safetensors, tokenizer.json.
 *
 * Texts are read as they are: open_clip first mends broken Unicode and HTML entities, which captions here do not have.
 *
 * @throws DataError when a file is missing or broken, an option is unknown or not built, or a weight is missing, unknown or of
 * another shape.
 */
export function loadOpenClip(folder: string): OpenClip {
  requireBackend();
  const checkpoint = readCheckpoint(folder);
  const { weights, tokenizerConfig } = checkpoint;
  const tokenizerJson = requirePart("loadOpenClip", checkpoint, "tokenizer");
  const parts = { config: checkpoint.config, tokenizer: tokenizerJson, tokenizerConfig };
  const config = parseOpenClipConfig(parts.config, weights);
  const imageConfig = parseOpenClipImages(parts.config, config.vision.imageSize);
  const tokenizer = createTokenizer(parts.tokenizer, parts.tokenizerConfig ?? {});
  assertVocabulary("loadOpenClip", tokenizer, config.text.vocabularySize);
  const parameters = createParameterStore(neededWeights("loadOpenClip", weights, openClipShapes(config)));
  const towers: DualTowers = {
    width: config.projectionSize,
    pixels: (images) => encoderPixels(images, imageConfig),
    texts: (texts, control) => textsToLast({ ...config.text, tokenizer }, texts, control),
    imageEmbeddings: (store, pixels) => openClipImages(store, config, pixels),
    textEmbeddings: (store, texts) => openClipTexts(store, config, texts),
    isImageWeight: (name) => name.startsWith("visual."),
  };
  const dispose = (): void => parameters.dispose();
  return { kind: KIND, config, imageConfig, tokenizer, parameters, parts, towers, dispose };
}

/** Writes the model as a folder that `loadOpenClip` and open_clip read. */
export function saveOpenClip({ parts, parameters }: OpenClip, folder: string): void {
  const [file] = OPEN_CLIP_WEIGHTS as [string];
  const none = { preprocessor: null, chatTemplate: null };
  const checkpoint = { tokenizerConfig: null, ...parts, ...none, weights: parameters.entries() };
  writeCheckpoint(folder, checkpoint, { configFile: MODEL_FILES.openClip, file });
}

/** The row of `registry.ts`. */
export const OPEN_CLIP: EncoderArchitecture<OpenClip> = {
  family: "encoder",
  kind: KIND,
  name: "BiomedCLIP",
  modelType: "open_clip",
  load: loadOpenClip,
  save: saveOpenClip,
};
