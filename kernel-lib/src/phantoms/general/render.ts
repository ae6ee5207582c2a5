import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";

/** One body in a scene. Coordinates run from -1 to 1, x to the right, y downwards. */
export interface Blob {
  readonly x: number;
  readonly y: number;
  /** Mean radius before the aspect is applied. */
  readonly radius: number;
  /** Relative amplitude of the outline's waves: 0 is an ellipse, 0.3 is star-shaped. */
  readonly border: number;
  /** Number of waves around the outline, 3 to 6. */
  readonly lobes: number;
  /** Turn of the waves, radians. */
  readonly phase: number;
  /** Log of height over width: positive is tall, negative is wide. */
  readonly aspect: number;
  /** Brightness added inside: negative is darker than the surroundings. */
  readonly fill: number;
  /** Brightness taken from the column below. */
  readonly shadow: number;
}

/** A small round mark. */
export interface Spot {
  readonly x: number;
  readonly y: number;
  /** Brightness added at its middle. */
  readonly amplitude: number;
}

/** Everything that decides how a picture looks, but for the two noise fields, which the renderer draws. */
export interface SceneLatents {
  /** Mean grey level, 0 to 1. */
  readonly brightness: number;
  /** Factor on everything that differs from the mean grey level. */
  readonly contrast: number;
  readonly grain: "coarse" | "fine";
  /** Standard deviation of the texture, grey levels. */
  readonly texture: number;
  /** Left-to-right change of brightness, -1 to 1. */
  readonly slope: number;
  readonly blobs: readonly Blob[];
  readonly spots: readonly Spot[];
  /** Index of the corner letter A to D. */
  readonly letter: number;
  /** Factors on red, green and blue; all 1 is grey. */
  readonly tint: readonly [number, number, number];
  /** Standard deviation of the noise of each pixel, grey levels. */
  readonly noise: number;
}

/** Size of a rendered picture, pixels; one channel keeps the grey plane and leaves the tint out. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

const COARSE_CELLS = 6;
const FINE_CELLS = 16;
/** How much brighter the right half is than the left where the slope is 1. */
export const SLOPE_STRENGTH = 0.12;
const EDGE_WIDTH = 0.1;
const SPOT_SIGMA = 0.055;
const LETTER_LEVEL = 0.95;
const LETTER_SIZE = 5;
const LETTERS = [
  "01110 10001 11111 10001 10001",
  "11110 10001 11110 10001 11110",
  "01111 10000 10000 10000 01111",
  "11110 10001 10001 10001 11110",
].map((rows) => rows.replaceAll(" ", ""));

interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Bilinear noise field with unit deviation at the grid points, added `amplitude` strong. */
function addTexture(plane: Plane, cells: number, amplitude: number, random: Random): void {
  const grid = Float32Array.from({ length: cells * cells }, () => random.normal() * amplitude);
  const at = (row: number, col: number) => grid[row * cells + col]!;
  for (let i = 0; i < plane.height; i++) {
    const v = (i / Math.max(1, plane.height - 1)) * (cells - 1);
    const top = Math.min(cells - 2, Math.floor(v));
    for (let j = 0; j < plane.width; j++) {
      const u = (j / Math.max(1, plane.width - 1)) * (cells - 1);
      const left = Math.min(cells - 2, Math.floor(u));
      const upper = at(top, left) + (u - left) * (at(top, left + 1) - at(top, left));
      const lower = at(top + 1, left) + (u - left) * (at(top + 1, left + 1) - at(top + 1, left));
      plane.data[i * plane.width + j]! += upper + (v - top) * (lower - upper);
    }
  }
}

/** 0 below 0, 1 above 1, smooth in between. */
export function smoothStep(value: number): number {
  const t = Math.min(1, Math.max(0, value));
  return t * t * (3 - 2 * t);
}

/** How far a point lies inside the outline: 1 inside, 0 outside, soft in between. */
function coverage(blob: Blob, dx: number, dy: number): number {
  const u = dx * Math.exp(blob.aspect / 2);
  const v = dy * Math.exp(-blob.aspect / 2);
  const distance = Math.sqrt(u * u + v * v);
  if (distance > blob.radius * (1 + 1.5 * blob.border) + EDGE_WIDTH) return 0; // beyond every wave
  const angle = Math.atan2(v, u);
  const waves =
    Math.sin(blob.lobes * angle + blob.phase) + 0.5 * Math.sin((2 * blob.lobes + 1) * angle + 2 * blob.phase);
  const outline = blob.radius * (1 + blob.border * waves);
  return smoothStep((outline - distance) / EDGE_WIDTH + 0.5);
}

