import * as tf from "@tensorflow/tfjs-core";
import { DataError, ShapeError } from "../../base/errors";
import { gelu, silu } from "../../compute/ops/activations";
import { attention } from "../../compute/ops/attention";
import { rmsNorm } from "../../compute/ops/norms";
import {
  createRotaryTable,
  fillAngles,
  inverseFrequency,
  type RotaryAngles,
  type RotaryTable,
} from "../../compute/ops/rotary";
import { linear } from "../layers/linear";
import type { PatchGrid, PatchGroup, PositionIds, VisionTower } from "../vision-language/model";
import type { ParameterStore } from "../weights/parameters";
import type { PixtralActivation, PixtralConfig, PixtralVisionConfig } from "./config";

/*
 * What is Pixtral's own: the vision tower (patch embedding, layers with full attention within an image), the projector behind
 * it, and the position ids of a token. The text model is layers/decoder.ts. Patches of all images stand below each other,
 * [rows, width]; each becomes one token.
 */

/** Prefix of the vision tower's modules. */
export const VISION_PREFIX = "model.vision_tower";
/** Prefix of the two linear maps from the vision tower to the text model. */
export const PROJECTOR_PREFIX = "model.multi_modal_projector";
const NORM_EPSILON = 1e-5;

function norm(store: ParameterStore, module: string, x: tf.Tensor2D): tf.Tensor2D {
  return rmsNorm(x, store.get(`${module}.weight`), NORM_EPSILON);
}

function activate(activation: PixtralActivation, x: tf.Tensor2D): tf.Tensor2D {
  return activation === "gelu" ? gelu(x) : silu(x);
}

/**
 * Rotary angles of the vision tower: of the frequencies of one head, the even ones follow the row, the odd ones the column.
 *
 * Shapes: -> [height * width, headDim], row by row; the rows' frequencies first, then the columns'.
 */
function pixtralPatchAngles(config: PixtralVisionConfig, grid: PatchGrid): RotaryAngles {
  const headDim = config.hiddenSize / config.numHeads;
  const quarter = headDim / 4;
  const frequencies = Array.from({ length: 2 * quarter }, (_, j) => {
    const place = j < quarter ? 2 * j : 2 * (j - quarter) + 1;
    return inverseFrequency(config.ropeTheta, 2 * place, headDim);
  });
  return fillAngles(grid.height * grid.width, headDim, (patch, j) => {
    const position = j < quarter ? Math.floor(patch / grid.width) : patch % grid.width;
    return position * frequencies[j]!;
  });
}

/** [rows, values of a patch] -> [rows, width] */
function embedPatches(store: ParameterStore, config: PixtralVisionConfig, group: PatchGroup): tf.Tensor2D {
  const { grid, numImages, patches } = group;
  const rows = numImages * grid.height * grid.width;
  const depth = config.numChannels * config.patchSize ** 2;
  if (patches.length !== rows * depth)
    throw new ShapeError(
      `runPixtralVision: patches must have ${rows} rows of ${depth} values; got ${patches.length} values. Cut the images with the model's own image processor.`,
      { rows, depth, length: patches.length },
    );
  // a convolution whose stride is its kernel is a matrix product over whole patches
  const kernel = tf.reshape(store.get(`${VISION_PREFIX}.patch_conv.weight`), [config.hiddenSize, depth]);
  return tf.matMul(tf.tensor2d(patches, [rows, depth]), kernel as tf.Tensor2D, false, true);
}

interface Layer {
  readonly prefix: string;
  readonly numImages: number;
  /** [patches of an image, headDim] */
  readonly table: RotaryTable;
}

/** Every patch of an image sees every other; the norm before each part. [rows, width] -> [rows, width] */
function runLayer(store: ParameterStore, config: PixtralVisionConfig, layer: Layer, x: tf.Tensor2D): tf.Tensor2D {
  const { prefix, table, numImages } = layer;
  const normed = norm(store, `${prefix}.attention_norm`, x);
  const project = (name: string): tf.Tensor2D => linear(store, `${prefix}.attention.${name}`, normed);
  const byImage = (t: tf.Tensor2D): tf.Tensor3D => tf.reshape(t, [numImages, t.shape[0] / numImages, t.shape[1]]);
  const attended = attention(byImage(project("q_proj")), byImage(project("k_proj")), byImage(project("v_proj")), {
    numHeads: config.numHeads,
    rotary: { queries: table, keys: table },
  }); // [numImages, patches, width]
  const flat = tf.reshape(attended, x.shape) as tf.Tensor2D; // [rows, width]
  const middle = linear(store, `${prefix}.attention.o_proj`, flat, x);

  const mlpInput = norm(store, `${prefix}.ffn_norm`, middle);
  const gate = activate(config.activation, linear(store, `${prefix}.feed_forward.gate_proj`, mlpInput)); // [rows, inner]
  const gated: tf.Tensor2D = tf.mul(gate, linear(store, `${prefix}.feed_forward.up_proj`, mlpInput)); // [rows, inner]
  return linear(store, `${prefix}.feed_forward.down_proj`, gated, middle); // [rows, width]
}

/**
 * Runs the vision tower and the projector on images of one size: each patch becomes one token of the text model.
 *
 * Patches see those of their own image only. (Pixtral packs all images into one sequence under a block-diagonal mask; a
 * batch axis says the same and computes no masked scores.)
 * Shapes: -> [numImages * patches, hiddenSize of the text model], image by image, row by row.
 * Gradient: flows to whatever is trainable in tower and projector. Memory: disposes all but the result.
 *
 * @throws ShapeError when the patches do not fit the grid.
 */
function runPixtralVision(store: ParameterStore, config: PixtralConfig, group: PatchGroup): tf.Tensor2D {
  const { vision } = config;
  const { numImages } = group;
  return tf.tidy(() => {
    const table = createRotaryTable(pixtralPatchAngles(vision, group.grid));
    let x = norm(store, `${VISION_PREFIX}.ln_pre`, embedPatches(store, vision, group)); // [rows, width]
    for (let layer = 0; layer < config.featureLayer; layer++)
      x = runLayer(store, vision, { prefix: `${VISION_PREFIX}.transformer.layers.${layer}`, table, numImages }, x);
    const widened = activate(config.projectorActivation, linear(store, `${PROJECTOR_PREFIX}.linear_1`, x));
    return linear(store, `${PROJECTOR_PREFIX}.linear_2`, widened); // [rows, hiddenSize of the text model]
  });
}

/** The vision tower and projector of a model of this configuration. */
export function pixtralVisionTower(config: PixtralConfig): VisionTower {
  return {
    modules: [VISION_PREFIX, PROJECTOR_PREFIX],
    run: (parameters, group) => runPixtralVision(parameters, config, group),
  };
}

/** Every token, of text or image, is one further than the one before it. @throws DataError when the placeholders are not those of the grids. */
export function linePositionIds(ids: Int32Array, grids: readonly PatchGrid[], imageTokenId: number): PositionIds {
  const wanted = grids.reduce((sum, grid) => sum + grid.height * grid.width, 0);
  const found = ids.reduce((count, id) => count + Number(id === imageTokenId), 0);
  if (found !== wanted)
    throw new DataError(
      `collatePrompts: a prompt must hold ${wanted} image placeholders for its ${grids.length} images; got ${found}. Make prompts with tokenizePrompt.`,
      { found, wanted, images: grids.length },
    );
  const positionIds = Int32Array.from({ length: 3 * ids.length }, (_, i) => i % ids.length);
  return { positionIds, next: ids.length };
}
