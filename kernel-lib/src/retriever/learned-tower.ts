import type * as tf from "@tensorflow/tfjs-core";
import type { RasterImage } from "../base/types";

/** One head's trainable copy of the frozen image tower. */
export interface LearnedTower {
  /** What learns, in a fixed order. */
  readonly variables: readonly tf.Variable[];
  /** Shapes: B images -> [B, D], L2-normalised; differentiable when called inside a tape. The caller disposes the result. */
  embed(images: readonly RasterImage[]): tf.Tensor2D;
  dispose(): void;
}
