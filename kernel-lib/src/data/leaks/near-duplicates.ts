import { assertInRange, assertInteger, assertKnownKeys } from "../../base/check";
import type { RasterImage } from "../../base/types";
import { resizeBicubic } from "../../models/images/resize";
import { hashImage } from "../formats/picture-file";

/** Side of a thumbnail, pixels. */
export const SIDE = 32;

/** Brightness as in ITU-R BT.601, rounded: the grey that JPEG files keep. */
function toGrey(image: RasterImage): RasterImage {
  if (image.channels === 1) return image;
  const data = new Uint8Array(image.width * image.height);
  for (let p = 0; p < data.length; p++) {
    const [red, green, blue] = [image.data[3 * p]!, image.data[3 * p + 1]!, image.data[3 * p + 2]!];
    data[p] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  }
  return { ...image, channels: 1, data };
}

/** The 32 by 32 grey picture that all comparisons are made on, [32, 32]: size, colour and fine detail are left out. */
export function thumbnailOf(image: RasterImage): Uint8Array {
  return resizeBicubic(toGrey(image), SIDE, SIDE).data;
}

/** A thumbnail, left and right exchanged. */
export function mirror(thumbnail: Uint8Array): Uint8Array {
  return Uint8Array.from(thumbnail, (_, p) => thumbnail[p - (p % SIDE) + (SIDE - 1 - (p % SIDE))]!);
}

/** A part of a picture. */
export function cropImage(
  image: RasterImage,
  part: { readonly left: number; readonly top: number; readonly width: number; readonly height: number },
): RasterImage {
  const { channels } = image;
  const data = new Uint8Array(part.width * part.height * channels);
  for (let row = 0; row < part.height; row++) {
    const start = ((part.top + row) * image.width + part.left) * channels;
    data.set(image.data.subarray(start, start + part.width * channels), row * part.width * channels);
  }
  return { width: part.width, height: part.height, channels, data };
}

/** Frequencies per axis that a hash looks at. */
const LOW = 8;
/** Values of cos(π (2x + 1) u / 64), [u, x]. */
const COSINES = Float64Array.from({ length: LOW * SIDE }, (_, k) =>
  Math.cos((Math.PI * (2 * (k % SIDE) + 1) * Math.floor(k / SIDE)) / (2 * SIDE)),
);

/** 64 bits in two words. */
type PerceptualHash = readonly [number, number];

/** The 8 by 8 lowest coefficients of the cosine transform, [v, u]. */
function lowFrequencies(thumbnail: Uint8Array): Float64Array {
  const across = new Float64Array(SIDE * LOW); // [y, u]
  for (let y = 0; y < SIDE; y++) {
    for (let u = 0; u < LOW; u++) {
      let sum = 0;
      for (let x = 0; x < SIDE; x++) sum += thumbnail[y * SIDE + x]! * COSINES[u * SIDE + x]!;
      across[y * LOW + u] = sum;
    }
  }
  const low = new Float64Array(LOW * LOW);
  for (let v = 0; v < LOW; v++) {
    for (let u = 0; u < LOW; u++) {
      let sum = 0;
      for (let y = 0; y < SIDE; y++) sum += across[y * LOW + u]! * COSINES[v * SIDE + y]!;
      low[v * LOW + u] = sum;
    }
  }
  return low;
}

/**
 * Perceptual hash of a thumbnail: for each of the 63 lowest frequencies but the mean, whether it lies above their median.
 * Brightness and contrast leave it as it is; noise, JPEG and another size change a few bits.
 */
export function perceptualHash(thumbnail: Uint8Array): PerceptualHash {
  const coefficients = lowFrequencies(thumbnail).subarray(1);
  const median = coefficients.slice().sort()[coefficients.length >> 1]!;
  const words: [number, number] = [0, 0];
  coefficients.forEach((value, bit) => {
    if (value > median) words[bit >> 5]! |= 1 << (bit & 31);
  });
  return words;
}

