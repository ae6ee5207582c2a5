import * as tf from "@tensorflow/tfjs-core";
import { assertShape } from "../../base/check";
import { DataError } from "../../base/errors";
import { gatedSilu, gelu } from "../../compute/ops/activations";
import { attention } from "../../compute/ops/attention";
import { l2Normalise, layerNorm } from "../../compute/ops/norms";
import {
  createRotaryTable,
  fillAngles,
  inverseFrequency,
  type RotaryAngles,
  type RotaryTable,
} from "../../compute/ops/rotary";
import { embedding } from "../../compute/ops/rows";
import type { EncoderTexts } from "../dual-encoder/encoder";
import { applyLinear, type LinearWeights, linear } from "../layers/linear";
import { embedPatches } from "../layers/patches";
import type { ParameterStore } from "../weights/parameters";
import type { JinaClipConfig, JinaTextConfig, JinaVisionConfig } from "./config";

/*
 * Jina-CLIP, version 1: a BERT with ALiBi and a gated MLP, averaged over a text's tokens, and an EVA-02 vision transformer
 * read out at its class token; each behind a projection, if the model has one, and scaled to length 1.
 */

/** Prefix of the image tower's modules. */
export const VISION_PREFIX = "vision_model";
/** Prefix of the text tower's modules; a map behind it is text_model.proj. */
export const TEXT_PREFIX = "text_model.transformer";

function norm(store: ParameterStore, module: string, x: tf.Tensor2D, epsilon: number): tf.Tensor2D {
  return layerNorm(x, { weight: store.get(`${module}.weight`), bias: store.get(`${module}.bias`), epsilon });
}

// ---- text tower --------------------------------------------------------------------------------------------------------

/** Added to the score of a padding token; its share of the softmax is 0 in single precision. */
const HIDDEN = -1e9;

/**
 * ALiBi's slope per head (Press et al. 2021): for 2^n heads the geometric row 2^(-8/2^n), 2^(-16/2^n) …; any other number
 * takes the rest from every second slope of the next power of two.
 *
 * @example alibiSlopes(3)   // [1/16, 1/256, 1/4]
 */
export function alibiSlopes(numHeads: number): number[] {
  const known = 2 ** Math.floor(Math.log2(numHeads));
  const row = Array.from({ length: known }, (_, i) => 2 ** ((-8 * (i + 1)) / known));
  if (known === numHeads) return row;
  const between = alibiSlopes(2 * known).filter((_, i) => i % 2 === 0);
  return [...row, ...between.slice(0, numHeads - known)];
}

/** What is added to the scores: minus slope times distance, and padding hidden. [B, L] -> [B·heads, 1, L, L] */
function scoreBias({ numHeads }: JinaTextConfig, mask: tf.Tensor2D): tf.Tensor4D {
  const [rows, columns] = mask.shape;
  const places = tf.range(0, columns);
  const distances = tf.abs(tf.sub(tf.reshape(places, [columns, 1]), places)); // [L, L]
  const slopes = tf.tensor4d(alibiSlopes(numHeads), [1, numHeads, 1, 1]); // [1, heads, 1, 1]
  const hidden = tf.mul(tf.sub(1, tf.reshape(mask, [rows, 1, 1, columns])), HIDDEN); // [B, 1, 1, L]
  const bias = tf.sub(hidden, tf.mul(slopes, distances)); // [B, heads, L, L]
  return tf.reshape(bias, [rows * numHeads, 1, columns, columns]);
}

interface Layer {
  readonly name: string;
  readonly rows: number;
  readonly bias: tf.Tensor4D;
}

/** Each head reads its text with a bias of its own, as if it were a text of its own. [B·L, 3·hidden] -> [B·L, hidden] */
function attendText({ numHeads, hiddenSize }: JinaTextConfig, { rows, bias }: Layer, joined: tf.Tensor2D): tf.Tensor2D {
  const columns = joined.shape[0] / rows;
  const width = hiddenSize / numHeads;
  const parts = tf.reshape(joined, [rows, columns, 3, numHeads, width]); // [B, L, q k v, heads, width]
  const byHead = tf.reshape(tf.transpose(parts, [2, 0, 3, 1, 4]), [3 * rows * numHeads, columns, width]);
  const [q, k, v] = tf.split(byHead, 3, 0) as tf.Tensor3D[]; // [B·heads, L, width] each
  const mixed = attention(q!, k!, v!, { numHeads: 1, mask: bias }); // [B·heads, L, width]
  const back = tf.transpose(tf.reshape(mixed, [rows, numHeads, columns, width]), [0, 2, 1, 3]); // [B, L, heads, width]
  return tf.reshape(back, [rows * columns, hiddenSize]);
}

