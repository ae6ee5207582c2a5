import { DataError } from "../../base/errors";
import { createRandom } from "../../base/random";
import { requireBackend } from "../../compute/backend";
import {
  type DualEncoder,
  type DualTowers,
  type EncoderArchitecture,
  type EncoderParts,
  readEncoderFolder,
  writeEncoderFolder,
} from "../dual-encoder/encoder";
import { type EncoderImageConfig, encoderPixels, textsToLast } from "../dual-encoder/processor";
import { assertVocabulary, createTokenizer, type TextTokenizer } from "../text/tokenizer";
import { neededWeights } from "../weights/model-folder";
import {
  createParameterStore,
  drawWeights,
  type InitialValues,
  type NamedShape,
  type WeightArray,
  withBias,
  withoutBias,
} from "../weights/parameters";
import { type JinaClipConfig, type JinaTextConfig, type JinaVisionConfig, parseJinaClipConfig } from "./config";
import { jinaImageEmbeddings, jinaPatchAngles, jinaTextEmbeddings, TEXT_PREFIX, VISION_PREFIX } from "./model";
import { parseJinaImageConfig } from "./processor";

const KIND = "jina-clip";

/** The shape of every weight by its published name. */
export function jinaClipShapes(config: JinaClipConfig): Map<string, readonly number[]> {
  const { towerSize, projectionSize } = config;
  const projections = (["visual_projection", "text_projection"] as const).flatMap((name) =>
    projectionSize === null ? [] : withoutBias(name, [projectionSize, towerSize]),
  );
  return new Map<string, readonly number[]>([
    ["logit_scale", []],
    ...textShapes(config.text, towerSize),
    ...visionShapes(config.vision, towerSize),
    ...projections,
  ]);
}

function visionShapes(vision: JinaVisionConfig, towerSize: number): NamedShape[] {
  const { hiddenSize: width, patchSize, imageSize, numLayers, queryValueBias } = vision;
  const numPatches = (imageSize / patchSize) ** 2;
  const head = queryValueBias ? withBias : withoutBias;
  return [
    [`${VISION_PREFIX}.cls_token`, [1, 1, width]],
    [`${VISION_PREFIX}.pos_embed`, [1, numPatches + 1, width]],
    ...withBias(`${VISION_PREFIX}.patch_embed.proj`, [width, 3, patchSize, patchSize]),
    ...Array.from({ length: numLayers }, (_, i) => blockShapes(`${VISION_PREFIX}.blocks.${i}`, vision)).flat(),
    ...withBias(`${VISION_PREFIX}.norm`, [width]),
    ...(vision.head === "none" ? [] : head(`${VISION_PREFIX}.head`, [towerSize, width])),
  ];
}

function blockShapes(block: string, vision: JinaVisionConfig): NamedShape[] {
  const { hiddenSize: width, intermediateSize: inner, innerNorms, mlp, queryValueBias } = vision;
  const [wide, narrow] = mlp === "swiglu" ? [["w1", "w2"], "w3"] : [["fc1"], "fc2"];
  return [
    ...withBias(`${block}.norm1`, [width]),
    ...(innerNorms
      ? ["q_proj", "k_proj", "v_proj"].flatMap((name) => withoutBias(`${block}.attn.${name}`, [width, width]))
      : withoutBias(`${block}.attn.qkv`, [3 * width, width])),
    ...(queryValueBias ? ["q_bias", "v_bias"] : []).map((name): NamedShape => [`${block}.attn.${name}`, [width]]),
    ...(innerNorms ? withBias(`${block}.attn.inner_attn_ln`, [width]) : []),
    ...withBias(`${block}.attn.proj`, [width, width]),
    ...withBias(`${block}.norm2`, [width]),
    ...wide.flatMap((name) => withBias(`${block}.mlp.${name}`, [inner, width])),
    ...(innerNorms ? withBias(`${block}.mlp.ffn_ln`, [inner]) : []),
    ...withBias(`${block}.mlp.${narrow}`, [width, inner]),
  ];
}

