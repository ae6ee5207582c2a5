import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../base/errors";
import { gelu, quickGelu } from "../compute/ops/activations";
import { attention } from "../compute/ops/attention";
import { layerNorm } from "../compute/ops/norms";
import type { RotaryTable } from "../compute/ops/rotary";
import { linear } from "./linear";
import type { ParameterStore } from "./parameters";
import type { Qwen2VisionConfig } from "./qwen2-vl-config";
import { VISION_PREFIX } from "./qwen2-vl-weights";
import { createRotaryTable, type PatchGrid, patchAngles } from "./rotary";
import type { PatchGroup } from "./vision-language";

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
