import { createRandom } from "../../src/base/random";
import type { Matrix } from "../../src/base/types";

/** Rows of length 1 that gather around a few centres, as embeddings do. */
export function clusteredRows(rows: number, cols: number, seed: number): Matrix {
  const random = createRandom(seed);
  const centres = Array.from({ length: 20 }, () => Array.from({ length: cols }, () => random.normal()));
  const data = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    const centre = random.pick(centres);
    const values = centre.map((value) => value + random.normal(0, 0.7));
    const length = Math.hypot(...values);
    values.forEach((value, i) => {
      data[row * cols + i] = value / length;
    });
  }
  return { data, rows, cols };
}

export const idsOf = (count: number) => Array.from({ length: count }, (_, i) => `p${i}`);

export const matrix = (rows: number[][]): Matrix => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  cols: rows[0]!.length,
});
