import * as tf from "@tensorflow/tfjs-core";
import { DataError } from "../../base/errors";
import { runFused } from "./fused-op";

/**
 * Rows of a table by index.
 *
 * Shapes: table [V, D], ids [n] -> [n, D]. Gradient: flows to the table, the same bytes on every run.
 *
 * @throws DataError when an id is outside 0 … V-1.
 */
export function embedding(table: tf.Tensor, ids: ArrayLike<number>): tf.Tensor2D {
  const [rows, width] = table.shape as [number, number];
  const indices = Int32Array.from(ids);
  indices.forEach((id, position) => {
    if (id < 0 || id >= rows)
      throw new DataError(
        `embedding: ids must lie in 0 … ${rows - 1}; got ${id} at position ${position}. Use the model's own tokenizer.`,
        { id, position },
      );
  });
  return runFused<tf.Tensor2D>({
    inputs: { table },
    forward: () => tf.gather(table, tf.tensor1d(indices, "int32")) as tf.Tensor2D,
    backward: (dy) => ({ table: () => tf.reshape(sumByRow(dy, indices, rows), [rows, width]) }),
  });
}

/** Adds up the rows of `dy` that belong to one id. */
function sumByRow(dy: tf.Tensor2D, indices: Int32Array, rows: number): tf.Tensor {
  const segments = tf.tensor1d(indices, "int32");
  if (tf.getBackend() !== "wasm") return tf.unsortedSegmentSum(dy, segments, rows);
  return tf.matMul(tf.cast(tf.oneHot(segments, rows), "float32"), dy, true, false); // wasm has no segment sum
}

/**
 * Picks rows: y[i] = x[indices[i]].
 *
 * Shapes: x [rows, D], indices [n] -> [n, D].
 * Gradient: a row's gradients are summed in the order of `indices`, so the same inputs give the same bytes
 * (the gradient of `tf.gather` adds them in no fixed order).
 */
export function gatherRows(x: tf.Tensor2D, indices: Int32Array): tf.Tensor2D {
  return runFused<tf.Tensor2D>({
    inputs: { x },
    forward: () => tf.gather(x, tf.tensor1d(indices, "int32")),
    backward: (dy) => ({ x: () => sumUses(dy, usesOf(indices, x.shape[0])) }),
  });
}

/**
 * Replaces rows of a text embedding by image tokens: y[i] = tokens[slots[i]] where slots[i] ≥ 0, else text[i].
 *
 * Shapes: text [n, D], tokens [m, D], slots [n] -> [n, D]. A token may be used by several rows (an image shared by prompts).
 * Gradient: flows to both, summed in a fixed order.
 */
export function placeRows(text: tf.Tensor2D, tokens: tf.Tensor2D, slots: Int32Array): tf.Tensor2D {
  const count = text.shape[0];
  return runFused<tf.Tensor2D>({
    inputs: { text, tokens },
    forward: () => {
      const from = slots.map((slot, row) => (slot < 0 ? row : count + slot));
      return tf.gather(tf.concat([text, tokens]), tf.tensor1d(from, "int32"));
    },
    backward: (dy) => ({
      text: () =>
        tf.mul(
          dy,
          tf.tensor2d(
            Float32Array.from(slots, (slot) => (slot < 0 ? 1 : 0)),
            [count, 1],
          ),
        ),
      tokens: () => sumUses(dy, usesOf(slots, tokens.shape[0])),
    }),
  });
}

interface Uses {
  /** [rows * most]: which y rows a row of x went to, in order; y's length where there is none. */
  readonly from: Int32Array;
  readonly most: number;
}

/** For every source row the places that used it. */
function usesOf(indices: Int32Array, rows: number): Uses {
  const counts = new Int32Array(rows);
  for (const index of indices) if (index >= 0) counts[index]!++;
  const most = counts.reduce((high, n) => Math.max(high, n), 1);
  const from = new Int32Array(rows * most).fill(indices.length);
  counts.fill(0);
  indices.forEach((index, place) => {
    if (index >= 0) from[index * most + counts[index]!++] = place;
  });
  return { from, most };
}

function sumUses(dy: tf.Tensor2D, { from, most }: Uses): tf.Tensor2D {
  const width = dy.shape[1];
  const padded = tf.concat([dy, tf.zeros([1, width])]) as tf.Tensor2D;
  const gathered = tf.gather(padded, tf.tensor1d(from, "int32")); // [rows * most, D]
  if (most === 1) return gathered;
  return tf.sum(tf.reshape(gathered, [from.length / most, most, width]), 1) as tf.Tensor2D;
}
