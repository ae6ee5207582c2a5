import * as tf from "@tensorflow/tfjs-core";
import { DataError } from "../base/errors";
import { gelu } from "../compute/ops/activations";
import { attention } from "../compute/ops/attention";
import { embedding } from "../compute/ops/embedding";
import { layerNorm } from "../compute/ops/norms";
import type { ClipTexts } from "./clip-towers";
import { JINA_TEXT, type JinaTextConfig } from "./jina-clip-config";
import { linear } from "./linear";
import type { ParameterStore } from "./parameters";

/** Added to the score of a padding token; its share of the softmax is 0 in single precision. */
const HIDDEN = -1e9;

/**
 * Runs the text tower and the map behind it: a bidirectional BERT whose only notion of order is ALiBi (scores fall with the
 * distance of two tokens), the norm after each part, then the mean over a text's own tokens.
 *
 * Shapes: B texts of L tokens (from `jinaClipTexts`) -> [B, towerSize]. Gradient: flows to unfrozen weights.
 * Memory: disposes all but the result; in between B · heads · L² values per layer.
 *
 * @throws DataError when a text has no token but padding.
 */
export function runJinaText(store: ParameterStore, config: JinaTextConfig, texts: ClipTexts): tf.Tensor2D {
  const { rows, columns, ids } = texts;
  const { hiddenSize, numLayers, padTokenId, layerNormEpsilon: epsilon } = config;
  const own = Float32Array.from(ids, (id) => (id === padTokenId ? 0 : 1));
  requireTokens(own, texts);
  return tf.tidy(() => {
    const mask = tf.tensor2d(own, [rows, columns]); // [B, L]
    const words = embedding(store.get(`${JINA_TEXT}.embeddings.word_embeddings.weight`), ids); // [B·L, hidden]
    const kind = tf.slice(store.get(`${JINA_TEXT}.embeddings.token_type_embeddings.weight`), 0, 1); // [1, hidden]
    const bias = scoreBias(config, mask); // [B·heads, 1, L, L]
    let x = norm(store, `${JINA_TEXT}.emb_ln`, tf.add(words, kind), epsilon); // [B·L, hidden]
    for (let index = 0; index < numLayers; index++)
      x = runLayer(store, config, { name: `${JINA_TEXT}.encoder.layers.${index}`, rows, bias }, x); // [B·L, hidden]
    const shares = tf.div(mask, tf.sum(mask, 1, true)); // [B, L], each row adds up to 1
    const tokens = tf.reshape(x, [rows, columns, hiddenSize]) as tf.Tensor3D; // [B, L, hidden]
    const sums = tf.matMul(tf.reshape(shares, [rows, 1, columns]), tokens); // [B, 1, hidden]
    const mean = tf.reshape(sums, [rows, hiddenSize]) as tf.Tensor2D; // [B, hidden]
    return config.head === "none" ? mean : linear(store, "text_model.proj", mean); // [B, towerSize]
  });
}

function requireTokens(own: Float32Array, { rows, columns }: ClipTexts): void {
  for (let row = 0; row < rows; row++)
    if (!own.subarray(row * columns, (row + 1) * columns).includes(1))
      throw new DataError(
        `runJinaText: every text must have a token that is not padding; text ${row} has none. Make them with jinaClipTexts.`,
        { row },
      );
}

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

/** One layer, the norm after each part. [B·L, hidden] -> [B·L, hidden] */
function runLayer(store: ParameterStore, config: JinaTextConfig, layer: Layer, x: tf.Tensor2D): tf.Tensor2D {
  const { name } = layer;
  const { layerNormEpsilon: epsilon } = config;
  const seen = attend(config, layer, linear(store, `${name}.mixer.Wqkv`, x)); // [B·L, hidden]
  const mixed = tf.add(x, linear(store, `${name}.mixer.out_proj`, seen)) as tf.Tensor2D;
  const middle = norm(store, `${name}.norm1`, mixed, epsilon); // [B·L, hidden]
  const wide = linear(store, `${name}.mlp.gated_layers`, middle); // [B·L, 2·inner], gate first
  const [gate, up] = tf.split(wide, 2, 1) as [tf.Tensor2D, tf.Tensor2D]; // [B·L, inner] each
  const gated = tf.mul(gelu(gate), up) as tf.Tensor2D; // [B·L, inner]
  return norm(store, `${name}.norm2`, tf.add(middle, linear(store, `${name}.mlp.wo`, gated)), epsilon);
}

/** Each head reads its text with a bias of its own, as if it were a text of its own. [B·L, 3·hidden] -> [B·L, hidden] */
function attend({ numHeads, hiddenSize }: JinaTextConfig, { rows, bias }: Layer, joined: tf.Tensor2D): tf.Tensor2D {
  const columns = joined.shape[0] / rows;
  const width = hiddenSize / numHeads;
  const parts = tf.reshape(joined, [rows, columns, 3, numHeads, width]); // [B, L, q k v, heads, width]
  const byHead = tf.reshape(tf.transpose(parts, [2, 0, 3, 1, 4]), [3 * rows * numHeads, columns, width]);
  const [q, k, v] = tf.split(byHead, 3, 0) as tf.Tensor3D[]; // [B·heads, L, width] each
  const mixed = attention(q!, k!, v!, { numHeads: 1, mask: bias }); // [B·heads, L, width]
  const back = tf.transpose(tf.reshape(mixed, [rows, numHeads, columns, width]), [0, 2, 1, 3]); // [B, L, heads, width]
  return tf.reshape(back, [rows * columns, hiddenSize]);
}

function norm(store: ParameterStore, module: string, x: tf.Tensor2D, epsilon: number): tf.Tensor2D {
  return layerNorm(x, { weight: store.get(`${module}.weight`), bias: store.get(`${module}.bias`), epsilon });
}
