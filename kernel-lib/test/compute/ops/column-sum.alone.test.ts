import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../../src/base/random";
import { openBackend } from "../../../src/compute/backend";
import { columnSum } from "../../../src/compute/ops/fused-op";

describe.each(["tensorflow", "cpu"])("columnSum on %s", (backend) => {
  beforeAll(async () => {
    await openBackend();
    await tf.setBackend(backend);
  });

  it("adds rows, by hand", () => {
    expect([...columnSum(tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2])).dataSync()]).toEqual([16, 20]);
  });

  it.each([
    [1, 1],
    [1000, 3],
    [7, 20_000],
    [513, 129],
  ])("equals sums in double precision, [%i, %i]", (rows, width) => {
    const random = createRandom(rows);
    const data = Float32Array.from({ length: rows * width }, () => random.normal());
    const sums = new Float64Array(width);
    for (const [i, value] of data.entries()) sums[i % width]! += value;
    const found = columnSum(tf.tensor2d(data, [rows, width])).dataSync();
    for (const [i, sum] of sums.entries()) expect(Math.abs(found[i]! - sum)).toBeLessThan(1e-5 * Math.sqrt(rows));
    expect(found).toHaveLength(width);
  });

  it("gives the same bits again", () => {
    const x = tf.randomNormal([777, 65], 0, 1, "float32", 3);
    expect(columnSum(x).dataSync()).toEqual(columnSum(x).dataSync());
  });
});
