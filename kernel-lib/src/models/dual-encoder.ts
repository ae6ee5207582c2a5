import type * as tf from "@tensorflow/tfjs-core";
import type { Control, RasterImage } from "../base/types";
import type { ClipTexts } from "./clip-towers";
import { createParameterStore, type ParameterStore } from "./parameters";

/** How a model turns pictures and texts into one space: all that index, retriever and pre-training ask of it. */
export interface DualTowers {
  /** Columns of an embedding. */
  readonly width: number;
  /** Images as the image tower reads them, [B, H, W, 3]; the caller disposes it. */
  pixels(images: readonly RasterImage[]): tf.Tensor4D;
  /** Texts as the text tower reads them; what is too long is cut, and said as "text-cut". */
  texts(texts: readonly string[], control?: Control): ClipTexts;
  /** [B, H, W, 3] -> [B, D], rows of length 1. Differentiable; `parameters` may hold the image tower's weights alone. */
  imageEmbeddings(parameters: ParameterStore, pixels: tf.Tensor4D): tf.Tensor2D;
  /** B texts -> [B, D], rows of length 1. Differentiable. */
  textEmbeddings(parameters: ParameterStore, texts: ClipTexts): tf.Tensor2D;
  /** Whether a weight is the image tower's; its projection is. */
  isImageWeight(name: string): boolean;
}

/** A model of pictures and texts in one space: a CLIP or a Jina-CLIP. `logit_scale` is among its weights. */
export interface DualEncoder {
  readonly kind: "clip" | "jina-clip";
  readonly parameters: ParameterStore;
  readonly towers: DualTowers;
  /** Frees the weights. */
  dispose(): void;
}

/** Copies the image tower's weights, all trainable; the model's own stay as they are. The caller disposes the copy. */
export function copyImageWeights({ parameters, towers }: Pick<DualEncoder, "parameters" | "towers">): ParameterStore {
  const copy = createParameterStore([...parameters.entries()].filter(([name]) => towers.isImageWeight(name)));
  copy.unfreeze();
  return copy;
}
