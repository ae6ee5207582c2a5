import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseQwen2VlImageConfig, qwenPatches, smartResize } from "../../../src/models/qwen2-vl/processor";

/** Numbers of transformers, see reference/images. */
interface Reference {
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

describe("qwenPatches", () => {
  it("equals transformers' patches, order and grid", () => {
    const { config, from, data, grid, patches } = reference.patches;
    const [width, height] = from;
    const image = { width, height, channels: 3 as const, data: Uint8Array.from(data) };
    const result = qwenPatches(image, parseQwen2VlImageConfig(config));
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
