import * as tf from "@tensorflow/tfjs-core";
import type { ParameterStore } from "../weights/parameters";
import { applyLinear } from "./linear";

/** Pictures on their way into a vision transformer. */
interface PatchOptions {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly hiddenSize: number;
  /** [B, H, W, 3] */
  readonly pixels: tf.Tensor4D;
}

/**
 * The tokens of pictures as timm's vision transformers make them (`cls_token`, `pos_embed`, `patch_embed.proj` of a module): class token
 * first, patches row by row, learned positions added.
 *
 * Shapes: [B, H, W, 3] -> [B, 1 + patches, width]. Gradient: flows to unfrozen weights.
 */
export function embedPatches(store: ParameterStore, module: string, options: PatchOptions): tf.Tensor3D {
  const { imageSize, patchSize, hiddenSize: width, pixels } = options;
  const [batch, side, depth] = [pixels.shape[0], imageSize / patchSize, 3 * patchSize * patchSize];
  const cut = tf.reshape(pixels, [batch, side, patchSize, side, patchSize, 3]); // [B, row, y, column, x, 3]
  const ordered = tf.transpose(cut, [0, 1, 3, 5, 2, 4]); // [B, row, column, 3, y, x]
  const patches = tf.reshape(ordered, [batch * side * side, depth]) as tf.Tensor2D; // [B·patches, depth]
  // a convolution whose stride is its kernel is a matrix product over whole patches
  const moduleName = `${module}.patch_embed.proj`;
  const weight = tf.reshape(store.get(`${moduleName}.weight`), [width, depth]) as tf.Tensor2D; // from [width, 3, y, x]
  const bias = store.get(`${moduleName}.bias`);
  const embedded = applyLinear(patches, [{ moduleName, weight, bias, update: null }]); // [B·patches, width]
  const grid = tf.reshape(embedded, [batch, side * side, width]) as tf.Tensor3D; // [B, patches, width]
  const first = tf.tile(store.get(`${module}.cls_token`) as tf.Tensor as tf.Tensor3D, [batch, 1, 1]); // [B, 1, width]
  const tokens = tf.concat([first, grid], 1); // [B, 1 + patches, width]
  return tf.add(tokens, store.get(`${module}.pos_embed`)) as tf.Tensor3D; // + [1, 1 + patches, width]
}