function countBits(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** In how many bits two hashes differ, 0 to 63; of two unrelated pictures, 31 on average. */
export function hashDistance(a: PerceptualHash, b: PerceptualHash): number {
  return countBits(a[0] ^ b[0]) + countBits(a[1] ^ b[1]);
}

/** When two pictures count as one. The defaults were chosen on one half of the pictures and held on the other: docs/leaks.md. */
export interface DuplicateOptions {
  /** Most bits in which the perceptual hashes differ, 0 to 63. Default 10. */
  readonly maxHashDistance?: number;
  /** Least correlation of the 16 by 16 grey pictures, 0 to 1. Default 0.93. */
  readonly minCorrelation?: number;
}

/** A picture that was found again. */
export interface Duplicate {
  readonly id: string;
  /** "exact": pixel by pixel; "near": re-encoded, resized, mirrored or slightly cropped. */
  readonly kind: "exact" | "near";
  /** Correlation of the grey pictures, 1 when exact. */
  readonly correlation: number;
}

/** Knows a set of pictures and finds each of them again in another form. */
export interface DuplicateFinder {
  /** The most similar known picture that counts as the same, or null. */
  find(image: RasterImage): Duplicate | null;
}

interface Description {
  readonly hash: PerceptualHash;
  /** Brightness of 16 by 16 cells, mean 0, length 1; all 0 for a picture of one grey. */
  readonly cells: Float32Array;
}

const CELLS = 16;
/** Share of width and height that a cropped variant lacks. */
const CROP = 0.07;
/** Where the cropped variants lie: middle and corners, as shares of what was cut. */
const CORNERS = [
  [0.5, 0.5],
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
] as const;
const OPTION_NAMES: readonly (keyof DuplicateOptions)[] = ["maxHashDistance", "minCorrelation"];

/** Mean brightness of 16 by 16 cells, shifted to mean 0 and scaled to length 1. */
function cellsOf(thumbnail: Uint8Array): Float32Array {
  const cells = new Float32Array(CELLS * CELLS);
  const scale = SIDE / CELLS;
  let mean = 0;
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const value = thumbnail[y * SIDE + x]!;
      cells[Math.floor(y / scale) * CELLS + Math.floor(x / scale)]! += value;
      mean += value / cells.length;
    }
  }
  let square = 0;
  for (const value of cells) square += (value - mean) ** 2;
  const length = Math.sqrt(square);
  for (let i = 0; i < cells.length; i++) cells[i] = length < 1 ? 0 : (cells[i]! - mean) / length;
  return cells;
}

function describe(thumbnail: Uint8Array): Description {
  return { hash: perceptualHash(thumbnail), cells: cellsOf(thumbnail) };
}

function correlate(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** The picture and its slightly cropped copies, each also mirrored. */
function variantsOf(image: RasterImage): Description[] {
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * (1 - CROP))));
  const crops = CORNERS.map(([x, y]) => ({
    left: Math.round(x * (image.width - width!)),
    top: Math.round(y * (image.height - height!)),
    width: width!,
    height: height!,
  }));
  const thumbnails = [image, ...crops.map((part) => cropImage(image, part))].map(thumbnailOf);
  return thumbnails.flatMap((thumbnail) => [describe(thumbnail), describe(mirror(thumbnail))]);
}

/**
 * Prepares the search for copies of these pictures: equal pixels; else a perceptual hash (the signs of the lowest frequencies of a
 * 32 by 32 grey picture) that is near, and a grey picture that correlates. Both are compared with the mirrored picture
 * and with crops of 93 % too. A picture of one grey only equals itself.
 *
 * @throws ConfigError for an unknown option or a value out of range.
 */
export function createDuplicateFinder(
  pictures: readonly { readonly id: string; readonly image: RasterImage }[],
  options: DuplicateOptions = {},
): DuplicateFinder {
  assertKnownKeys("createDuplicateFinder:", options, OPTION_NAMES);
  const { maxHashDistance = 10, minCorrelation = 0.93 } = options;
  assertInteger("createDuplicateFinder: maxHashDistance", maxHashDistance, 0, 63);
  assertInRange("createDuplicateFinder: minCorrelation", minCorrelation, 0, 1);
  const exact = new Map(pictures.map(({ id, image }) => [hashImage(image), id]));
  const known = pictures.flatMap(({ id, image }) => variantsOf(image).map((variant) => ({ id, ...variant })));
  const hashes = Int32Array.from(known.flatMap(({ hash }) => hash)); // side by side: most variants are dismissed by their hash
  const find = (image: RasterImage): Duplicate | null => {
    const same = exact.get(hashImage(image));
    if (same !== undefined) return { id: same, kind: "exact", correlation: 1 };
    const { hash, cells } = describe(thumbnailOf(image));
    let best: Duplicate | null = null;
    for (let k = 0; k < known.length; k++) {
      if (hashDistance(hash, [hashes[2 * k]!, hashes[2 * k + 1]!]) > maxHashDistance) continue;
      const variant = known[k]!;
      const correlation = correlate(cells, variant.cells);
      if (correlation < Math.max(minCorrelation, best?.correlation ?? 0)) continue;
      best = { id: variant.id, kind: "near", correlation };
    }
    return best;
  };
  return { find };
}
