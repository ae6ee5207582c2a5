import * as tf from "@tensorflow/tfjs-core";
import { DataError, ShapeError } from "../../base/errors";
import { gelu, quickGelu } from "../../compute/ops/activations";
import { attention } from "../../compute/ops/attention";
import { layerNorm } from "../../compute/ops/norms";
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
import type { Qwen2VisionConfig } from "./config";

/*
 * What is Qwen2-VL's own: the vision tower (patch embedding, blocks with full attention within an image, merger) and the three
 * position ids of a token. The text model is layers/decoder.ts. Patches of all images stand below each other, [rows, width].
 */

/** Prefix of the vision tower's modules. */
export const VISION_PREFIX = "model.visual";
const NORM_EPSILON = 1e-6;

function norm(store: ParameterStore, module: string, x: tf.Tensor2D): tf.Tensor2D {
  const weight = store.get(`${module}.weight`);
  const bias = store.get(`${module}.bias`);
  return layerNorm(x, { weight, bias, epsilon: NORM_EPSILON });
}

/** Row and column of every patch: frame by frame, in squares of `merge`² that become one token. */
function patchPlaces(grid: PatchGrid, merge: number): { row: number; column: number }[] {
  const places: { row: number; column: number }[] = [];
  for (let frame = 0; frame < grid.frames; frame++)
    for (let top = 0; top < grid.height; top += merge)
      for (let left = 0; left < grid.width; left += merge)
        for (let row = top; row < top + merge; row++)
          for (let column = left; column < left + merge; column++) places.push({ row, column });
  return places;
}

/**
 * Rotary angles of the vision tower: the first half of the frequencies follows the row, the second the column.
 *
 * Shapes: -> [frames * height * width, headDim], in the order of the patches.
 */
function patchAngles(config: Qwen2VisionConfig, grid: PatchGrid): RotaryAngles {
  const headDim = config.embedDim / config.numHeads;
  const places = patchPlaces(grid, config.spatialMergeSize);
  const quarter = headDim / 4;
  const frequencies = Array.from({ length: quarter }, (_, j) => inverseFrequency(config.ropeTheta, 2 * j, headDim / 2));
  return fillAngles(places.length, headDim, (row, j) => {
    const place = places[row]!;
    return j < quarter ? place.row * frequencies[j]! : place.column * frequencies[j - quarter]!;
  });
}

/** [rows, values of a patch] -> [rows, width] */
function embedPatches(store: ParameterStore, config: Qwen2VisionConfig, group: PatchGroup): tf.Tensor2D {
  const { numImages, grid, patches } = group;
  const rows = numImages * grid.frames * grid.height * grid.width;
  const depth = config.inChannels * config.temporalPatchSize * config.patchSize ** 2;
  if (patches.length !== rows * depth)
    throw new ShapeError(
      `runVisionTower: patches must have ${rows} rows of ${depth} values; got ${patches.length} values. Cut the images with the model's own image processor.`,
      { rows, depth, length: patches.length },
    );
  // a 3-D convolution whose stride is its kernel is a matrix product over whole patches
  const kernel = tf.reshape(store.get(`${VISION_PREFIX}.patch_embed.proj.weight`), [config.embedDim, depth]);
  return tf.matMul(tf.tensor2d(patches, [rows, depth]), kernel as tf.Tensor2D, false, true);
}

interface Block {
  readonly prefix: string;
  readonly numHeads: number;
  readonly numImages: number;
  /** [patches of an image, headDim] */
  readonly table: RotaryTable;
}

/** x with what its patches, each of which sees every other of its image, add to it. [rows, width] -> [rows, width] */
function attend(store: ParameterStore, { prefix, numHeads, numImages, table }: Block, x: tf.Tensor2D): tf.Tensor2D {
  const qkv = linear(store, `${prefix}.attn.qkv`, norm(store, `${prefix}.norm1`, x)); // [rows, 3 * width]
  const [q, k, v] = tf.split(qkv, 3, 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]; // [rows, width] each
  const byImage = (t: tf.Tensor2D): tf.Tensor3D => tf.reshape(t, [numImages, t.shape[0] / numImages, t.shape[1]]);
  const rotary = { queries: table, keys: table };
  const attended = attention(byImage(q), byImage(k), byImage(v), { numHeads, rotary }); // [numImages, patches, width]
  return linear(store, `${prefix}.attn.proj`, tf.reshape(attended, x.shape), x); // [rows, width]
}

