import type { Random } from "../../../base/random";
import type { RasterImage } from "../../../base/types";

/** Red, green and blue, each from 0 to 1. */
export type Colour = readonly [number, number, number];

/** A picture in the making, [height, width, 3]. Coordinates run from -1 to 1, x to the right, y downwards. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Some area: 1 inside, 0 outside, soft in between. `reach` is a box around everything that is not 0. */
export interface Area {
  readonly cover: (x: number, y: number) => number;
  readonly reach: { readonly x0: number; readonly x1: number; readonly y0: number; readonly y1: number };
}

/** A canvas in one colour. */
export function createCanvas(width: number, height: number, colour: Colour): Canvas {
  const data = new Float32Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = colour[i % 3]!;
  return { width, height, data };
}

function visit(canvas: Canvas, reach: Area["reach"], see: (x: number, y: number, at: number) => void): void {
  const { width, height } = canvas;
  const first = (value: number, size: number) => Math.max(0, Math.floor(((value + 1) / 2) * size - 0.5));
  const last = (value: number, size: number) => Math.min(size - 1, Math.ceil(((value + 1) / 2) * size - 0.5));
  for (let i = first(reach.y0, height); i <= last(reach.y1, height); i++) {
    const y = (2 * (i + 0.5)) / height - 1;
    for (let j = first(reach.x0, width); j <= last(reach.x1, width); j++) {
      see((2 * (j + 0.5)) / width - 1, y, (i * width + j) * 3);
    }
  }
}

/** Paints an area: each pixel moves towards the colour by cover times strength. */
export function paint(canvas: Canvas, area: Area, colour: Colour, strength = 1): void {
  visit(canvas, area.reach, (x, y, at) => {
    const share = strength * area.cover(x, y);
    if (share === 0) return;
    for (let c = 0; c < 3; c++) canvas.data[at + c]! += share * (colour[c]! - canvas.data[at + c]!);
  });
}

/** Multiplies an area's colours: `factor` at full cover, 1 outside. */
export function tint(canvas: Canvas, area: Area, factor: Colour): void {
  visit(canvas, area.reach, (x, y, at) => {
    const share = area.cover(x, y);
    for (let c = 0; c < 3; c++) canvas.data[at + c]! *= 1 + share * (factor[c]! - 1);
  });
}

/** Multiplies every pixel by 1 + amplitude times smooth noise on a grid of `cells` by `cells` points. */
export function addField(canvas: Canvas, cells: number, amplitude: number, random: Random): void {
  const grid = Float32Array.from({ length: cells * cells }, () => random.normal());
  const value = (u: number, v: number): number => {
    const left = Math.min(cells - 2, Math.floor(u));
    const top = Math.min(cells - 2, Math.floor(v));
    const at = top * cells + left;
    const upper = grid[at]! + (u - left) * (grid[at + 1]! - grid[at]!);
    const lower = grid[at + cells]! + (u - left) * (grid[at + cells + 1]! - grid[at + cells]!);
    return upper + (v - top) * (lower - upper);
  };
  visit(canvas, { x0: -1, x1: 1, y0: -1, y1: 1 }, (x, y, at) => {
    const factor = 1 + amplitude * value(((x + 1) / 2) * (cells - 1), ((y + 1) / 2) * (cells - 1));
    for (let c = 0; c < 3; c++) canvas.data[at + c]! *= factor;
  });
}

/** Bytes of the canvas, with noise of this deviation on every pixel; one channel is the mean of the three. */
export function toRaster(canvas: Canvas, channels: 1 | 3, noise: number, random: Random): RasterImage {
  const { width, height, data } = canvas;
  const bytes = new Uint8Array(width * height * channels);
  const byte = (value: number) => Math.round(255 * Math.min(1, Math.max(0, value)));
  for (let p = 0; p < width * height; p++) {
    const shake = noise * random.normal();
    const [red, green, blue] = [data[3 * p]!, data[3 * p + 1]!, data[3 * p + 2]!];
    if (channels === 1) {
      bytes[p] = byte((red + green + blue) / 3 + shake);
      continue;
    }
    bytes[3 * p] = byte(red + shake);
    bytes[3 * p + 1] = byte(green + shake);
    bytes[3 * p + 2] = byte(blue + shake);
  }
  return { width, height, channels, data: bytes };
}