/** One layer, the norm after each part. [B·L, hidden] -> [B·L, hidden] */
function runLayer(store: ParameterStore, config: JinaTextConfig, layer: Layer, x: tf.Tensor2D): tf.Tensor2D {
  const { name } = layer;
  const { layerNormEpsilon: epsilon } = config;
  const seen = attendText(config, layer, linear(store, `${name}.mixer.Wqkv`, x)); // [B·L, hidden]
  const mixed = linear(store, `${name}.mixer.out_proj`, seen, x);
  const middle = norm(store, `${name}.norm1`, mixed, epsilon); // [B·L, hidden]
  const wide = linear(store, `${name}.mlp.gated_layers`, middle); // [B·L, 2·inner], gate first
  const [gate, up] = tf.split(wide, 2, 1) as [tf.Tensor2D, tf.Tensor2D]; // [B·L, inner] each
  const gated = tf.mul(gelu(gate), up) as tf.Tensor2D; // [B·L, inner]
  return norm(store, `${name}.norm2`, linear(store, `${name}.mlp.wo`, gated, middle), epsilon);
}

function requireTokens(own: Float32Array, { rows, columns }: EncoderTexts): void {
  for (let row = 0; row < rows; row++)
    if (!own.subarray(row * columns, (row + 1) * columns).includes(1))
      throw new DataError(
        `runJinaText: every text must have a token that is not padding; text ${row} has none. Make them with textsToLast.`,
        { row },
      );
}

/**
 * Runs the text tower and the map behind it: a bidirectional BERT whose only notion of order is ALiBi (scores fall with the
 * distance of two tokens), the norm after each part, then the mean over a text's own tokens.
 *
 * Shapes: B texts of L tokens (from `textsToLast`) -> [B, towerSize]. Gradient: flows to unfrozen weights.
 * Memory: disposes all but the result; in between B · heads · L² values per layer.
 *
 * @throws DataError when a text has no token but padding.
 */
function runJinaText(store: ParameterStore, config: JinaTextConfig, texts: EncoderTexts): tf.Tensor2D {
  const { rows, columns, ids } = texts;
  const { hiddenSize, numLayers, padTokenId, layerNormEpsilon: epsilon } = config;
  const own = Float32Array.from(ids, (id) => (id === padTokenId ? 0 : 1));
  requireTokens(own, texts);
  return tf.tidy(() => {
    const mask = tf.tensor2d(own, [rows, columns]); // [B, L]
    const words = embedding(store.get(`${TEXT_PREFIX}.embeddings.word_embeddings.weight`), ids); // [B·L, hidden]
    const kind = tf.slice(store.get(`${TEXT_PREFIX}.embeddings.token_type_embeddings.weight`), 0, 1); // [1, hidden]
    const bias = scoreBias(config, mask); // [B·heads, 1, L, L]
    let x = norm(store, `${TEXT_PREFIX}.emb_ln`, tf.add(words, kind), epsilon); // [B·L, hidden]
    for (let index = 0; index < numLayers; index++)
      x = runLayer(store, config, { name: `${TEXT_PREFIX}.encoder.layers.${index}`, rows, bias }, x); // [B·L, hidden]
    const shares = tf.div(mask, tf.sum(mask, 1, true)); // [B, L], each row adds up to 1
    const tokens = tf.reshape(x, [rows, columns, hiddenSize]) as tf.Tensor3D; // [B, L, hidden]
    const sums = tf.matMul(tf.reshape(shares, [rows, 1, columns]), tokens); // [B, 1, hidden]
    const mean = tf.reshape(sums, [rows, hiddenSize]) as tf.Tensor2D; // [B, hidden]
    return config.head === "none" ? mean : linear(store, "text_model.proj", mean); // [B, towerSize]
  });
}

// ---- image tower -------------------------------------------------------------------------------------------------------

