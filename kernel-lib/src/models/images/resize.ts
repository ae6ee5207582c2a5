import { assertInteger, assertSameLength } from "../../base/check";
import type { RasterImage } from "../../base/types";

/** Fraction bits of the weights, as in Pillow's 8-bit path. */
const ONE = 2 ** 22;

/**
 * Resizes with the antialiased bicubic filter of Pillow: weights in fixed point, rounded to bytes after the horizontal
 * pass and again after the vertical one.
 *
 * Equal to Pillow 11.3 to the bit. Pillow 13 takes the vertical pass first where that is less work (an image that gets
 * wider and lower), and differs there by rounding; squares are equal.
 *
 * @throws ConfigError when a size is no positive whole number. ShapeError when the image's data does not fit its size.
 */
export function resizeBicubic(image: RasterImage, width: number, height: number): RasterImage {
  assertInteger("resizeBicubic: width", width, 1);
  assertInteger("resizeBicubic: height", height, 1);
  const { channels } = image;
  assertSameLength("resizeBicubic: image.data", image.data.length, image.width * image.height * channels);
  if (width === image.width && height === image.height) return image;

  // pixels of a row are `channels` apart; rows of the narrower image are `width * channels` apart
  const across = { step: channels, lines: image.height, lineStep: image.width * channels, inner: channels };
  const narrow = resample(image.data, image.width, width, across);
  const down = { step: width * channels, lines: 1, lineStep: 0, inner: width * channels };
  const data = resample(narrow, image.height, height, down);
  return { width, height, channels, data };
}

/** How the values of one axis lie in memory. */
interface Axis {
  /** From one position of the axis to the next. */
  readonly step: number;
  readonly lines: number;
  readonly lineStep: number;
  /** Values side by side at each position. */
  readonly inner: number;
}

function resample(source: Uint8Array, from: number, to: number, axis: Axis): Uint8Array {
  if (from === to) return source;
  const windows = windowsOf(from, to);
  const result = new Uint8Array(axis.lines * to * axis.inner);
  let at = 0;
  for (let line = 0; line < axis.lines; line++) {
    for (const { first, weights } of windows) {
      const start = line * axis.lineStep + first * axis.step;
      for (let value = 0; value < axis.inner; value++) {
        let sum = ONE / 2;
        for (let k = 0; k < weights.length; k++) sum += source[start + k * axis.step + value]! * weights[k]!;
        result[at++] = Math.min(255, Math.max(0, Math.floor(sum / ONE)));
      }
    }
  }
  return result;
}

/** Which source positions an output position reads, and how much of each, in units of 1 / ONE. */
interface Window {
  readonly first: number;
  readonly weights: readonly number[];
}

/** Those of the last sizes asked for: pictures of a task mostly have one. */
const known = new Map<string, readonly Window[]>();
const MOST_KNOWN = 16;

function windowsOf(from: number, to: number): readonly Window[] {
  const key = `${from} ${to}`;
  const found = known.get(key) ?? Array.from({ length: to }, (_, i) => windowOf(i, from, to));
  if (known.size >= MOST_KNOWN && !known.has(key)) known.clear();
  known.set(key, found);
  return found;
}

function windowOf(position: number, from: number, to: number): Window {
  const scale = from / to;
  const stretch = Math.max(scale, 1); // shrinking widens the filter: antialiasing
  const centre = (position + 0.5) * scale;
  const first = Math.max(0, Math.trunc(centre - 2 * stretch + 0.5));
  const last = Math.min(from, Math.trunc(centre + 2 * stretch + 0.5));
  const raw = Array.from({ length: last - first }, (_, k) => cubic((first + k - centre + 0.5) / stretch));
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return { first, weights: raw.map((weight) => roundAwayFromZero((weight / sum) * ONE)) };
}

/** Keys' cubic with a = -1/2. */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

function roundAwayFromZero(value: number): number {
  return Math.trunc(value + (value < 0 ? -0.5 : 0.5));
}
