import { assertInRange, assertInteger } from "../base/check";
import type { Random } from "../base/random";
import type { RasterImage } from "../base/types";

export interface AugmentOptions {
  /** Largest shift in each direction, pixels; the border is repeated. Default 2. */
  readonly maxShift?: number;
  /** Standard deviation of the noise on each byte, in grey levels of 255. Default 5. */
  readonly noise?: number;
}

/**
 * A picture moved by a few pixels and with noise, so that a small training set is not learnt by heart.
 *
 * @throws ConfigError when an option is out of range.
 * @example augmentImage(example.image, random)   // another RasterImage of the same size
 */
export function augmentImage(image: RasterImage, random: Random, options: AugmentOptions = {}): RasterImage {
  const { maxShift = 2, noise = 5 } = options;
  assertInteger("augmentImage: maxShift", maxShift, 0);
  assertInRange("augmentImage: noise", noise, 0, 255);
  const { width, height, channels } = image;
  const shiftX = random.integer(2 * maxShift + 1) - maxShift;
  const shiftY = random.integer(2 * maxShift + 1) - maxShift;
  const data = new Uint8Array(image.data.length);
  for (let y = 0; y < height; y++) {
    const fromY = Math.min(height - 1, Math.max(0, y - shiftY));
    for (let x = 0; x < width; x++) {
      const fromX = Math.min(width - 1, Math.max(0, x - shiftX));
      for (let c = 0; c < channels; c++) {
        const value = image.data[(fromY * width + fromX) * channels + c]!;
        const noisy = noise === 0 ? value : value + random.normal(0, noise);
        data[(y * width + x) * channels + c] = Math.min(255, Math.max(0, Math.round(noisy)));
      }
    }
  }
  return { width, height, channels, data };
}
