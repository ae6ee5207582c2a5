import * as tf from "@tensorflow/tfjs-core";
import { DataError, ShapeError } from "../../base/errors";
import { gelu, silu } from "../../compute/ops/activations";
import { attention } from "../../compute/ops/attention";
import { rmsNorm } from "../../compute/ops/norms";
import type { RotaryTable } from "../../compute/ops/rotary";
import { linear } from "../layers/linear";
import { createRotaryTable, fillAngles, inverseFrequency, type PatchGrid, type RotaryAngles } from "../layers/rotary";
import type { PatchGroup, PictureReader, PromptPositions } from "../vision-language/model";
import type { ParameterStore } from "../weights/parameters";
import type { PixtralActivation, PixtralConfig, PixtralVisionConfig } from "./config";
import { type PixtralImageConfig, pixtralPatches, pixtralSize } from "./processor";
import { PIXTRAL_PROJECTOR, PIXTRAL_VISION } from "./weights";

const NORM_EPSILON = 1e-5;

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
export function runPixtralVision(store: ParameterStore, config: PixtralConfig, group: PatchGroup): tf.Tensor2D {
  const { vision } = config;
  return tf.tidy(() => {
    const angles = pixtralPatchAngles(vision, group.grid);
    const table = createRotaryTable(angles);
    let x = norm(store, `${PIXTRAL_VISION}.ln_pre`, embedPatches(store, vision, group)); // [rows, width]
    for (let layer = 0; layer < config.featureLayer; layer++)
      x = runLayer(store, vision, { prefix: `${PIXTRAL_VISION}.transformer.layers.${layer}`, table, group }, x);
    const widened = activate(config.projectorActivation, linear(store, `${PIXTRAL_PROJECTOR}.linear_1`, x));
    return linear(store, `${PIXTRAL_PROJECTOR}.linear_2`, widened); // [rows, hiddenSize of the text model]
  });
}

/**
 * Rotary angles of the vision tower: of the frequencies of one head, the even ones follow the row, the odd ones the column.
 *
 * Shapes: -> [height * width, headDim], row by row; the rows' frequencies first, then the columns'.
 */
export function pixtralPatchAngles(config: PixtralVisionConfig, grid: PatchGrid): RotaryAngles {
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
  const kernel = tf.reshape(store.get(`${PIXTRAL_VISION}.patch_conv.weight`), [config.hiddenSize, depth]);
  return tf.matMul(tf.tensor2d(patches, [rows, depth]), kernel as tf.Tensor2D, false, true);
}

interface VisionLayer {
  readonly prefix: string;
  readonly table: RotaryTable;
  readonly group: PatchGroup;
}

function runLayer(store: ParameterStore, config: PixtralVisionConfig, layer: VisionLayer, x: tf.Tensor2D): tf.Tensor2D {
  const { prefix, table, group } = layer;
  const normed = norm(store, `${prefix}.attention_norm`, x);
  const project = (name: string): tf.Tensor2D => linear(store, `${prefix}.attention.${name}`, normed);
  const byImage = (t: tf.Tensor2D): tf.Tensor3D =>
    tf.reshape(t, [group.numImages, t.shape[0] / group.numImages, t.shape[1]]);
  const attended = attention(byImage(project("q_proj")), byImage(project("k_proj")), byImage(project("v_proj")), {
    numHeads: config.numHeads,
    rotary: { queries: table, keys: table },
  });
  const flat = tf.reshape(attended, x.shape); // [rows, width]
  const middle = tf.add(x, linear(store, `${prefix}.attention.o_proj`, flat)) as tf.Tensor2D;

  const mlpInput = norm(store, `${prefix}.ffn_norm`, middle);
  const gate = activate(config.activation, linear(store, `${prefix}.feed_forward.gate_proj`, mlpInput));
  const gated = tf.mul(gate, linear(store, `${prefix}.feed_forward.up_proj`, mlpInput)) as tf.Tensor2D;
  return tf.add(middle, linear(store, `${prefix}.feed_forward.down_proj`, gated));
}

function activate(activation: PixtralActivation, x: tf.Tensor2D): tf.Tensor2D {
  return activation === "gelu" ? gelu(x) : silu(x);
}

function norm(store: ParameterStore, module: string, x: tf.Tensor2D): tf.Tensor2D {
  return rmsNorm(x, store.get(`${module}.weight`), NORM_EPSILON);
}

/** Ids of the marks in a picture's tokens. */
export interface PixtralMarks {
  /** Stands after every row of patches but the last. */
  readonly breakTokenId: number;
  /** Stands after the last row. */
  readonly endTokenId: number;
}

/** How Pixtral turns pictures into tokens: one per patch, a mark after every row, one position per token. */
export function pixtralPictures(
  config: PixtralConfig,
  processor: PixtralImageConfig,
  marks: PixtralMarks,
): PictureReader {
  const { imageTokenId } = config;
  return {
    modules: [PIXTRAL_VISION, PIXTRAL_PROJECTOR],
    gridOf: (image) => {
      const { height, width } = pixtralSize(image.height, image.width, processor);
      return { frames: 1, height: height / processor.patchSize, width: width / processor.patchSize };
    },
    cut: (image) => pixtralPatches(image, processor),
    tokensOf,
    expand: (grid) =>
      Array.from({ length: grid.height }, (_, row) => [
        ...new Array<number>(grid.width).fill(imageTokenId),
        row + 1 < grid.height ? marks.breakTokenId : marks.endTokenId,
      ]).flat(),
    place: (ids, grids) => linePositions(ids, grids, imageTokenId),
    run: (parameters, group) => runPixtralVision(parameters, config, group),
  };
}

function tokensOf(grid: PatchGrid): number {
  return grid.height * grid.width;
}

/** Every token, of text or picture, is one further than the one before it. */
function linePositions(ids: Int32Array, grids: readonly PatchGrid[], imageTokenId: number): PromptPositions {
  const wanted = grids.reduce((sum, grid) => sum + tokensOf(grid), 0);
  const found = ids.reduce((count, id) => count + Number(id === imageTokenId), 0);
  if (found !== wanted)
    throw new DataError(
      `collatePrompts: a prompt must hold ${wanted} image placeholders for its ${grids.length} images; got ${found}. Make prompts with tokenizePrompt.`,
      { found, wanted, images: grids.length },
    );
  const positions = Int32Array.from({ length: 3 * ids.length }, (_, i) => i % ids.length);
  return { positions, next: ids.length };
}
