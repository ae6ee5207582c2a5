import * as tf from "@tensorflow/tfjs-core";
import { DataError } from "../../base/errors";
import { runFused } from "../fused-op";

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
