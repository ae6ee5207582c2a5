import * as tf from "@tensorflow/tfjs-core";
import { assertShape } from "../base/check";
import { ShapeError } from "../base/errors";
import { gelu, quickGelu } from "../compute/ops/activations";
import { attention } from "../compute/ops/attention";
import { embedding } from "../compute/ops/embedding";
import { l2Normalise, layerNorm } from "../compute/ops/norms";
import type { ClipConfig, ClipTowerConfig } from "./clip-config";
import { applyLinear, linear } from "./linear";
import type { ParameterStore } from "./parameters";

/** What a tower needs: sizes and weights. A whole model is one, and so is a copy of one tower. */
export interface ClipTower {
  readonly config: ClipConfig;
  readonly parameters: ParameterStore;
}

/** Texts as token ids, padded to one length: B rows, L columns. Plain arrays. */
export interface ClipTexts {
  readonly rows: number;
  readonly columns: number;
  /** [B, L] */
  readonly ids: Int32Array;
  /** [B]: column of each text's end token, where it is read out. */
  readonly ends: Int32Array;
}

/**
 * Embeddings of images: the vision tower's class token, projected and scaled to length 1.
 *
 * Shapes: pixels [B, H, W, 3] (from `clipPixels`) -> [B, D]. Gradient: flows to unfrozen weights and to adapters.
 *
 * @throws ShapeError when the pixels have another size than the model's images.
 */
export function clipImageEmbeddings(tower: ClipTower, pixels: tf.Tensor4D): tf.Tensor2D {
  const { parameters, config } = tower;
  const { imageSize, hiddenSize, layerNormEpsilon } = config.vision;
  assertShape("clipImageEmbeddings: pixels", pixels.shape, [null, imageSize, imageSize, 3]);
  return tf.tidy(() => {
    const tokens = norm(parameters, "vision_model.pre_layrnorm", embedPatches(tower, pixels), layerNormEpsilon);
    const encoded = encode(parameters, "vision_model", tokens, { ...config.vision, mask: "none" });
    const first = tf.reshape(tf.slice(encoded, [0, 0, 0], [-1, 1, -1]), [pixels.shape[0], hiddenSize]);
    const pooled = norm(parameters, "vision_model.post_layernorm", first, layerNormEpsilon);
    return l2Normalise(linear(parameters, "visual_projection", pooled) as tf.Tensor2D);
  });
}

/**
 * Embeddings of texts: the text tower at each end token, projected and scaled to length 1.
 *
 * Shapes: B texts (from `clipTexts`) -> [B, D]. Gradient: flows to unfrozen weights and to adapters.
 *
 * @throws ShapeError when a text is longer than the model's positions.
 */
export function clipTextEmbeddings({ parameters, config }: ClipTower, texts: ClipTexts): tf.Tensor2D {
  const { hiddenSize, maxPositions, layerNormEpsilon } = config.text;
  const { rows, columns, ids, ends } = texts;
  if (columns > maxPositions)
    throw new ShapeError(
      `clipTextEmbeddings: texts must have at most ${maxPositions} tokens; got ${columns}. Make them with clipTexts.`,
      { columns, maxPositions },
    );
  return tf.tidy(() => {
    const words = embedding(parameters.get("text_model.embeddings.token_embedding.weight"), ids);
    const places = tf.slice(parameters.get("text_model.embeddings.position_embedding.weight"), 0, columns);
    const tokens = tf.add(tf.reshape(words, [rows, columns, hiddenSize]), places) as tf.Tensor3D;
    const encoded = encode(parameters, "text_model", tokens, { ...config.text, mask: "causal" });
    const lastRows = ends.map((end, row) => row * columns + end);
    const last = embedding(tf.reshape(encoded, [rows * columns, hiddenSize]), lastRows); // [B, hidden]
    const pooled = norm(parameters, "text_model.final_layer_norm", last, layerNormEpsilon);
    return l2Normalise(linear(parameters, "text_projection", pooled));
  });
}

/** [B, H, W, 3] -> [B, 1 + patches, hidden]: class token first, patches row by row. */
function embedPatches({ parameters, config }: ClipTower, pixels: tf.Tensor4D): tf.Tensor3D {
  const { imageSize, patchSize, hiddenSize } = config.vision;
  const side = imageSize / patchSize;
  const batch = pixels.shape[0];
  const cut = tf.transpose(tf.reshape(pixels, [batch, side, patchSize, side, patchSize, 3]), [0, 1, 3, 5, 2, 4]);
  const patches = tf.reshape(cut, [batch * side * side, 3 * patchSize * patchSize]) as tf.Tensor2D;
  const moduleName = "vision_model.embeddings.patch_embedding";
  const kernel = parameters.get(`${moduleName}.weight`);
  const weight = tf.reshape(kernel, [hiddenSize, 3 * patchSize * patchSize]) as tf.Tensor2D;
  const embedded = applyLinear(patches, { moduleName, weight, bias: null, update: null });
  const grid = tf.reshape(embedded, [batch, side * side, hiddenSize]) as tf.Tensor3D;

  // the class token is a zero row plus its embedding, so one addition places it and all positions
  const classRow = tf.reshape(parameters.get("vision_model.embeddings.class_embedding"), [1, hiddenSize]);
  const classRows = tf.pad(classRow, [
    [0, side * side],
    [0, 0],
  ]);
  const places = tf.add(parameters.get("vision_model.embeddings.position_embedding.weight"), classRows);
  const padded = tf.pad(grid, [
    [0, 0],
    [1, 0],
    [0, 0],
  ]);
  return tf.add(padded, places) as tf.Tensor3D;
}

interface EncoderOptions extends ClipTowerConfig {
  readonly mask: "none" | "causal";
}

/** Transformer layers with the norm before each part. [B, N, hidden] -> [B, N, hidden] */
function encode(parameters: ParameterStore, name: string, tokens: tf.Tensor3D, options: EncoderOptions): tf.Tensor3D {
  let x = tokens;
  for (let index = 0; index < options.numLayers; index++) {
    const layer = `${name}.encoder.layers.${index}`;
    const before = norm(parameters, `${layer}.layer_norm1`, x, options.layerNormEpsilon);
    const [q, k, v] = ["q", "k", "v"].map((part) => linear(parameters, `${layer}.self_attn.${part}_proj`, before));
    const seen = attention(q!, k!, v!, { numHeads: options.numHeads, mask: options.mask });
    x = tf.add(x, linear(parameters, `${layer}.self_attn.out_proj`, seen)) as tf.Tensor3D;
    const wide = linear(
      parameters,
      `${layer}.mlp.fc1`,
      norm(parameters, `${layer}.layer_norm2`, x, options.layerNormEpsilon),
    );
    const active = options.activation === "gelu" ? gelu(wide) : quickGelu(wide);
    x = tf.add(x, linear(parameters, `${layer}.mlp.fc2`, active)) as tf.Tensor3D;
  }
  return x;
}

function norm<T extends tf.Tensor>(parameters: ParameterStore, name: string, x: T, epsilon: number): T {
  return layerNorm(x, { weight: parameters.get(`${name}.weight`), bias: parameters.get(`${name}.bias`), epsilon });
}
