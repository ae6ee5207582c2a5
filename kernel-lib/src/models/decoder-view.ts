import * as tf from "@tensorflow/tfjs-core";
import type { RotaryTable } from "../compute/ops/rotary";
import type { DecoderPass } from "./decoder-pass";
import { createRotaryTable, type RotaryAngles } from "./rotary";

const HIDDEN_SCORE = -1e9;

/** Which tokens ask in a layer, and what they may see. */
export interface QueryView {
  /** Rows of the activation that ask, the same number M for each batch row; null: all of them. */
  readonly pick: Int32Array | null;
  /** Where the kept tokens stand among the asking ones; null: they are the same. */
  readonly order: Int32Array | null;
  readonly table: RotaryTable;
  /** [B, 1, M, K] */
  readonly mask: tf.Tensor4D;
}

/** All tokens of a pass ask; `table` holds their angles. */
export function fullView(pass: DecoderPass, table: RotaryTable): QueryView {
  const all = Int32Array.from({ length: pass.rows * pass.columns }, (_, i) => i);
  return { pick: null, order: null, table, mask: maskOf(pass, all) };
}

/** Whether every token is kept, in its place. */
export function keepsAll({ keep, rows, columns }: DecoderPass): boolean {
  return keep.length === rows * columns && keep.every((token, i) => token === i);
}

/** The kept tokens, filled up so that each batch row asks equally often. */
export function keptView(pass: DecoderPass): QueryView {
  const byRow = Array.from({ length: pass.rows }, (): number[] => []);
  for (const token of pass.keep) byRow[Math.floor(token / pass.columns)]!.push(token);
  const most = byRow.reduce((high, tokens) => Math.max(high, tokens.length), 1);
  const pick = Int32Array.from(
    byRow.flatMap((tokens, row) =>
      Array.from({ length: most }, (_, i) => tokens[i] ?? tokens[0] ?? row * pass.columns),
    ),
  );
  const seen = new Int32Array(pass.rows);
  const order = pass.keep.map((token) => {
    const row = Math.floor(token / pass.columns);
    return row * most + seen[row]!++;
  });
  const same = order.length === pick.length && order.every((place, i) => place === i);
  return {
    pick,
    order: same ? null : order,
    table: createRotaryTable(pickAngles(pass.angles, pick)),
    mask: maskOf(pass, pick),
  };
}

function pickAngles(angles: RotaryAngles, pick: Int32Array): RotaryAngles {
  const { headDim } = angles;
  const take = (values: Float32Array): Float32Array => {
    const out = new Float32Array(pick.length * headDim);
    pick.forEach((from, to) => {
      out.set(values.subarray(from * headDim, (from + 1) * headDim), to * headDim);
    });
    return out;
  };
  return { cos: take(angles.cos), sin: take(angles.sin), count: pick.length, headDim };
}

/** 0 where an asking token may look, a large negative score at hidden and at later keys. */
function maskOf(pass: DecoderPass, asking: Int32Array): tf.Tensor4D {
  const keyCount = pass.visible.length / pass.rows;
  const remembered = keyCount - pass.columns;
  const mask = new Float32Array(asking.length * keyCount);
  asking.forEach((token, i) => {
    const row = Math.floor(token / pass.columns);
    const last = remembered + (token % pass.columns);
    for (let key = 0; key < keyCount; key++)
      if (key > last || pass.visible[row * keyCount + key] === 0) mask[i * keyCount + key] = HIDDEN_SCORE;
  });
  return tf.tensor4d(mask, [pass.rows, 1, asking.length / pass.rows, keyCount]);
}