const NORM_EPSILON = 1e-6;
/** The published two-layer MLP is given torch's own default for its inner norm. */
const GELU_MLP_NORM_EPSILON = 1e-5;
const ROTARY_BASE = 10_000;

/**
 * Rotary angles of the class token, which is not turned, and of the patches row by row: half of a head's frequencies follow
 * the row, the rest the column. Positions are scaled so that the picture spans `rotaryGrid` steps, as in pre-training.
 *
 * Shapes: -> [1 + patches, headDim], the same in both halves of a head.
 */
export function jinaPatchAngles(config: JinaVisionConfig): RotaryAngles {
  const side = config.imageSize / config.patchSize;
  const headDim = config.hiddenSize / config.numHeads;
  const quarter = headDim / 4;
  const grid = config.rotaryGrid ?? side;
  const places = Array.from({ length: side }, (_, i) => Math.fround(Math.fround(i / side) * grid));
  const frequencies = Array.from({ length: quarter }, (_, j) => inverseFrequency(ROTARY_BASE, 2 * j, headDim / 2));
  return fillAngles(1 + side * side, headDim, (token, j) => {
    if (token === 0) return 0;
    const along = j < quarter ? Math.floor((token - 1) / side) : (token - 1) % side;
    return places[along]! * frequencies[j % quarter]!;
  });
}

/**
 * Within each head, first the even rows, then the odd ones: the published rotation turns neighbours (2j, 2j + 1), attention
 * turns (j, j + half). Queries and keys are moved alike, so their products stay. [width, …] -> [width, …]
 */
function partPairs(rows: tf.Tensor, numHeads: number): tf.Tensor {
  const width = rows.shape[0]!;
  const columns = rows.size / width;
  const pairs = tf.reshape(rows, [numHeads, width / numHeads / 2, 2, columns]); // [heads, pair, even or odd, …]
  return tf.reshape(tf.transpose(pairs, [0, 2, 1, 3]), rows.shape); // [heads, even or odd, pair, …]
}

interface Block {
  readonly name: string;
  readonly batch: number;
  readonly table: RotaryTable | null;
}

/** The maps to queries, keys and values as one, [3·width, width]; keys have no bias. */
function queryKeyValue(store: ParameterStore, config: JinaVisionConfig, { name, table }: Block): LinearWeights {
  const { hiddenSize: width, numHeads, innerNorms, queryValueBias } = config;
  const of = (part: string): tf.Tensor => store.get(`${name}.attn.${part}`);
  const [q, k, v] = (
    innerNorms ? ["q", "k", "v"].map((part) => of(`${part}_proj.weight`)) : tf.split(of("qkv.weight"), 3, 0)
  ) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const turned = (t: tf.Tensor): tf.Tensor => (table === null ? t : partPairs(t, numHeads));
  const bias = queryValueBias ? tf.concat([turned(of("q_bias")), tf.zeros([width]), of("v_bias")]) : null; // [3·width]
  const weight = tf.concat([turned(q), turned(k), v]) as tf.Tensor2D; // [3·width, width]
  return { moduleName: `${name}.attn`, weight, bias, update: null };
}

/** Every token of an image sees every other. [B·N, width] -> [B·N, width], before the map behind it. */
function attendPatches(store: ParameterStore, config: JinaVisionConfig, block: Block, x: tf.Tensor2D): tf.Tensor2D {
  const { name, batch, table } = block;
  const { numHeads, hiddenSize: width, innerNorms } = config;
  const joined = applyLinear(x, [queryKeyValue(store, config, block)]); // [B·N, 3·width]
  const [q, k, v] = tf.split(joined, 3, 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]; // [B·N, width] each
  const byImage = (t: tf.Tensor2D): tf.Tensor3D => tf.reshape(t, [batch, x.shape[0] / batch, width]); // [B, N, width]
  const options = { numHeads, ...(table !== null && { rotary: { queries: table, keys: table } }) };
  const mixed = tf.reshape(attention(byImage(q), byImage(k), byImage(v), options), x.shape) as tf.Tensor2D; // [B·N, width]
  return innerNorms ? norm(store, `${name}.attn.inner_attn_ln`, mixed, NORM_EPSILON) : mixed;
}

