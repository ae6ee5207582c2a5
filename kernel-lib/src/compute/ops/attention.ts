import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../base/errors";
import { type OpGradients, runFused } from "./fused-op";
import { hasNativeKernels, runNativeKernel } from "./native-kernels";
import { type RotaryTable, repeatsIn, turnHeads } from "./rotary";

/** Keys or values along S, at least one block. */
type Blocks = readonly tf.Tensor3D[];

/** Sizes of one attention. */
interface AttentionLayout {
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
interface Turning {
  readonly queries: RotaryTable | null;
  readonly keys: RotaryTable | null;
}

/** One attention beside its tensors. */
interface AttentionCall {
  readonly layout: AttentionLayout;
  readonly mask: "none" | "causal" | tf.Tensor4D;
  readonly scale: number;
  readonly turning: Turning;
}

/** The tensors of the angles that turn something: cos and sin of the queries, then of the keys. */
function anglesOf({ queries, keys }: Turning): tf.Tensor2D[] {
  return [queries, keys].flatMap((table) => (table === null ? [] : [table.cos, table.sin]));
}

/** The same turning by copies of its tensors, in the order of `anglesOf`. */
function turningBy({ queries, keys }: Turning, angles: readonly tf.Tensor[]): Turning {
  const [first, last] = [angles.slice(0, 2), angles.slice(-2)] as [tf.Tensor2D[], tf.Tensor2D[]];
  return {
    queries: queries && { cos: first[0]!, sin: first[1]! },
    keys: keys && { cos: last[0]!, sin: last[1]! },
  };
}

/** The blocks as one tensor; a single block itself. */
const joinBlocks = (blocks: Blocks): tf.Tensor3D => (blocks.length === 1 ? blocks[0]! : tf.concat([...blocks], 1));

/** Hides later positions from earlier ones, [length, length]. */
function causalMask(length: number): tf.Tensor2D {
  const values = new Float32Array(length * length);
  for (let row = 0; row < length; row++) values.fill(-1e9, row * length + row + 1, (row + 1) * length);
  return tf.tensor2d(values, [length, length]);
}

/** Attention on the project's kernels, one each way, without a transposed copy. Shapes as in `attention`. */
function nativeAttention(
  { q, keys, values }: { readonly q: tf.Tensor3D; readonly keys: Blocks; readonly values: Blocks },
  { layout, mask, scale, turning }: AttentionCall,
): tf.Tensor3D {
  const attributes = { heads: { int: layout.heads }, groups: { int: layout.groups }, scale };
  const count = keys.length;
  const named = (name: string, blocks: Blocks) => blocks.map((block, i) => [`${name}${i}`, block] as const);
  return runFused<tf.Tensor3D>({
    inputs: { q, ...Object.fromEntries([...named("k", keys), ...named("v", values)]) },
    forward: (save) => {
      const tables = nativeTables(turning);
      const inputs = [q, ...keys, ...values, nativeMask(mask, layout.length), ...tables];
      const [y, weights] = runNativeKernel("JomedAttention", { N: { int: count }, ...attributes }, inputs, 2);
      save([q, ...keys, ...values, weights!, ...tables]);
      return y as tf.Tensor3D;
    },
    backward: (dy, saved) => {
      const [k, v] = [saved.slice(1, 1 + count), saved.slice(1 + count, 1 + 2 * count)] as [Blocks, Blocks];
      const inputs = [dy, saved[0]!, joinBlocks(k), joinBlocks(v), ...saved.slice(1 + 2 * count)];
      const [dq, dk, dv] = runNativeKernel("JomedAttentionGradient", attributes, inputs, 3);
      const gradients = { ...cutBlocks("k", dk!, k), ...cutBlocks("v", dv!, v) };
      return { q: () => tf.clone(dq!), ...gradients };
    },
  });
}

/** The gradient of joined blocks as one of each. */
function cutBlocks(name: string, gradient: tf.Tensor, blocks: Blocks): OpGradients {
  const lengths = blocks.map(({ shape }) => shape[1]);
  const parts = blocks.length === 1 ? [gradient] : tf.split(gradient, lengths, 1);
  return Object.fromEntries(parts.map((part, i) => [`${name}${i}`, () => tf.clone(part)]));
}

/** [B or 1, 1, L or 1, S], or empty for none. */
function nativeMask(mask: "none" | "causal" | tf.Tensor4D, length: number): tf.Tensor {
  if (mask === "none") return tf.tensor1d([]);
  return mask === "causal" ? tf.reshape(causalMask(length), [1, 1, length, length]) : mask;
}

/** cos and sin of queries and of keys, empty for what is not turned. */
function nativeTables({ queries, keys }: Turning): tf.Tensor[] {
  const empty: tf.Tensor = tf.tensor1d([]);
  return [queries, keys].flatMap((table): tf.Tensor[] => (table === null ? [empty, empty] : [table.cos, table.sin]));
}

/** Attention on the engine's own kernels, all heads in one product. Shapes as in `attention`. */
function plainAttention(
  { q, k, v }: Readonly<Record<"q" | "k" | "v", tf.Tensor3D>>,
  { layout, mask, scale, turning }: AttentionCall,
): tf.Tensor3D {
  return runFused<tf.Tensor3D>({
    inputs: { q, k, v },
    forward: (save) => {
      const queries = groupQueries(turn(q, turning.queries, "forward"), layout);
      const keys = splitHeads(turn(k, turning.keys, "forward"), layout);
      const values = splitHeads(v, layout);
      const scaled = tf.mul(queries, scale) as tf.Tensor4D;
      const scores = addMask(tf.matMul(scaled, keys, false, true), mask, layout);
      const weights = tf.softmax(scores) as tf.Tensor4D; // [B, groups, heads per group · L, S]
      save([scaled, keys, values, weights, ...anglesOf(turning)]);
      return joinQueries(tf.matMul(weights, values), layout);
    },
    backward: (dy, saved) => {
      const [scaled, keys, values, weights] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
      const kept = turningBy(turning, saved.slice(4));
      const dOut = groupQueries(dy, layout);
      const weighted = tf.mul(weights, tf.matMul(dOut, values, false, true));
      const dScores = tf.sub(weighted, tf.mul(weights, tf.sum(weighted, -1, true))) as tf.Tensor4D;
      return {
        q: () =>
          turn(joinQueries(tf.mul(tf.matMul(dScores, keys), scale) as tf.Tensor4D, layout), kept.queries, "back"),
        k: () => turn(joinHeads(tf.matMul(dScores, scaled, true, false)), kept.keys, "back"),
        v: () => joinHeads(tf.matMul(weights, dOut, true, false)),
      };
    },
  });
}

function turn(x: tf.Tensor3D, table: RotaryTable | null, direction: "forward" | "back"): tf.Tensor3D {
  return table === null ? x : turnHeads(x, table, direction);
}

/** [B, L, heads·d] -> [B, groups, heads per group · L, d]: keys need not be repeated. */
function groupQueries(x: tf.Tensor3D, { batch, length, heads, groups, width }: AttentionLayout): tf.Tensor4D {
  const split = tf.transpose(tf.reshape(x, [batch, length, heads, width]), [0, 2, 1, 3]); // [B, heads, L, d]
  return tf.reshape(split, [batch, groups, (heads / groups) * length, width]);
}

/** [B, groups, heads per group · L, d] -> [B, L, heads·d] */
function joinQueries(x: tf.Tensor4D, { batch, length, heads, width }: AttentionLayout): tf.Tensor3D {
  const split = tf.reshape(x, [batch, heads, length, width]);
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [batch, length, heads * width]);
}

/** [B, S, groups·d] -> [B, groups, S, d] */
function splitHeads(x: tf.Tensor3D, { batch, groups, width }: AttentionLayout): tf.Tensor4D {
  return tf.transpose(tf.reshape(x, [batch, x.shape[1], groups, width]), [0, 2, 1, 3]) as tf.Tensor4D;
}

/** [B, groups, S, d] -> [B, S, groups·d] */
function joinHeads(x: tf.Tensor4D): tf.Tensor3D {
  const [batch, groups, length, width] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, length, groups * width]);
}

function addMask(scores: tf.Tensor4D, mask: "none" | "causal" | tf.Tensor4D, layout: AttentionLayout): tf.Tensor4D {
  if (mask === "none") return scores;
  const { batch, heads, length } = layout;
  const perHead = tf.reshape(scores, [batch, heads, length, scores.shape[3]]);
  return tf.reshape(tf.add(perHead, mask === "causal" ? causalMask(length) : mask), scores.shape);
}

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
interface AttentionRotary {
  readonly queries: RotaryTable;
  readonly keys: RotaryTable | "turned";
}

/** Keys or values: one tensor, or blocks of them, one after the other along S, at least one. */
type KeyBlocks = tf.Tensor3D | readonly tf.Tensor3D[];

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
