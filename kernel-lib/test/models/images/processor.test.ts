import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RasterImage } from "../../../src/base/types";
import { parseClipImageConfig } from "../../../src/models/clip/processor";
import { encoderPixels } from "../../../src/models/dual-encoder/processor";
import { toRgb } from "../../../src/models/images/pixels";
import { resizeBicubic } from "../../../src/models/images/resize";
import { parseQwen2VlImageConfig, qwenPatches, smartResize } from "../../../src/models/qwen2-vl/processor";

interface Reference {
  resized: { from: [number, number]; to: [number, number]; data: number[]; result: number[] }[];
  patches: {
    config: Record<string, unknown>;
    from: [number, number];
    data: number[];
    grid: number[];
    patches: number[];
  };
  sizes: number[][];
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

const CLIP = parseClipImageConfig({
  size: { shortest_edge: 2 },
  crop_size: { height: 2, width: 2 },
  image_mean: [0, 0.5, 1],
  image_std: [1, 0.5, 2],
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

describe("qwenPatches", () => {
  it("equals transformers' patches, order and grid", () => {
    const { config, from, data, grid, patches } = reference.patches;
    const result = qwenPatches(image(from, data), parseQwen2VlImageConfig(config));
    expect(result.gridThw).toEqual(grid);
    expect(result.patches.length).toBe(patches.length);
    result.patches.forEach((value, i) => {
      expect(Math.abs(value - patches[i]!)).toBeLessThan(2e-6);
    });
  });

  it("chooses the sizes that transformers chooses", () => {
    for (const [height, width, factor, minPixels, maxPixels, ...expected] of reference.sizes as Required<number[]>[]) {
      const size = smartResize(height!, width!, { factor: factor!, minPixels: minPixels!, maxPixels: maxPixels! });
      expect([size.height, size.width]).toEqual(expected);
    }
  });

  it("refuses a strip and a broken configuration", () => {
    const bounds = { factor: 8, minPixels: 64, maxPixels: 128 };
    expect(() => smartResize(1, 300, bounds)).toThrow("one side must be at most 200 times the other; got 1 x 300.");
    expect(() => parseQwen2VlImageConfig({ image_mean: [1, 2] })).toThrow(
      "image_mean of preprocessor_config.json must be",
    );
  });
});

describe("encoderPixels", () => {
  it("cuts the centre and scales each channel, by hand", () => {
    const wide = image([4, 2], [9, 0, 255, 9, 9, 255, 0, 9], 1);
    const values = [...encoderPixels([wide], CLIP).dataSync()];
    const scaled = (byte: number) => [byte / 255, (byte / 255 - 0.5) / 0.5, (byte / 255 - 1) / 2];
    [0, 255, 255, 0].flatMap(scaled).forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 6);
    });
  });

  it("refuses a crop larger than the image", () => {
    expect(() => encoderPixels([image([2, 2], [1, 2, 3, 4], 1)], { ...CLIP, cropWidth: 3 })).toThrow(
      "the crop must fit into the resized image of 2 x 2; got 3 x 2.",
    );
  });

  it("repeats grey three times and refuses data of another length", () => {
    expect([...toRgb(image([2, 1], [5, 6], 1)).data]).toEqual([5, 5, 5, 6, 6, 6]);
    expect(() => toRgb(image([2, 1], [5], 1))).toThrow("image.data must have 2 x 1 x 1 values; got 1");
  });
});
