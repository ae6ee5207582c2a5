import * as tf from "@tensorflow/tfjs-core";
import { assertShape } from "../../base/check";
import { gelu } from "../../compute/ops/activations";
import { attention } from "../../compute/ops/attention";
import { l2Normalise, layerNorm } from "../../compute/ops/norms";
import { embedding } from "../../compute/ops/rows";
import type { EncoderTexts } from "../dual-encoder/encoder";
import { denseLinear } from "../layers/linear";
import { embedPatches } from "../layers/patches";
import type { ParameterStore } from "../weights/parameters";
import type { OpenClipConfig } from "./config";

/*
 * The towers of BiomedCLIP, as open_clip builds them: timm's plain vision transformer, read out at its class token, and a BERT, read out
 * at its first token or averaged; each behind a projection and scaled to length 1.
 */

/** Modules of the towers, by their published names. */
export const TRUNK = "visual.trunk";
export const BERT = "text.transformer";

const VIT_EPSILON = 1e-6;
const BERT_EPSILON = 1e-12;
/** Added to the score of a padding token; its share of the softmax is 0 in single precision. */
const HIDDEN = -1e9;

function norm<T extends tf.Tensor>(store: ParameterStore, module: string, x: T, epsilon: number): T {
  return layerNorm(x, { weight: store.get(`${module}.weight`), bias: store.get(`${module}.bias`), epsilon });
}

/** One block, the norm before each part. [B, N, width] -> [B, N, width] */
function runBlock(store: ParameterStore, block: string, x: tf.Tensor3D, numHeads: number): tf.Tensor3D {
  const joined = denseLinear(store, `${block}.attn.qkv`, norm(store, `${block}.norm1`, x, VIT_EPSILON)); // [B, N, 3·width]
  const [q, k, v] = tf.split(joined, 3, 2) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D]; // [B, N, width] each
  const middle = denseLinear(store, `${block}.attn.proj`, attention(q, k, v, { numHeads }), x); // [B, N, width]
  const wide = gelu(denseLinear(store, `${block}.mlp.fc1`, norm(store, `${block}.norm2`, middle, VIT_EPSILON)));
  return denseLinear(store, `${block}.mlp.fc2`, wide, middle);
}

/** One layer, the norm after each part. [B, L, width] -> [B, L, width] */
function runLayer(
  store: ParameterStore,
  layer: string,
  x: tf.Tensor3D,
  options: { readonly numHeads: number; readonly mask: tf.Tensor4D },
): tf.Tensor3D {
  const of = (part: string): tf.Tensor3D => denseLinear(store, `${layer}.attention.self.${part}`, x); // [B, L, width]
  const seen = attention(of("query"), of("key"), of("value"), options); // [B, L, width]
  const mixed = denseLinear(store, `${layer}.attention.output.dense`, seen, x);
  const middle = norm(store, `${layer}.attention.output.LayerNorm`, mixed, BERT_EPSILON);
  const wide = gelu(denseLinear(store, `${layer}.intermediate.dense`, middle)); // [B, L, inner]
  return norm(
    store,
    `${layer}.output.LayerNorm`,
    denseLinear(store, `${layer}.output.dense`, wide, middle),
    BERT_EPSILON,
  );
}

/** The first token of each row. [B, N, width] -> [B, width] */
function firstToken(x: tf.Tensor3D): tf.Tensor2D {
  const [rows, , width] = x.shape;
  return tf.reshape(tf.slice(x, [0, 0, 0], [rows, 1, width]), [rows, width]);
}

/**
 * Embeddings of images: the vision transformer's class token, projected and scaled to length 1.
 *
 * Shapes: pixels [B, H, W, 3] (from `encoderPixels`) -> [B, D]. Gradient: flows to unfrozen weights.
 *
 * @throws ShapeError when the pixels have another size than the model's images.
 */
export function openClipImages(store: ParameterStore, { vision }: OpenClipConfig, pixels: tf.Tensor4D): tf.Tensor2D {
  const { imageSize, numLayers, numHeads } = vision;
  assertShape("openClipImages: pixels", pixels.shape, [null, imageSize, imageSize, 3]);
  return tf.tidy(() => {
    let x = embedPatches(store, TRUNK, { ...vision, pixels }); // [B, 1 + patches, width]
    for (let i = 0; i < numLayers; i++) x = runBlock(store, `${TRUNK}.blocks.${i}`, x, numHeads);
    const read = norm(store, `${TRUNK}.norm`, firstToken(x), VIT_EPSILON); // [B, width]
    return l2Normalise(denseLinear(store, "visual.head.proj", read)); // [B, D]
  });
}

/**
 * Embeddings of texts: the BERT's first token or mean, projected and scaled to length 1.
 *
 * Shapes: B texts (from `textsToLast`) -> [B, D]. Gradient: flows to unfrozen weights.
 */
export function openClipTexts(store: ParameterStore, { text }: OpenClipConfig, texts: EncoderTexts): tf.Tensor2D {
  const { rows, columns, ids } = texts;
  const { hiddenSize, numLayers, numHeads, padTokenId, pooler, projectionHidden } = text;
  const own = Float32Array.from(ids, (id) => (id === padTokenId ? 0 : 1));
  return tf.tidy(() => {
    const of = (kind: string): tf.Tensor => store.get(`${BERT}.embeddings.${kind}_embeddings.weight`);
    const words = tf.reshape(embedding(of("word"), ids), [rows, columns, hiddenSize]); // [B, L, width]
    const places = tf.add(tf.slice(of("position"), 0, columns), tf.slice(of("token_type"), 0, 1)); // [L, width]
    let x = norm(store, `${BERT}.embeddings.LayerNorm`, tf.add(words, places) as tf.Tensor3D, BERT_EPSILON);
    const mask = tf.tensor4d(own, [rows, 1, 1, columns]); // [B, 1, 1, L]
    const hidden = tf.mul(tf.sub(1, mask), HIDDEN) as tf.Tensor4D;
    for (let i = 0; i < numLayers; i++)
      x = runLayer(store, `${BERT}.encoder.layer.${i}`, x, { numHeads, mask: hidden });
    const read = pooler === "first" ? firstToken(x) : meanToken(x, tf.reshape(mask, [rows, 1, columns])); // [B, width]
    if (projectionHidden === null) return l2Normalise(denseLinear(store, "text.proj", read)); // [B, D]
    return l2Normalise(denseLinear(store, "text.proj.2", gelu(denseLinear(store, "text.proj.0", read)))); // [B, D]
  });
}

/** The mean over a text's own tokens. [B, L, width], mask [B, 1, L] -> [B, width] */
function meanToken(x: tf.Tensor3D, mask: tf.Tensor3D): tf.Tensor2D {
  const shares = tf.div(mask, tf.sum(mask, 2, true)) as tf.Tensor3D; // [B, 1, L], each row adds up to 1
  return tf.reshape(tf.matMul(shares, x), [x.shape[0], x.shape[2]]);
}