/** The norm before each part. [rows, width] -> [rows, width] */
function runBlock(store: ParameterStore, block: Block, x: tf.Tensor2D): tf.Tensor2D {
  const { prefix } = block;
  const middle = attend(store, block, x);
  const wide = linear(store, `${prefix}.mlp.fc1`, norm(store, `${prefix}.norm2`, middle)); // [rows, mlpRatio * width]
  return linear(store, `${prefix}.mlp.fc2`, quickGelu(wide), middle);
}

/** Joins each square of patches into one token of the text model. [rows, width] -> [tokens, hiddenSize] */
function merge(store: ParameterStore, config: Qwen2VisionConfig, x: tf.Tensor2D): tf.Tensor2D {
  const width = config.embedDim * config.spatialMergeSize ** 2;
  const normed = norm(store, `${VISION_PREFIX}.merger.ln_q`, x);
  const squares = tf.reshape(normed, [x.size / width, width]) as tf.Tensor2D; // [tokens, spatialMergeSize² * width]
  return linear(store, `${VISION_PREFIX}.merger.mlp.2`, gelu(linear(store, `${VISION_PREFIX}.merger.mlp.0`, squares)));
}

/**
 * Runs the vision tower on images of one size.
 *
 * Shapes: -> [numImages * patches / spatialMergeSize², hiddenSize of the text model], image by image.
 * Gradient: flows to whatever is trainable in the tower. Memory: disposes all but the result.
 *
 * @throws ShapeError when the patches do not fit the grid.
 */
export function runVisionTower(store: ParameterStore, config: Qwen2VisionConfig, group: PatchGroup): tf.Tensor2D {
  const { numImages } = group;
  const { depth, numHeads } = config;
  return tf.tidy(() => {
    const table = createRotaryTable(patchAngles(config, group.grid));
    let x = embedPatches(store, config, group); // [rows, width]
    for (let block = 0; block < depth; block++)
      x = runBlock(store, { prefix: `${VISION_PREFIX}.blocks.${block}`, numHeads, numImages, table }, x);
    return merge(store, config, x); // [tokens, hiddenSize]
  });
}

/** The vision tower of a model of this configuration. */
export function qwen2VisionTower(config: Qwen2VisionConfig): VisionTower {
  return { modules: [VISION_PREFIX], run: (parameters, group) => runVisionTower(parameters, config, group) };
}

/**
 * Three position ids for every token: text counts on in all three, an image spreads over time, height and width from
 * where the text stopped, and the text goes on after its longest side.
 *
 * @throws DataError when the image placeholders are not those of the grids.
 */
export function multimodalPositionIds(
  inputIds: ArrayLike<number>,
  grids: readonly PatchGrid[],
  { imageTokenId, spatialMergeSize }: { readonly imageTokenId: number; readonly spatialMergeSize: number },
): PositionIds {
  const length = inputIds.length;
  const positionIds = new Int32Array(3 * length);
  let next = 0;
  let image = 0;
  for (let at = 0; at < length; ) {
    if (inputIds[at] !== imageTokenId) {
      for (let axis = 0; axis < 3; axis++) positionIds[axis * length + at] = next;
      next++;
      at++;
      continue;
    }
    const grid = grids[image++];
    if (grid === undefined) throw placeholderError(inputIds, grids, imageTokenId);
    const height = grid.height / spatialMergeSize;
    const width = grid.width / spatialMergeSize;
    const count = grid.frames * height * width;
    for (let i = 0; i < count; i++) {
      if (inputIds[at + i] !== imageTokenId) throw placeholderError(inputIds, grids, imageTokenId);
      positionIds[at + i] = next + Math.floor(i / (height * width));
      positionIds[length + at + i] = next + (Math.floor(i / width) % height);
      positionIds[2 * length + at + i] = next + (i % width);
    }
    at += count;
    next += Math.max(height, width);
  }
  if (image !== grids.length) throw placeholderError(inputIds, grids, imageTokenId);
  return { positionIds, next };
}

function placeholderError(ids: ArrayLike<number>, grids: readonly PatchGrid[], imageTokenId: number): DataError {
  const found = Array.from(ids).filter((id) => id === imageTokenId).length;
  return new DataError(
    `collatePrompts: a prompt must hold as many image placeholders as its ${grids.length} images have tokens; got ${found}. Make prompts with tokenizePrompt.`,
    { found, images: grids.length },
  );
}