/** One block, the norm before each part. [B·N, width] -> [B·N, width] */
function runBlock(store: ParameterStore, config: JinaVisionConfig, block: Block, x: tf.Tensor2D): tf.Tensor2D {
  const { name } = block;
  const seen = attendPatches(store, config, block, norm(store, `${name}.norm1`, x, NORM_EPSILON)); // [B·N, width]
  const middle = linear(store, `${name}.attn.proj`, seen, x); // [B·N, width]
  const before = norm(store, `${name}.norm2`, middle, NORM_EPSILON); // [B·N, width]
  if (config.mlp === "swiglu") {
    const gated = gatedSilu(linear(store, [`${name}.mlp.w1`, `${name}.mlp.w2`], before)); // [B·N, inner]
    const even = config.innerNorms ? norm(store, `${name}.mlp.ffn_ln`, gated, NORM_EPSILON) : gated; // [B·N, inner]
    return linear(store, `${name}.mlp.w3`, even, middle);
  }
  const wide = gelu(linear(store, `${name}.mlp.fc1`, before)); // [B·N, inner]
  const even = config.innerNorms ? norm(store, `${name}.mlp.ffn_ln`, wide, GELU_MLP_NORM_EPSILON) : wide;
  return linear(store, `${name}.mlp.fc2`, even, middle);
}

/**
 * Runs the EVA-02 image tower and the map behind it: the class token of the last block.
 *
 * Shapes: pixels [B, H, W, 3] (from `encoderPixels`) -> [B, towerSize]. Gradient: flows to unfrozen weights.
 * Memory: disposes all but the result.
 *
 * @throws ShapeError when the pixels have another size than the model's images.
 */
function runJinaVision(store: ParameterStore, config: JinaVisionConfig, pixels: tf.Tensor4D): tf.Tensor2D {
  const { imageSize, hiddenSize: width, numLayers, rotaryGrid } = config;
  assertShape("runJinaVision: pixels", pixels.shape, [null, imageSize, imageSize, 3]);
  const batch = pixels.shape[0];
  return tf.tidy(() => {
    const tokens = embedPatches(store, VISION_PREFIX, { ...config, pixels }); // [B, N, width], N = 1 + patches
    const table = rotaryGrid === null ? null : createRotaryTable(jinaPatchAngles(config)); // [N, headDim]
    let x = tf.reshape(tokens, [batch * tokens.shape[1], width]) as tf.Tensor2D; // [B·N, width]
    for (let index = 0; index < numLayers; index++)
      x = runBlock(store, config, { name: `${VISION_PREFIX}.blocks.${index}`, batch, table }, x); // [B·N, width]
    const first = tf.slice(tf.reshape(x, [batch, tokens.shape[1], width]), [0, 0, 0], [-1, 1, -1]); // [B, 1, width]
    const pooled = norm(store, `${VISION_PREFIX}.norm`, tf.reshape(first, [batch, width]) as tf.Tensor2D, NORM_EPSILON); // [B, width]
    return config.head === "none" ? pooled : linear(store, `${VISION_PREFIX}.head`, pooled); // [B, towerSize]
  });
}

// ---- into one space ----------------------------------------------------------------------------------------------------

/** Behind its projection, if the model has one: rows of length 1. [B, towerSize] -> [B, D] */
function embed(store: ParameterStore, { projectionSize }: JinaClipConfig, name: string, x: tf.Tensor2D): tf.Tensor2D {
  return l2Normalise(projectionSize === null ? x : linear(store, name, x));
}

/** Embeddings of images: pixels [B, H, W, 3] (from `encoderPixels`) -> [B, D]. Gradient and errors as `runJinaVision`. */
export function jinaImageEmbeddings(store: ParameterStore, config: JinaClipConfig, pixels: tf.Tensor4D): tf.Tensor2D {
  return tf.tidy(() => embed(store, config, "visual_projection", runJinaVision(store, config.vision, pixels)));
}

/** Embeddings of texts: B texts (from `textsToLast`) -> [B, D]. Gradient and errors as `runJinaText`. */
export function jinaTextEmbeddings(store: ParameterStore, config: JinaClipConfig, texts: EncoderTexts): tf.Tensor2D {
  return tf.tidy(() => embed(store, config, "text_projection", runJinaText(store, config.text, texts)));
}
