import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";

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

const first = (value: number, size: number) => Math.max(0, Math.floor(((value + 1) / 2) * size - 0.5));
const last = (value: number, size: number) => Math.min(size - 1, Math.ceil(((value + 1) / 2) * size - 0.5));
/** Middle of pixel `index` of `size`, from -1 to 1. */
const middle = (index: number, size: number) => (2 * (index + 0.5)) / size - 1;

/** Rows and columns of the pixels within a box, ends included. */
function pixelsWithin({ width, height }: Canvas, reach: Area["reach"]) {
  return {
    top: first(reach.y0, height),
    bottom: last(reach.y1, height),
    left: first(reach.x0, width),
    right: last(reach.x1, width),
  };
}

/** Paints an area: each pixel moves towards the colour by cover times strength. */
export function paint(canvas: Canvas, area: Area, colour: Colour, strength = 1): void {
  const { data, width, height } = canvas;
  const { top, bottom, left, right } = pixelsWithin(canvas, area.reach);
  const [red, green, blue] = colour;
  for (let i = top; i <= bottom; i++) {
    const y = middle(i, height);
    for (let j = left, at = (i * width + left) * 3; j <= right; j++, at += 3) {
      const share = strength * area.cover(middle(j, width), y);
      if (share === 0) continue;
      data[at]! += share * (red - data[at]!);
      data[at + 1]! += share * (green - data[at + 1]!);
      data[at + 2]! += share * (blue - data[at + 2]!);
    }
  }
}

/** Multiplies an area's colours: `factor` at full cover, 1 outside. */
export function tint(canvas: Canvas, area: Area, factor: Colour): void {
  const { data, width, height } = canvas;
  const { top, bottom, left, right } = pixelsWithin(canvas, area.reach);
  const [red, green, blue] = factor;
  for (let i = top; i <= bottom; i++) {
    const y = middle(i, height);
    for (let j = left, at = (i * width + left) * 3; j <= right; j++, at += 3) {
      const share = area.cover(middle(j, width), y);
      data[at]! *= 1 + share * (red - 1);
      data[at + 1]! *= 1 + share * (green - 1);
      data[at + 2]! *= 1 + share * (blue - 1);
    }
  }
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
  const { data, width, height } = canvas;
  for (let i = 0; i < height; i++) {
    const v = ((middle(i, height) + 1) / 2) * (cells - 1);
    for (let j = 0, at = i * width * 3; j < width; j++, at += 3) {
      const factor = 1 + amplitude * value(((middle(j, width) + 1) / 2) * (cells - 1), v);
      data[at]! *= factor;
      data[at + 1]! *= factor;
      data[at + 2]! *= factor;
    }
  }
}

const byte = (value: number): number => Math.round(255 * Math.min(1, Math.max(0, value)));

/** Bytes of the canvas, with noise of this deviation on every pixel; one channel is the mean of the three. */
export function toRaster(canvas: Canvas, channels: 1 | 3, noise: number, random: Random): RasterImage {
  const { width, height, data } = canvas;
  const bytes = new Uint8Array(width * height * channels);
  for (let p = 0; p < width * height; p++) {
    const shake = noise * random.normal();
    const red = data[3 * p]!;
    const green = data[3 * p + 1]!;
    const blue = data[3 * p + 2]!;
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
