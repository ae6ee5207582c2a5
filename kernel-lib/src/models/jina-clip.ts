import * as tf from "@tensorflow/tfjs-core";
import type { Control, RasterImage } from "../base/types";
import { requireBackend } from "../compute/backend";
import { l2Normalise } from "../compute/ops/norms";
import { assertWeights, readCheckpoint, requirePart, writeCheckpoint } from "./checkpoint";
import { padTexts, warnOfCuts } from "./clip-encode";
import { type ClipParts, requireVocabulary } from "./clip-parts";
import type { ClipTexts } from "./clip-towers";
import type { DualEncoder, DualTowers } from "./dual-encoder";
import { parseJinaImageConfig } from "./image-config";
import { type ClipImageConfig, clipPixelValues } from "./image-processor";
import type { JinaClipConfig } from "./jina-clip-config";
import { parseJinaClipConfig } from "./jina-clip-config-json";
import { runJinaText } from "./jina-clip-text";
import { runJinaVision } from "./jina-clip-vision";
import { drawJinaClipWeights, jinaClipShapes, withoutRotaryTables } from "./jina-clip-weights";
import { createFieldReader } from "./json-fields";
import { linear } from "./linear";
import { createParameterStore, type ParameterStore, type WeightArray } from "./parameters";
import { createTokenizer, type TextTokenizer } from "./tokenizer";

/** A Jina-CLIP, version 1: an EVA-02 image tower and a BERT with ALiBi into one space. */
export interface JinaClip extends DualEncoder {
  readonly kind: "jina-clip";
  readonly config: JinaClipConfig;
  readonly imageConfig: ClipImageConfig;
  readonly tokenizer: TextTokenizer;
  /** The JSON files of its folder, kept to be written again. */
  readonly parts: ClipParts;
}

/**
 * Creates a Jina-CLIP with fresh weights.
 *
 * @param parts config.json in the published dialect, tokenizer.json, and a JinaCLIPImageProcessor's preprocessor_config.json.
 * @throws DataError when a part is not what it should be, or one does not fit another. StateError when no engine is open.
 */
export function createJinaClip(parts: ClipParts, seed: number | string): JinaClip {
  return build("createJinaClip", parts, (config) => drawJinaClipWeights(config, seed));
}

/**
 * Loads a Jina-CLIP from a folder like jinaai/jina-clip-v1.
 *
 * @throws DataError when a file is missing or broken, an option is unknown or not built, or a weight is missing, unknown or of
 * another shape.
 */
export function loadJinaClip(folder: string): JinaClip {
  const checkpoint = readCheckpoint(folder);
  const parts = {
    config: checkpoint.config,
    tokenizer: requirePart("loadJinaClip", checkpoint, "tokenizer"),
    tokenizerConfig: checkpoint.tokenizerConfig,
    preprocessor: requirePart("loadJinaClip", checkpoint, "preprocessor"),
  };
  return build("loadJinaClip", parts, ({ vision }) => withoutRotaryTables("loadJinaClip", checkpoint.weights, vision));
}

/** Writes the model as a folder that `loadJinaClip` and the published implementation read. */
export function saveJinaClip(model: JinaClip, folder: string): void {
  const { parts, parameters } = model;
  writeCheckpoint(folder, { tokenizerConfig: null, ...parts, weights: parameters.entries(), chatTemplate: null });
}

function build(
  where: string,
  parts: ClipParts,
  weightsOf: (config: JinaClipConfig) => ReadonlyMap<string, WeightArray>,
): JinaClip {
  requireBackend();
  const config = parseJinaClipConfig(parts.config);
  const tokenizer = createTokenizer(parts.tokenizer, parts.tokenizerConfig ?? {});
  requireVocabulary(where, tokenizer, config.text.vocabularySize);
  const imageConfig = parseJinaImageConfig(parts.preprocessor);
  if (imageConfig.shortestEdge !== config.vision.imageSize)
    throw createFieldReader(where, "Use the config.json and preprocessor_config.json of one checkpoint.").wrong(
      "size of preprocessor_config.json",
      `image_size = ${config.vision.imageSize}`,
      imageConfig.shortestEdge,
    );
  const weights = weightsOf(config);
  assertWeights(where, weights, jinaClipShapes(config));
  const parameters = createParameterStore(weights);
  const towers = jinaTowers(config, imageConfig, tokenizer);
  const dispose = (): void => parameters.dispose();
  return { kind: "jina-clip", config, imageConfig, tokenizer, parameters, parts, towers, dispose };
}

function jinaTowers(config: JinaClipConfig, imageConfig: ClipImageConfig, tokenizer: TextTokenizer): DualTowers {
  const { vision, text, towerSize, projectionSize } = config;
  // a projection's rows have length 1 only behind it
  const embed = (store: ParameterStore, name: string, x: tf.Tensor2D): tf.Tensor2D =>
    l2Normalise(projectionSize === null ? x : linear(store, name, x)); // [B, towerSize] -> [B, D]
  return {
    width: projectionSize ?? towerSize,
    pixels: (images: readonly RasterImage[]) => {
      const side = vision.imageSize;
      return tf.tensor4d(clipPixelValues(images, imageConfig), [images.length, side, side, 3]);
    },
    texts: (texts, control) => jinaClipTexts({ config, tokenizer }, texts, control),
    imageEmbeddings: (store, pixels) =>
      tf.tidy(() => embed(store, "visual_projection", runJinaVision(store, vision, pixels))),
    textEmbeddings: (store, texts) => tf.tidy(() => embed(store, "text_projection", runJinaText(store, text, texts))),
    isImageWeight: (name) => /^(vision_model\.|visual_projection\.)/.test(name),
  };
}

/**
 * Texts as the text tower reads them. A text that is too long is cut before its last token, [SEP].
 *
 * @param control.onWarn called with code "text-cut" and the number of cut texts.
 */
export function jinaClipTexts(
  { config, tokenizer }: Pick<JinaClip, "config" | "tokenizer">,
  texts: readonly string[],
  control: Control = {},
): ClipTexts {
  const { maxPositions, padTokenId } = config.text;
  const encoded = texts.map((text) => tokenizer.encode(text));
  warnOfCuts(encoded, maxPositions, control);
  const rows = encoded.map((ids) =>
    ids.length > maxPositions ? [...ids.slice(0, maxPositions - 1), ids[ids.length - 1]!] : ids,
  );
  return padTexts(rows, padTokenId, (row) => row.length - 1);
}