function textShapes(text: JinaTextConfig, towerSize: number): NamedShape[] {
  const { hiddenSize: width, intermediateSize: inner } = text;
  const layers = Array.from({ length: text.numLayers }, (_, i) => `${TEXT_PREFIX}.encoder.layers.${i}`);
  return [
    ...withoutBias(`${TEXT_PREFIX}.embeddings.word_embeddings`, [text.vocabularySize, width]),
    ...withoutBias(`${TEXT_PREFIX}.embeddings.token_type_embeddings`, [text.numTokenTypes, width]),
    ...withBias(`${TEXT_PREFIX}.emb_ln`, [width]),
    ...layers.flatMap((layer) => [
      ...withBias(`${layer}.mixer.Wqkv`, [3 * width, width]),
      ...withBias(`${layer}.mixer.out_proj`, [width, width]),
      ...withBias(`${layer}.norm1`, [width]),
      ...withoutBias(`${layer}.mlp.gated_layers`, [2 * inner, width]),
      ...withBias(`${layer}.mlp.wo`, [width, inner]),
      ...withBias(`${layer}.norm2`, [width]),
    ]),
    ...(text.head === "none"
      ? []
      : (text.head === "affine" ? withBias : withoutBias)("text_model.proj", [towerSize, width])),
  ];
}

/**
 * Fresh weights: normal with deviation 1/√inputs for linear maps and 0.02 for embeddings, maps back into the residual stream
 * of the image tower narrower by √(2 · layer); one for the scale of a norm, zero for biases.
 */
function initialOf(name: string, shape: readonly number[], config: JinaClipConfig): InitialValues {
  const deviation = deviationOf(name, shape);
  return deviation === null ? { fill: fillOf(name, config) } : { deviation };
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
function withoutRotaryTables(
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
  readonly imageConfig: EncoderImageConfig;
  readonly tokenizer: TextTokenizer;
  readonly parts: EncoderParts;
}

/**
 * Creates a Jina-CLIP with fresh weights.
 *
 * @param parts config.json in the published dialect, tokenizer.json, and a JinaCLIPImageProcessor's preprocessor_config.json.
 * @throws DataError when a part is not what it should be, or one does not fit another. StateError when no engine is open.
 */
export function createJinaClip(parts: EncoderParts, seed: number | string): JinaClip {
  const random = createRandom(seed).fork(KIND);
  return build("createJinaClip", parts, (config) =>
    drawWeights(jinaClipShapes(config), random, (name, shape) => initialOf(name, shape, config)),
  );
}

/**
 * Loads a Jina-CLIP from a folder like jinaai/jina-clip-v1.
 *
 * @throws DataError when a file is missing or broken, an option is unknown or not built, or a weight is missing, unknown or of
 * another shape.
 */
export function loadJinaClip(folder: string): JinaClip {
  const { parts, weights } = readEncoderFolder("loadJinaClip", folder);
  return build("loadJinaClip", parts, ({ vision }) => withoutRotaryTables("loadJinaClip", weights, vision));
}

/** Writes the model as a folder that `loadJinaClip` and the published implementation read. */
export function saveJinaClip(model: JinaClip, folder: string): void {
  writeEncoderFolder(model, folder);
}

function build(
  where: string,
  parts: EncoderParts,
  weightsOf: (config: JinaClipConfig) => ReadonlyMap<string, WeightArray>,
): JinaClip {
  requireBackend();
  const config = parseJinaClipConfig(parts.config);
  const tokenizer = createTokenizer(parts.tokenizer, parts.tokenizerConfig ?? {});
  assertVocabulary(where, tokenizer, config.text.vocabularySize);
  const imageConfig = parseJinaImageConfig(parts.preprocessor);
  if (imageConfig.shortestEdge !== config.vision.imageSize)
    throw new DataError(
      `${where}: size of preprocessor_config.json must be image_size = ${config.vision.imageSize}; got ${imageConfig.shortestEdge}. Use the config.json and preprocessor_config.json of one checkpoint.`,
      { size: imageConfig.shortestEdge, imageSize: config.vision.imageSize },
    );
  const parameters = createParameterStore(neededWeights(where, weightsOf(config), jinaClipShapes(config)));
  const towers: DualTowers = {
    width: config.projectionSize ?? config.towerSize,
    pixels: (images) => encoderPixels(images, imageConfig),
    texts: (texts, control) => textsToLast({ ...config.text, tokenizer }, texts, control),
    imageEmbeddings: (store, pixels) => jinaImageEmbeddings(store, config, pixels),
    textEmbeddings: (store, texts) => jinaTextEmbeddings(store, config, texts),
    isImageWeight: (name) => /^(vision_model\.|visual_projection\.)/.test(name),
  };
  const dispose = (): void => parameters.dispose();
  return { kind: KIND, config, imageConfig, tokenizer, parameters, parts, towers, dispose };
}

/** The row of `registry.ts`. */
export const JINA_CLIP: EncoderArchitecture<JinaClip> = {
  family: "encoder",
  kind: KIND,
  name: "Jina-CLIP",
  modelType: "jina_clip",
  load: loadJinaClip,
  save: saveJinaClip,
};
