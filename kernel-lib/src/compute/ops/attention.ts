import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../base/errors";
import { hasNativeKernels } from "../native-kernels";
import { type AttentionLayout, type Blocks, joinBlocks } from "./attention-layout";
import { nativeAttention } from "./attention-native";
import { plainAttention } from "./attention-plain";
import { type RotaryTable, repeatsIn } from "./rotary";

/** How heads are cut, which positions may be seen, and how they are told apart. */
export interface AttentionOptions {
  readonly numHeads: number;
  /** Heads of keys and values; a divisor of numHeads. Default numHeads. */
  readonly numKeyValueHeads?: number;
  /**
   * "causal": position i sees 0 … i of equally long keys. A tensor is added to the scores and must broadcast to
   * [B, 1, L, S]. Default "none".
   */
  readonly mask?: "none" | "causal" | tf.Tensor4D;
  /** Default 1 / √(width of a head). */
  readonly scale?: number;
  /** Rotary positions, applied to queries and keys on their way in. Default: none. */
  readonly rotary?: AttentionRotary;
}

/** Angles of the B · L queries and B · S keys, or of as many as repeat in them. "turned": keys that come turned, from a cache. */
export interface AttentionRotary {
  readonly queries: RotaryTable;
  readonly keys: RotaryTable | "turned";
}

/** Keys or values: one tensor, or blocks of them, one after the other along S, at least one. */
export type KeyBlocks = tf.Tensor3D | readonly tf.Tensor3D[];

/**
 * Scaled dot-product attention: softmax(q·kᵀ · scale + mask)·v per head; query heads may share key-value heads. With rotary
 * positions q and k are `rotate`d first, to the same bits, without a turned copy of either.
 *
 * Shapes: q [B, L, heads·d], k and v [B, S, keyValueHeads·d] -> [B, L, heads·d]. Gradient: flows to q, k and v.
 * Blocks of keys and values give the same bits as what they are when joined, without the joining.
 *
 * @throws ShapeError when the widths do not fit the heads, or the rotary angles the rows.
 */
export function attention(q: tf.Tensor3D, k: KeyBlocks, v: KeyBlocks, options: AttentionOptions): tf.Tensor3D {
  const { mask = "none", rotary } = options;
  const [keys, values] = [blocksOf(k), blocksOf(v)];
  const layout = layoutOf(q, keys, values, options);
  const { queries, keys: turnable } = rotary ?? { queries: null, keys: "turned" };
  const turning = { queries, keys: turnable === "turned" ? null : turnable };
  assertAngles("queries", layout.batch * layout.length, layout.width, turning.queries);
  assertAngles("keys", layout.batch * layout.keys, layout.width, turning.keys);
  const call = { layout, mask, turning, scale: options.scale ?? 1 / Math.sqrt(layout.width) };
  if (hasNativeKernels()) return nativeAttention({ q, keys, values }, call);
  return plainAttention({ q, k: joinBlocks(keys), v: joinBlocks(values) }, call);
}

const blocksOf = (given: KeyBlocks): Blocks => (given instanceof tf.Tensor ? [given] : given);

function layoutOf(q: tf.Tensor3D, keys: Blocks, values: Blocks, options: AttentionOptions): AttentionLayout {
  const { numHeads: heads, numKeyValueHeads: groups = heads } = options;
  const [batch, length, size] = q.shape;
  const width = size / heads;
  const fits =
    Number.isInteger(width) &&
    Number.isInteger(heads / groups) &&
    keys.length > 0 &&
    keys.length === values.length &&
    keys.every(({ shape }, i) => tf.util.arraysEqual(shape, values[i]!.shape)) &&
    keys.every(({ shape }) => shape[0] === batch && shape[2] === groups * width);
  const numKeys = keys.reduce((sum, { shape }) => sum + shape[1], 0);
  if (fits) return { batch, length, keys: numKeys, heads, groups, width };
  const shapes = [q, ...keys, ...values].map(({ shape }) => `[${shape.join(", ")}]`).join(", ");
  throw new ShapeError(
    `attention: q, k and v must have shapes [B, L, ${heads}·d], [B, S, ${groups}·d] and [B, S, ${groups}·d]; got ${shapes}.`,
    { heads, groups },
  );
}

function assertAngles(of: string, rows: number, width: number, table: RotaryTable | null): void {
  if (table === null || (repeatsIn(rows, table) && table.cos.shape[1] === width)) return;
  const [cos, sin] = [table.cos.shape, table.sin.shape];
  throw new ShapeError(
    `attention: rotary angles of the ${of} must be cos and sin of [P, ${width}], where P divides the ${rows} rows; got [${cos.join(", ")}] and [${sin.join(", ")}].`,
    { rows, width, cos, sin },
  );
}
