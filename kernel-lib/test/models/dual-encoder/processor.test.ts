import { beforeAll, describe, expect, it } from "vitest";
import type { RasterImage } from "../../../src/base/types";
import { openBackend } from "../../../src/compute/backend";
import { parseClipImageConfig } from "../../../src/models/clip/processor";
import { encoderPixels } from "../../../src/models/dual-encoder/processor";

beforeAll(async () => {
  await openBackend();
});

const grey = ([width, height]: readonly [number, number], data: readonly number[]): RasterImage => ({
  width,
  height,
  channels: 1,
  data: Uint8Array.from(data),
});

const CLIP = parseClipImageConfig({
  size: { shortest_edge: 2 },
  crop_size: { height: 2, width: 2 },
  image_mean: [0, 0.5, 1],
  image_std: [1, 0.5, 2],
});

describe("encoderPixels", () => {
  it("cuts the centre and scales each channel, by hand", () => {
    const wide = grey([4, 2], [9, 0, 255, 9, 9, 255, 0, 9]);
    const values = [...encoderPixels([wide], CLIP).dataSync()];
    const scaled = (byte: number) => [byte / 255, (byte / 255 - 0.5) / 0.5, (byte / 255 - 1) / 2];
    [0, 255, 255, 0].flatMap(scaled).forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 6);
    });
  });

  it("refuses a crop larger than the image", () => {
    expect(() => encoderPixels([grey([2, 2], [1, 2, 3, 4])], { ...CLIP, cropWidth: 3 })).toThrow(
      "the crop must fit into the resized image of 2 x 2; got 3 x 2.",
    );
  });
});
