import * as tf from "@tensorflow/tfjs-core";
import { DataError } from "../../base/errors";
import { createRandom } from "../../base/random";
import type { Control, RasterImage } from "../../base/types";
import { requireBackend } from "../../compute/backend";
import { l2Normalise } from "../../compute/ops/norms";
import type { ClipTexts } from "../clip/model";
import { padTexts, warnOfCuts } from "../clip/processor";
import { type ClipParts, requireVocabulary } from "../clip/weights";
import type { DualEncoder, DualTowers } from "../dual-encoder";
import { parseJinaImageConfig } from "../images/config";
import { type ClipImageConfig, clipPixelValues } from "../images/processor";
import { affine, plain } from "../layers/decoder";
import { linear } from "../layers/linear";
import { createTokenizer, type TextTokenizer } from "../text/tokenizer";
import { createFieldReader } from "../weights/config-fields";
import { assertWeights, readCheckpoint, requirePart, writeCheckpoint } from "../weights/model-folder";
import { createParameterStore, type ParameterStore, type WeightArray } from "../weights/parameters";
import {
  JINA_TEXT,
  JINA_VISION,
  type JinaClipConfig,
  type JinaTextConfig,
  type JinaVisionConfig,
  parseJinaClipConfig,
} from "./config";
import { jinaPatchAngles, runJinaText, runJinaVision } from "./model";

/** The shape of every weight by its published name. */
export function jinaClipShapes(config: JinaClipConfig): Map<string, readonly number[]> {
  const { towerSize, projectionSize } = config;
  const projections = (["visual_projection", "text_projection"] as const).flatMap((name) =>
    projectionSize === null ? [] : plain(name, [projectionSize, towerSize]),
  );
  return new Map<string, readonly number[]>([
    ["logit_scale", []],
    ...textShapes(config.text, towerSize),
    ...visionShapes(config.vision, towerSize),
    ...projections,
  ]);
}

type NamedShape = [string, number[]];

function visionShapes(vision: JinaVisionConfig, towerSize: number): NamedShape[] {
  const { hiddenSize: width, patchSize, imageSize, numLayers, queryValueBias } = vision;
  const numPatches = (imageSize / patchSize) ** 2;
  const head = queryValueBias ? affine : plain;
  return [
    [`${JINA_VISION}.cls_token`, [1, 1, width]],
    [`${JINA_VISION}.pos_embed`, [1, numPatches + 1, width]],
    ...affine(`${JINA_VISION}.patch_embed.proj`, [width, 3, patchSize, patchSize]),
    ...Array.from({ length: numLayers }, (_, i) => blockShapes(`${JINA_VISION}.blocks.${i}`, vision)).flat(),
    ...affine(`${JINA_VISION}.norm`, [width]),
    ...(vision.head === "none" ? [] : head(`${JINA_VISION}.head`, [towerSize, width])),
  ];
}

function blockShapes(block: string, vision: JinaVisionConfig): NamedShape[] {
  const { hiddenSize: width, intermediateSize: inner, innerNorms, mlp, queryValueBias } = vision;
  const [wide, narrow] = mlp === "swiglu" ? [["w1", "w2"], "w3"] : [["fc1"], "fc2"];
  return [
    ...affine(`${block}.norm1`, [width]),
    ...(innerNorms
      ? ["q_proj", "k_proj", "v_proj"].flatMap((name) => plain(`${block}.attn.${name}`, [width, width]))
      : plain(`${block}.attn.qkv`, [3 * width, width])),
    ...(queryValueBias ? ["q_bias", "v_bias"] : []).map((name): NamedShape => [`${block}.attn.${name}`, [width]]),
    ...(innerNorms ? affine(`${block}.attn.inner_attn_ln`, [width]) : []),
    ...affine(`${block}.attn.proj`, [width, width]),
    ...affine(`${block}.norm2`, [width]),
    ...wide.flatMap((name) => affine(`${block}.mlp.${name}`, [inner, width])),
    ...(innerNorms ? affine(`${block}.mlp.ffn_ln`, [inner]) : []),
    ...affine(`${block}.mlp.${narrow}`, [width, inner]),
  ];
}

