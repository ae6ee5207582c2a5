import * as tf from "@tensorflow/tfjs-core";
import { assertShape } from "../../base/check";
import { ShapeError } from "../../base/errors";
import { gelu, quickGelu } from "../../compute/ops/activations";
import { attention } from "../../compute/ops/attention";
import { l2Normalise, layerNorm } from "../../compute/ops/norms";
import { embedding } from "../../compute/ops/rows";
import type { EncoderTexts } from "../dual-encoder/encoder";
import { dense, denseLinear } from "../layers/linear";
import type { ParameterStore } from "../weights/parameters";
import type { ClipConfig, ClipTowerConfig } from "./config";

/*
 * CLIP: a vision transformer read out at its class token and a causal text transformer read out at the end token, each
 * projected into one space and scaled to length 1.
 */

/** Added to a score, it leaves no weight. */
const HIDDEN = -1e9;

/** What a tower needs: sizes and weights. A whole model is one, and so is a copy of one tower. */
export interface ClipTower {
  readonly config: ClipConfig;
  readonly parameters: ParameterStore;
}

function norm<T extends tf.Tensor>(parameters: ParameterStore, name: string, x: T, epsilon: number): T {
  return layerNorm(x, { weight: parameters.get(`${name}.weight`), bias: parameters.get(`${name}.bias`), epsilon });
}

/** One token of each row. [B, N, hidden] -> [B, 1, hidden] */
function tokensAt(x: tf.Tensor3D, places: Int32Array): tf.Tensor3D {
  const [rows, columns, width] = x.shape;
  const flat = places.map((place, row) => row * columns + place);
  return tf.reshape(embedding(tf.reshape(x, [rows * columns, width]), flat), [rows, 1, width]);
}

/** What a query at each row's token must not see, as attention's mask: [B, 1, 1, N]. */
function maskAfter(places: Int32Array, columns: number): tf.Tensor4D {
  const values = new Float32Array(places.length * columns);
  places.forEach((place, row) => {
    values.fill(HIDDEN, row * columns + place + 1, (row + 1) * columns);
  });
  return tf.tensor4d(values, [places.length, 1, 1, columns]);
}

/** [B, H, W, 3] -> [B, 1 + patches, hidden]: class token first, patches row by row. */
function embedPatches({ parameters, config }: ClipTower, pixels: tf.Tensor4D): tf.Tensor3D {
  const { imageSize, patchSize, hiddenSize } = config.vision;
  const side = imageSize / patchSize;
  const batch = pixels.shape[0];
  // the colours of a row of a patch stay together: whole runs are moved, and the small weight follows their order
  const runs = tf.reshape(pixels, [batch, side, patchSize, side, 3 * patchSize]); // [B, row, y, column, x·3]
  const inside = 3 * patchSize * patchSize;
  const patches = tf.reshape(tf.transpose(runs, [0, 1, 3, 2, 4]), [batch * side * side, inside]) as tf.Tensor2D; // [B·patches, y·x·3]
  const kernel = parameters.get("vision_model.embeddings.patch_embedding.weight"); // [hidden, 3, height, width]
  const weight = tf.reshape(tf.transpose(kernel, [0, 2, 3, 1]), [hiddenSize, inside]) as tf.Tensor2D; // [hidden, y·x·3]
  const embedded = dense(patches, { weight, bias: null }); // [B·patches, hidden]
  const grid = tf.reshape(embedded, [batch, side * side, hiddenSize]) as tf.Tensor3D; // [B, patches, hidden]

  // the class token is a zero row plus its embedding, so one addition places it and all positions
  const classRow = tf.reshape(parameters.get("vision_model.embeddings.class_embedding"), [1, hiddenSize]);
  const classRows = tf.pad(classRow, [
    [0, side * side],
    [0, 0],
  ]); // [1 + patches, hidden]
  const places = tf.add(parameters.get("vision_model.embeddings.position_embedding.weight"), classRows);
  const padded = tf.pad(grid, [
    [0, 0],
    [1, 0],
    [0, 0],
  ]); // [B, 1 + patches, hidden]
  return tf.add(padded, places) as tf.Tensor3D;
}

interface EncoderOptions extends ClipTowerConfig {
  readonly mask: "none" | "causal";
  /** [B]: which token of each row is read out. */
  readonly readAt: Int32Array;
}

/** x + the layer's MLP of x. */
function addMlp(parameters: ParameterStore, layer: string, x: tf.Tensor3D, options: EncoderOptions): tf.Tensor3D {
  const before = norm(parameters, `${layer}.layer_norm2`, x, options.layerNormEpsilon);
  const wide = denseLinear(parameters, `${layer}.mlp.fc1`, before); // [B, N, inner]
  const active = options.activation === "gelu" ? gelu(wide) : quickGelu(wide);
  return denseLinear(parameters, `${layer}.mlp.fc2`, active, x);
}