function addBlob(plane: Plane, blob: Blob): void {
  const halfWidth = blob.radius * Math.exp(-blob.aspect / 2);
  const halfHeight = blob.radius * Math.exp(blob.aspect / 2);
  for (let i = 0; i < plane.height; i++) {
    const dy = (2 * (i + 0.5)) / plane.height - 1 - blob.y;
    const depth = smoothStep((dy - 0.6 * halfHeight) / 0.3);
    for (let j = 0; j < plane.width; j++) {
      const dx = (2 * (j + 0.5)) / plane.width - 1 - blob.x;
      const inside = coverage(blob, dx, dy);
      const column = depth * smoothStep((0.9 * halfWidth - Math.abs(dx)) / EDGE_WIDTH + 0.5);
      plane.data[i * plane.width + j]! += blob.fill * inside - blob.shadow * column * (1 - inside);
    }
  }
}

/** Adds the 3-sigma neighbourhood of one spot. */
function addSpot(plane: Plane, spot: Spot): void {
  const centre = (value: number, size: number) => ((value + 1) / 2) * size - 0.5;
  const reach = 3 * SPOT_SIGMA;
  const row = centre(spot.y, plane.height);
  const col = centre(spot.x, plane.width);
  const rows = Math.ceil((reach * plane.height) / 2);
  const cols = Math.ceil((reach * plane.width) / 2);
  for (let i = Math.max(0, Math.floor(row - rows)); i <= Math.min(plane.height - 1, row + rows); i++) {
    for (let j = Math.max(0, Math.floor(col - cols)); j <= Math.min(plane.width - 1, col + cols); j++) {
      const dy = ((i - row) * 2) / plane.height;
      const dx = ((j - col) * 2) / plane.width;
      const weight = Math.exp(-(dx * dx + dy * dy) / (2 * SPOT_SIGMA * SPOT_SIGMA));
      plane.data[i * plane.width + j]! += spot.amplitude * weight;
    }
  }
}

/** Writes the letter into the top left corner, one pixel off the edge. */
function writeLetter(plane: Plane, letter: number): void {
  const bitmap = LETTERS[letter]!;
  for (let k = 0; k < bitmap.length; k++) {
    if (bitmap[k] === "0") continue;
    const row = 1 + Math.floor(k / LETTER_SIZE);
    const col = 1 + (k % LETTER_SIZE);
    plane.data[row * plane.width + col] = LETTER_LEVEL;
  }
}

function toBytes(plane: Plane, latents: SceneLatents, channels: 1 | 3, random: Random): Uint8Array {
  const bytes = new Uint8Array(plane.data.length * channels);
  for (let p = 0; p < plane.data.length; p++) {
    const level = Math.min(1.2, Math.max(0, plane.data[p]!));
    const noise = latents.noise * random.normal();
    for (let c = 0; c < channels; c++) {
      const tinted = channels === 1 ? level : level * latents.tint[c]!;
      bytes[p * channels + c] = Math.round(255 * Math.min(1, Math.max(0, tinted + noise)));
    }
  }
  return bytes;
}

/**
 * Draws a picture from its latents: brightness + texture + slope + blobs with shadows + spots + corner letter, tinted, with noise.
 *
 * The stream supplies the texture and the pixel noise only; the same latents and stream give the same bytes.
 * @param size the picture's; at least 8 by 8 pixels, so that the letter fits.
 * @returns [height, width, channels] bytes.
 */
export function renderScene(latents: SceneLatents, size: PictureSize, random: Random): RasterImage {
  const { width, height, channels } = size;
  const plane: Plane = { width, height, data: new Float32Array(width * height) };
  addTexture(plane, latents.grain === "coarse" ? COARSE_CELLS : FINE_CELLS, latents.texture, random);
  for (let p = 0; p < plane.data.length; p++) {
    plane.data[p]! += SLOPE_STRENGTH * latents.slope * ((2 * ((p % width) + 0.5)) / width - 1);
  }
  for (const blob of latents.blobs) addBlob(plane, blob);
  for (const spot of latents.spots) addSpot(plane, spot);
  for (let p = 0; p < plane.data.length; p++) {
    plane.data[p] = latents.brightness + latents.contrast * plane.data[p]!;
  }
  writeLetter(plane, latents.letter);
  return { width, height, channels, data: toBytes(plane, latents, channels, random) };
}
