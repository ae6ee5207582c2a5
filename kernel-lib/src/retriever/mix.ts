import * as tf from "@tensorflow/tfjs-core";
import { assertInRange } from "../base/check";
import { NumericError, ShapeError } from "../base/errors";
import type { Matrix } from "../base/types";

/** The paper's weight of the learned query embedding; the frozen one gets the rest, 0.85. */
export const PAPER_LEARNED_WEIGHT = 0.15;

/** What the mix is computed with: numbers where nothing learns, tensors where a gradient is wanted. */
interface Arithmetic<Value> {
  readonly scale: (value: Value, factor: number) => Value;
  readonly add: (a: Value, b: Value) => Value;
}

const NUMBERS: Arithmetic<number> = { scale: (value, factor) => factor * value, add: (a, b) => a + b };
const TENSORS: Arithmetic<tf.Tensor2D> = {
  scale: (value, factor) => tf.mul(value, factor),
  add: (a, b) => tf.add(a, b),
};

/**
 * The query embedding: a small share of the learned tower, the rest of the frozen one ("partial learning of the query").
 *
 * Paper: arXiv 2508.17394v3, retriever, and its code: 0.15 * learned + 0.85 * frozen.  Deviation: none.
 * Each part is L2-normalised already; the sum is not renormalised, as in the code.
 */
function mix<Value>(learned: Value, frozen: Value, learnedWeight: number, { scale, add }: Arithmetic<Value>): Value {
  return add(scale(learned, learnedWeight), scale(frozen, 1 - learnedWeight));
}

/**
 * The mixed query embeddings in training: the gradient flows to `learned`, times its share.
 *
 * Shapes: learned [B, D], frozen [B, D], both L2-normalised -> [B, D].
 *
 * @param learnedWeight within [0, 1].
 */
export function mixTensors(learned: tf.Tensor2D, frozen: tf.Tensor2D, learnedWeight: number): tf.Tensor2D {
  return mix(learned, frozen, learnedWeight, TENSORS);
}

/**
 * The mixed query embeddings in retrieval, where nothing learns.
 *
 * Shapes: learned [B, D], frozen [B, D] -> [B, D]. Each is L2-normalised first.
 *
 * @param learnedWeight within [0, 1]. Default 0.15 (paper).
 * @throws ShapeError when the shapes differ. NumericError on a zero or non-finite row. ConfigError on a weight outside [0, 1].
 */
export function mixEmbeddings(learned: Matrix, frozen: Matrix, learnedWeight = PAPER_LEARNED_WEIGHT): Matrix {
  assertInRange("mixEmbeddings: learnedWeight", learnedWeight, 0, 1);
  if (learned.rows !== frozen.rows || learned.cols !== frozen.cols) {
    throw new ShapeError(
      `mixEmbeddings: learned must have the shape of frozen = [${frozen.rows}, ${frozen.cols}]; got [${learned.rows}, ${learned.cols}]. Encode the same images with both towers.`,
      { learned: [learned.rows, learned.cols], frozen: [frozen.rows, frozen.cols] },
    );
  }
  const a = normaliseRows(learned).data;
  const b = normaliseRows(frozen).data;
  const data = b.map((value, i) => mix(a[i]!, value, learnedWeight, NUMBERS));
  return { data, rows: frozen.rows, cols: frozen.cols };
}

/** A copy with every row divided by its length. @throws NumericError when a row has length 0 or is not finite. */
export function normaliseRows(matrix: Matrix): Matrix {
  const { rows, cols } = matrix;
  const data = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let col = 0; col < cols; col++) squares += matrix.data[row * cols + col]! ** 2;
    const length = Math.sqrt(squares);
    if (!(length > 0) || !Number.isFinite(length)) {
      throw new NumericError(
        `normaliseRows: row ${row} must have a finite length > 0; got ${length}. Check the encoder.`,
        {
          row,
          length,
        },
      );
    }
    for (let col = 0; col < cols; col++) data[row * cols + col] = matrix.data[row * cols + col]! / length;
  }
  return { data, rows, cols };
}