/**
 * Transformer layers with the norm before each part, read out at one token per row. What the last layer would make of
 * the other tokens is never read, so it is not computed. [B, N, hidden] -> [B, hidden]
 */
function encode(parameters: ParameterStore, name: string, tokens: tf.Tensor3D, options: EncoderOptions): tf.Tensor2D {
  const { numLayers, mask, readAt } = options;
  const [rows, columns] = tokens.shape;
  let x = tokens;
  for (let index = 0; index < numLayers; index++) {
    const layer = `${name}.encoder.layers.${index}`;
    const before = norm(parameters, `${layer}.layer_norm1`, x, options.layerNormEpsilon);
    const last = index === numLayers - 1;
    const seen = last ? (mask === "none" ? mask : maskAfter(readAt, columns)) : mask;
    if (last) x = tokensAt(x, readAt); // [B, 1, hidden]
    const queries = last ? tokensAt(before, readAt) : before; // [B, N or 1, hidden]
    const [k, v] = ["k", "v"].map((part) => denseLinear(parameters, `${layer}.self_attn.${part}_proj`, before)); // [B, N, hidden]
    const q = denseLinear(parameters, `${layer}.self_attn.q_proj`, queries);
    const mixed = attention(q, k!, v!, { numHeads: options.numHeads, mask: seen }); // [B, N or 1, hidden]
    x = denseLinear(parameters, `${layer}.self_attn.out_proj`, mixed, x);
    x = addMlp(parameters, layer, x, options);
  }
  return tf.reshape(numLayers === 0 ? tokensAt(x, readAt) : x, [rows, options.hiddenSize]);
}

/**
 * Embeddings of images: the vision tower's class token, projected and scaled to length 1.
 *
 * Shapes: pixels [B, H, W, 3] (from `encoderPixels`) -> [B, D]. Gradient: flows to unfrozen weights and to adapters.
 *
 * @throws ShapeError when the pixels have another size than the model's images.
 */
export function clipImageEmbeddings(tower: ClipTower, pixels: tf.Tensor4D): tf.Tensor2D {
  const { parameters, config } = tower;
  const { imageSize, layerNormEpsilon } = config.vision;
  assertShape("clipImageEmbeddings: pixels", pixels.shape, [null, imageSize, imageSize, 3]);
  return tf.tidy(() => {
    const tokens = norm(parameters, "vision_model.pre_layrnorm", embedPatches(tower, pixels), layerNormEpsilon); // [B, N, hidden]
    const classTokens = new Int32Array(pixels.shape[0]);
    const read = encode(parameters, "vision_model", tokens, { ...config.vision, mask: "none", readAt: classTokens }); // [B, hidden]
    const pooled = norm(parameters, "vision_model.post_layernorm", read, layerNormEpsilon);
    return l2Normalise(denseLinear(parameters, "visual_projection", pooled)); // [B, D]
  });
}

/**
 * Embeddings of texts: the text tower at each end token, projected and scaled to length 1.
 *
 * Shapes: B texts (from `clipTexts`) -> [B, D]. Gradient: flows to unfrozen weights and to adapters.
 *
 * @throws ShapeError when a text is longer than the model's positions.
 */
export function clipTextEmbeddings({ parameters, config }: ClipTower, texts: EncoderTexts): tf.Tensor2D {
  const { hiddenSize, maxPositions, layerNormEpsilon } = config.text;
  const { rows, columns, ids, ends } = texts;
  if (columns > maxPositions)
    throw new ShapeError(
      `clipTextEmbeddings: texts must have at most ${maxPositions} tokens; got ${columns}. Make them with clipTexts.`,
      { columns, maxPositions },
    );
  return tf.tidy(() => {
    const words = embedding(parameters.get("text_model.embeddings.token_embedding.weight"), ids); // [B·L, hidden]
    const places = tf.slice(parameters.get("text_model.embeddings.position_embedding.weight"), 0, columns); // [L, hidden]
    const tokens = tf.add(tf.reshape(words, [rows, columns, hiddenSize]), places) as tf.Tensor3D; // [B, L, hidden]
    const read = encode(parameters, "text_model", tokens, { ...config.text, mask: "causal", readAt: ends }); // [B, hidden]
    const pooled = norm(parameters, "text_model.final_layer_norm", read, layerNormEpsilon);
    return l2Normalise(denseLinear(parameters, "text_projection", pooled)); // [B, D]
  });
}
