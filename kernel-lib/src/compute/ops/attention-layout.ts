import * as tf from "@tensorflow/tfjs-core";
import type { RotaryTable } from "./rotary";

/** Keys or values along S, at least one block. */
export type Blocks = readonly tf.Tensor3D[];

/** Sizes of one attention. */
export interface AttentionLayout {
  readonly batch: number;
  /** Of the queries. */
  readonly length: number;
  /** Number of keys. */
  readonly keys: number;
  readonly heads: number;
  /** Key-value heads: each serves heads / groups query heads. */
  readonly groups: number;
  /** Of one head. */
  readonly width: number;
}

/** Rotary angles; null: not turned. */
export interface Turning {
  readonly queries: RotaryTable | null;
  readonly keys: RotaryTable | null;
}

/** One attention beside its tensors. */
export interface AttentionCall {
  readonly layout: AttentionLayout;
  readonly mask: "none" | "causal" | tf.Tensor4D;
  readonly scale: number;
  readonly turning: Turning;
}

/** The tensors of the angles that turn something: cos and sin of the queries, then of the keys. */
export function anglesOf({ queries, keys }: Turning): tf.Tensor2D[] {
  return [queries, keys].flatMap((table) => (table === null ? [] : [table.cos, table.sin]));
}

/** The same turning by copies of its tensors, in the order of `anglesOf`. */
export function turningBy({ queries, keys }: Turning, angles: readonly tf.Tensor[]): Turning {
  const [first, last] = [angles.slice(0, 2), angles.slice(-2)] as [tf.Tensor2D[], tf.Tensor2D[]];
  return {
    queries: queries && { cos: first[0]!, sin: first[1]! },
    keys: keys && { cos: last[0]!, sin: last[1]! },
  };
}

/** The blocks as one tensor; a single block itself. */
export const joinBlocks = (blocks: Blocks): tf.Tensor3D =>
  blocks.length === 1 ? blocks[0]! : tf.concat([...blocks], 1);

/** Hides later positions from earlier ones, [length, length]. */
export function causalMask(length: number): tf.Tensor2D {
  const values = new Float32Array(length * length);
  for (let row = 0; row < length; row++) values.fill(-1e9, row * length + row + 1, (row + 1) * length);
  return tf.tensor2d(values, [length, length]);
}
