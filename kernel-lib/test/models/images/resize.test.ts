import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RasterImage } from "../../../src/base/types";
import { toRgb } from "../../../src/models/images/pixels";
import { resizeBicubic } from "../../../src/models/images/resize";

interface Reference {
  resized: { from: [number, number]; to: [number, number]; data: number[]; result: number[] }[];
}
const file = join(__dirname, "..", "..", "reference", "images", "reference.json");
const reference = JSON.parse(readFileSync(file, "utf8")) as Reference;

const image = (
  [width, height]: readonly [number, number],
  data: readonly number[],
  channels: 1 | 3 = 3,
): RasterImage => ({
  width,
  height,
  channels,
  data: Uint8Array.from(data),
});

describe("resizeBicubic", () => {
  it.each(reference.resized)("equals Pillow from $from to $to", ({ from, to, data, result }) => {
    expect([...resizeBicubic(image(from, data), ...to).data]).toEqual(result);
  });

  it("keeps a flat image flat and refuses no size", () => {
    expect([...resizeBicubic(image([3, 3], Array(9).fill(77), 1), 5, 2).data]).toEqual(Array(10).fill(77));
    expect(() => resizeBicubic(image([1, 1], [0], 1), 0, 1)).toThrow("resizeBicubic: width must be a whole number");
    expect(() => resizeBicubic(image([2, 2], [0], 1), 1, 1)).toThrow("image.data must have 4 entries; got 1");
  });
});

describe("toRgb", () => {
  it("repeats grey three times and refuses data of another length", () => {
    expect([...toRgb(image([2, 1], [5, 6], 1)).data]).toEqual([5, 5, 5, 6, 6, 6]);
    expect(() => toRgb(image([2, 1], [5], 1))).toThrow("image.data must have 2 x 1 x 1 values; got 1");
  });
});
