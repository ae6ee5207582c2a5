import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { RasterImage } from "../../../src/base/types";
import { openBackend } from "../../../src/compute/backend";
import { parseClipImageConfig } from "../../../src/models/clip/processor";
import { encoderPixels } from "../../../src/models/dual-encoder/processor";
import { parsePixtralImageConfig, pixtralPatches } from "../../../src/models/pixtral/processor";
import { parseQwen2VlImageConfig, qwenPatches } from "../../../src/models/qwen2-vl/processor";
import type { JsonObject } from "../../../src/models/weights/fields";

interface PixelCase {
  readonly processor: "clip" | "qwen2-vl" | "pixtral";
  readonly fields: JsonObject;
  readonly size: readonly [number, number];
  readonly picture: number[];
  readonly values: number[];
}
const { pixels: CASES } = JSON.parse(
  readFileSync(join(__dirname, "../../reference/configurations/reference.json"), "utf8"),
) as { pixels: PixelCase[] };

beforeAll(async () => {
  await openBackend();
});

/** [patches, 3 · side²] of a picture of 4 x 4, row by row -> colour by colour. */
function joinPatches(patches: Float32Array): number[] {
  return [0, 1, 2].flatMap((channel) =>
    Array.from({ length: 16 }, (_, i) => {
      const [y, x] = [Math.floor(i / 4), i % 4];
      return patches[(Math.floor(y / 2) * 2 + Math.floor(x / 2)) * 12 + channel * 4 + (y % 2) * 2 + (x % 2)]!;
    }),
  );
}

/** Values in transformers' order. */
const READ: Readonly<Record<PixelCase["processor"], (image: RasterImage, json: JsonObject) => number[]>> = {
  clip: (image, json) => {
    const pixels = encoderPixels([image], parseClipImageConfig(json)); // [1, H, W, 3]
    const values = [...pixels.dataSync()];
    pixels.dispose();
    return [0, 1, 2].flatMap((channel) => values.filter((_, i) => i % 3 === channel));
  },
  "qwen2-vl": (image, json) => [...qwenPatches(image, parseQwen2VlImageConfig(json)).patches],
  pixtral: (image, json) => joinPatches(pixtralPatches(image, parsePixtralImageConfig(json))),
};

test.each(CASES)(
  "$processor: pictures are transformers' with $fields",
  ({ processor, fields, size, picture, values }) => {
    const image: RasterImage = { width: size[0], height: size[1], channels: 3, data: Uint8Array.from(picture) };
    const found = READ[processor](image, fields);
    expect(found).toHaveLength(values.length);
    found.forEach((value, i) => {
      expect(Math.abs(value - values[i]!)).toBeLessThan(2e-5 * Math.max(1, Math.abs(values[i]!)));
    });
  },
);

describe.each([
  ["clip", parseClipImageConfig],
  ["qwen2-vl", parseQwen2VlImageConfig],
  ["pixtral", parsePixtralImageConfig],
] as const)("%s refuses by name", (_name, parse) => {
  test.each([
    [{ do_resize: false }, "do_resize of preprocessor_config.json must be true; got false"],
    [{ do_convert_rgb: false }, "do_convert_rgb of preprocessor_config.json must be true; got false"],
    [{ resample: 2 }, "resample of preprocessor_config.json must be 3; got 2"],
    [{ image_std: [1, 0, 1] }, "image_std of preprocessor_config.json must be numbers other than 0"],
    [{ do_normalize: "no" }, "do_normalize of preprocessor_config.json must be true or false"],
    [{ size_divisor: 32 }, "size_divisor of preprocessor_config.json must be left out"],
  ])("%j", (fields, message) => {
    expect(() => parse(fields)).toThrow(message);
  });
});

test("sizes that no processor here makes are refused by name", () => {
  const clip = (json: JsonObject) => () => parseClipImageConfig(json);
  expect(clip({ size: { shortest_edge: 4, longest_edge: 8 } })).toThrow(
    "size.longest_edge of preprocessor_config.json",
  );
  expect(clip({ size: { longest_edge: 8 } })).toThrow("size.shortest_edge of preprocessor_config.json");
  expect(clip({ do_center_crop: false })).toThrow("do_center_crop of preprocessor_config.json must be true where size");
  const pixtral = (json: JsonObject) => () => parsePixtralImageConfig(json);
  expect(pixtral({ size: { height: 4, width: 8 } })).toThrow(
    "size.width of preprocessor_config.json must be the height",
  );
  expect(pixtral({ do_center_crop: true })).toThrow("do_center_crop");
});
