import { assertInRange, assertInteger, assertKnownKeys } from "../../base/check";
import type { RasterImage } from "../../base/types";
import { hashImage } from "../formats/checksum";
import { hashDistance, type PerceptualHash, perceptualHash } from "./perceptual-hash";
import { cropImage, mirror, SIDE, thumbnailOf } from "./thumbnail";

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

function describe(thumbnail: Uint8Array): Description {
  const cells = new Float32Array(CELLS * CELLS);
  const scale = SIDE / CELLS;
  thumbnail.forEach((value, p) => {
    cells[Math.floor(Math.floor(p / SIDE) / scale) * CELLS + Math.floor((p % SIDE) / scale)]! += value;
  });
  const mean = cells.reduce((sum, value) => sum + value, 0) / cells.length;
  const length = Math.sqrt(cells.reduce((sum, value) => sum + (value - mean) ** 2, 0));
  return { hash: perceptualHash(thumbnail), cells: cells.map((value) => (length < 1 ? 0 : (value - mean) / length)) };
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
  const find = (image: RasterImage): Duplicate | null => {
    const same = exact.get(hashImage(image));
    if (same !== undefined) return { id: same, kind: "exact", correlation: 1 };
    const { hash, cells } = describe(thumbnailOf(image));
    let best: Duplicate | null = null;
    for (const variant of known) {
      if (hashDistance(hash, variant.hash) > maxHashDistance) continue;
      const correlation = correlate(cells, variant.cells);
      if (correlation < Math.max(minCorrelation, best?.correlation ?? 0)) continue;
      best = { id: variant.id, kind: "near", correlation };
    }
    return best;
  };
  return { find };
}