function textShapes(text: JinaTextConfig, towerSize: number): NamedShape[] {
  const { hiddenSize: width, intermediateSize: inner } = text;
  const layers = Array.from({ length: text.numLayers }, (_, i) => `${JINA_TEXT}.encoder.layers.${i}`);
  return [
    ...plain(`${JINA_TEXT}.embeddings.word_embeddings`, [text.vocabularySize, width]),
    ...plain(`${JINA_TEXT}.embeddings.token_type_embeddings`, [text.numTokenTypes, width]),
    ...affine(`${JINA_TEXT}.emb_ln`, [width]),
    ...layers.flatMap((layer) => [
      ...affine(`${layer}.mixer.Wqkv`, [3 * width, width]),
      ...affine(`${layer}.mixer.out_proj`, [width, width]),
      ...affine(`${layer}.norm1`, [width]),
      ...plain(`${layer}.mlp.gated_layers`, [2 * inner, width]),
      ...affine(`${layer}.mlp.wo`, [width, inner]),
      ...affine(`${layer}.norm2`, [width]),
    ]),
    ...(text.head === "none" ? [] : (text.head === "affine" ? affine : plain)("text_model.proj", [towerSize, width])),
  ];
}

/**
 * Fresh weights, one random stream per weight name: normal with deviation 1/√inputs for linear maps and 0.02 for embeddings,
 * maps back into the residual stream of the image tower narrower by √(2 · layer); one for the scale of a norm, zero for biases.
 */
export function drawJinaClipWeights(config: JinaClipConfig, seed: number | string): Map<string, WeightArray> {
  const random = createRandom(seed).fork("jina-clip");
  return new Map(
    [...jinaClipShapes(config)].map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
      const deviation = deviationOf(name, shape);
      if (deviation === null) return [name, { shape, data: data.fill(fillOf(name, config)) }] as const;
      const draw = random.fork(name);
      return [name, { shape, data: data.map(() => draw.normal(0, deviation)) }] as const;
    }),
  );
}

function fillOf(name: string, config: JinaClipConfig): number {
  if (name === "logit_scale") return config.logitScale;
  return name.endsWith(".weight") ? 1 : 0;
}

function deviationOf(name: string, shape: readonly number[]): number | null {
  if (shape.length < 2) return null;
  if (/cls_token|pos_embed|_embeddings\./.test(name)) return 0.02;
  const inputs = shape.slice(1).reduce((product, n) => product * n, 1);
  const block = /vision_model\.blocks\.(\d+)\.(attn\.proj|mlp\.(w3|fc2))\./.exec(name);
  return inputs ** -0.5 / (block === null ? 1 : Math.sqrt(2 * (Number(block[1]) + 1)));
}

const ROTARY_BUFFER = /^vision_model\.(?:blocks\.\d+\.attn\.)?rope\.freqs_(cos|sin)$/;
/** Between tables stored in 16 bits and those computed here. */
const ROTARY_TOLERANCE = 5e-3;

/**
 * The weights of a file without the tables of rotary positions that older published files also hold. The tables are
 * checked: others than the configuration's would mean another model.
 *
 * @throws DataError naming the tensor when a table has another shape or other values.
 */
export function withoutRotaryTables(
  where: string,
  weights: ReadonlyMap<string, WeightArray>,
  config: JinaVisionConfig,
): Map<string, WeightArray> {
  const kept = new Map<string, WeightArray>();
  for (const [name, weight] of weights) {
    const part = ROTARY_BUFFER.exec(name)?.[1];
    if (part === undefined) kept.set(name, weight);
    else checkTable(`${where}: ${name}`, part as "cos" | "sin", weight, config);
  }
  return kept;
}

function checkTable(what: string, part: "cos" | "sin", weight: WeightArray, config: JinaVisionConfig): void {
  const advice = "Use the config.json and model.safetensors of one checkpoint.";
  if (config.rotaryGrid === null)
    throw new DataError(`${what} must be left out where rope_embeddings is false; there is one. ${advice}`, {});
  const angles = jinaPatchAngles(config);
  const { headDim } = angles;
  const shape = [angles.count - 1, headDim];
  if (weight.shape.join() !== shape.join())
    throw new DataError(`${what} must have shape [${shape.join(", ")}]; got [${weight.shape.join(", ")}]. ${advice}`, {
      shape: weight.shape,
      expected: shape,
    });
  // files keep the two values of a pair side by side, from the first patch on
  const wrong = weight.data.findIndex((value, i) => {
    const [row, column] = [Math.floor(i / headDim) + 1, Math.floor((i % headDim) / 2)];
    return !(Math.abs(value - angles[part][row * headDim + column]!) < ROTARY_TOLERANCE);
  });
  if (wrong >= 0)
    throw new DataError(
      `${what} must hold the rotary positions of config.json; it differs at value ${wrong}. ${advice}`,
      { index: wrong },
    );
}

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
