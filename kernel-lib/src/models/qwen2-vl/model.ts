import * as tf from "@tensorflow/tfjs-core";
import { DataError, ShapeError } from "../../base/errors";
import { gelu, quickGelu } from "../../compute/ops/activations";
import { attention } from "../../compute/ops/attention";
import { layerNorm } from "../../compute/ops/norms";
import type { RotaryTable } from "../../compute/ops/rotary";
import { type QwenImageConfig, qwenPatches, smartResize } from "../images/processor";
import { linear } from "../layers/linear";
import { createRotaryTable, type PatchGrid, patchAngles } from "../layers/rotary";
import type { PatchGroup, PictureReader, PromptPositions } from "../vision-language/model";
import type { ParameterStore } from "../weights/parameters";
import type { Qwen2VisionConfig, Qwen2VlConfig } from "./config";
import { VISION_PREFIX } from "./weights";

const NORM_EPSILON = 1e-6;

/**
 * Runs the vision tower on images of one size: patch embedding, blocks with full attention within an image, merger.
 *
 * Shapes: -> [numImages * patches / spatialMergeSize², hiddenSize of the text model], image by image.
 * Gradient: flows to whatever is trainable in the tower. Memory: disposes all but the result.
 *
 * @throws ShapeError when the patches do not fit the grid.
 */
export function runVisionTower(store: ParameterStore, config: Qwen2VisionConfig, group: PatchGroup): tf.Tensor2D {
  return tf.tidy(() => {
    const rows = group.numImages * patchesOf(group.grid);
    const angles = patchAngles(config, group.grid);
    const table = createRotaryTable(angles);
    let x = embedPatches(store, config, group.patches, rows);
    for (let block = 0; block < config.depth; block++) {
      const prefix = `${VISION_PREFIX}.blocks.${block}`;
      const normed = norm(store, `${prefix}.norm1`, x);
      const call = { prefix: `${prefix}.attn`, x: normed, table, numImages: group.numImages };
      x = tf.add(x, attend(store, config.numHeads, call));
      const widened = linear(store, `${prefix}.mlp.fc1`, norm(store, `${prefix}.norm2`, x));
      x = tf.add(x, linear(store, `${prefix}.mlp.fc2`, quickGelu(widened)));
    }
    return merge(store, config, x);
  });
}

/** Number of patches of a grid. */
export function patchesOf(grid: PatchGrid): number {
  return grid.frames * grid.height * grid.width;
}

function embedPatches(
  store: ParameterStore,
  config: Qwen2VisionConfig,
  patches: Float32Array,
  rows: number,
): tf.Tensor2D {
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

interface VisionAttention {
  readonly prefix: string;
  readonly x: tf.Tensor2D;
  readonly table: RotaryTable;
  readonly numImages: number;
}

function attend(store: ParameterStore, heads: number, call: VisionAttention): tf.Tensor2D {
  const qkv = linear(store, `${call.prefix}.qkv`, call.x); // [rows, 3 * width]
  const [q, k, v] = tf.split(qkv, 3, 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  const byImage = (t: tf.Tensor2D): tf.Tensor3D =>
    tf.reshape(t, [call.numImages, t.shape[0] / call.numImages, t.shape[1]]) as tf.Tensor3D;
  const rotary = { queries: call.table, keys: call.table };
  const attended = attention(byImage(q), byImage(k), byImage(v), { numHeads: heads, rotary });
  return linear(store, `${call.prefix}.proj`, tf.reshape(attended, call.x.shape));
}

/** Joins each square of patches into one token of the text model. */
function merge(store: ParameterStore, config: Qwen2VisionConfig, x: tf.Tensor2D): tf.Tensor2D {
  const merged = config.embedDim * config.spatialMergeSize ** 2;
  const squares = tf.reshape(norm(store, `${VISION_PREFIX}.merger.ln_q`, x), [x.size / merged, merged]) as tf.Tensor2D;
  return linear(store, `${VISION_PREFIX}.merger.mlp.2`, gelu(linear(store, `${VISION_PREFIX}.merger.mlp.0`, squares)));
}

function norm(store: ParameterStore, module: string, x: tf.Tensor2D): tf.Tensor2D {
  const weight = store.get(`${module}.weight`);
  const bias = store.get(`${module}.bias`);
  return layerNorm(x, { weight, bias, epsilon: NORM_EPSILON });
}

/** Number of text-model tokens an image becomes. */
export function tokensOf(grid: PatchGrid, spatialMergeSize: number): number {
  return (grid.frames * grid.height * grid.width) / spatialMergeSize ** 2;
}

/**
 * Three positions for every token: text counts on in all three, an image spreads over time, height and width from
 * where the text stopped, and the text goes on after its longest side.
 *
 * @throws DataError when the image placeholders are not those of the grids.
 */
export function multimodalPositions(
  inputIds: ArrayLike<number>,
  grids: readonly PatchGrid[],
  { imageTokenId, spatialMergeSize }: { readonly imageTokenId: number; readonly spatialMergeSize: number },
): PromptPositions {
  const length = inputIds.length;
  const positions = new Int32Array(3 * length);
  let next = 0;
  let image = 0;
  for (let at = 0; at < length; ) {
    if (inputIds[at] !== imageTokenId) {
      for (let axis = 0; axis < 3; axis++) positions[axis * length + at] = next;
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
      positions[at + i] = next + Math.floor(i / (height * width));
      positions[length + at + i] = next + (Math.floor(i / width) % height);
      positions[2 * length + at + i] = next + (i % width);
    }
    at += count;
    next += Math.max(height, width);
  }
  if (image !== grids.length) throw placeholderError(inputIds, grids, imageTokenId);
  return { positions, next };
}

function placeholderError(ids: ArrayLike<number>, grids: readonly PatchGrid[], imageTokenId: number): DataError {
  const found = Array.from(ids).filter((id) => id === imageTokenId).length;
  return new DataError(
    `collatePrompts: a prompt must hold as many image placeholders as its ${grids.length} images have tokens; got ${found}. Make prompts with tokenizePrompt.`,
    { found, images: grids.length },
  );
}

/** How Qwen2-VL turns pictures into tokens: smart resize, squares of patches, three positions per token. */
export function qwen2VlPictures(config: Qwen2VlConfig, processor: QwenImageConfig): PictureReader {
  const { imageTokenId } = config;
  const { spatialMergeSize } = config.vision;
  return {
    modules: [VISION_PREFIX],
    gridOf: ({ height, width }) => {
      const { patchSize, mergeSize } = processor;
      const size = smartResize(height, width, { ...processor, factor: patchSize * mergeSize });
      return { frames: 1, height: size.height / patchSize, width: size.width / patchSize };
    },
    cut: (image) => qwenPatches(image, processor).patches,
    tokensOf: (grid) => tokensOf(grid, spatialMergeSize),
    expand: (grid) => new Array<number>(tokensOf(grid, spatialMergeSize)).fill(imageTokenId),
    place: (ids, grids) => multimodalPositions(ids, grids, { imageTokenId, spatialMergeSize }),
    run: (parameters, group) => runVisionTower(parameters, config.vision, group),
  };
}
