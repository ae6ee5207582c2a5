import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import { smoothStep } from "../general/render";

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

/** The whole picture. */
export const EVERYWHERE: Area = { cover: () => 1, reach: { x0: -1, x1: 1, y0: -1, y1: 1 } };

/** A grey of this level. */
export const grey = (level: number): Colour => [level, level, level];

/** The colour between two others: `one` at share 0, `other` at 1. */
export const mix = (one: Colour, other: Colour, share: number): Colour => [
  one[0] + share * (other[0] - one[0]),
  one[1] + share * (other[1] - one[1]),
  one[2] + share * (other[2] - one[2]),
];

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

/** An ellipse with a wavy outline. */
interface EllipseShape {
  readonly x: number;
  readonly y: number;
  readonly rx: number;
  readonly ry: number;
  /** Turn, radians. Default 0. */
  readonly turn?: number;
  /** Width of the soft edge as a share of the radius. Default 0.15. */
  readonly soft?: number;
  /** Relative amplitude of the outline's waves. Default 0. */
  readonly waves?: number;
  /** Waves around the outline. Default 4. */
  readonly lobes?: number;
  /** Turn of the waves, radians. Default 0. */
  readonly phase?: number;
}

/** The inside of an ellipse. */
export function ellipse(shape: EllipseShape): Area {
  const { x, y, rx, ry, turn = 0, soft = 0.15, waves = 0, lobes = 4, phase = 0 } = shape;
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const reach = Math.max(rx, ry) * (1 + 1.5 * waves + soft);
  return {
    cover: (px, py) => {
      const u = ((px - x) * cos + (py - y) * sin) / rx;
      const v = ((py - y) * cos - (px - x) * sin) / ry;
      const distance = Math.sqrt(u * u + v * v); // Math.hypot is many times slower
      if (waves === 0) return smoothStep((1 - distance) / soft + 0.5);
      const angle = Math.atan2(v, u);
      const wave = Math.sin(lobes * angle + phase) + 0.5 * Math.sin((2 * lobes + 1) * angle + 2 * phase);
      return smoothStep((1 + waves * wave - distance) / soft + 0.5);
    },
    reach: { x0: x - reach, x1: x + reach, y0: y - reach, y1: y + reach },
  };
}

/** What lies between two areas: in the outer one and not in the inner one. */
export function ring(outer: Area, inner: Area): Area {
  return { cover: (x, y) => outer.cover(x, y) * (1 - inner.cover(x, y)), reach: outer.reach };
}

/** What lies in both areas. */
export function overlap(one: Area, other: Area): Area {
  return { cover: (x, y) => one.cover(x, y) * other.cover(x, y), reach: one.reach };
}

/** Everything that is not in the area. */
export function outside(area: Area): Area {
  return { cover: (x, y) => 1 - area.cover(x, y), reach: EVERYWHERE.reach };
}

/** A round dot. */
export function dot(x: number, y: number, radius: number): Area {
  return ellipse({ x, y, rx: radius, ry: radius, soft: 0.6 });
}

/** One straight piece of a stroke, half a width wide at either end; nothing of it is seen outside its box. */
interface Piece {
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
  readonly inverseSquare: number;
  readonly half: number;
  readonly endHalf: number;
  readonly box: Area["reach"];
}

function pieceOf(points: readonly (readonly [number, number])[], k: number, halfAt: (t: number) => number): Piece {
  const [x, y] = points[k]!;
  const [nextX, nextY] = points[k + 1]!;
  const [dx, dy] = [nextX - x, nextY - y];
  const [half, endHalf] = [halfAt(k / (points.length - 1)), halfAt((k + 1) / (points.length - 1))];
  const margin = 1.5 * Math.max(half, endHalf);
  const box = {
    x0: Math.min(x, nextX) - margin,
    x1: Math.max(x, nextX) + margin,
    y0: Math.min(y, nextY) - margin,
    y1: Math.max(y, nextY) + margin,
  };
  return { x, y, dx, dy, inverseSquare: 1 / (dx * dx + dy * dy || 1), half, endHalf, box };
}

function coverOf(piece: Piece, x: number, y: number): number {
  const { box } = piece;
  if (x < box.x0 || x > box.x1 || y < box.y0 || y > box.y1) return 0;
  const [px, py] = [x - piece.x, y - piece.y];
  const along = Math.min(1, Math.max(0, (px * piece.dx + py * piece.dy) * piece.inverseSquare));
  const [offX, offY] = [px - along * piece.dx, py - along * piece.dy];
  const half = piece.half + along * (piece.endHalf - piece.half);
  return smoothStep((half - Math.sqrt(offX * offX + offY * offY)) / half + 0.5);
}

/** A curved stroke through points [x, y], `width` wide at its beginning and `endWidth` (default the same) at its end. */
export function stroke(points: readonly (readonly [number, number])[], width: number, endWidth = width): Area {
  const halfAt = (t: number) => (width + t * (endWidth - width)) / 2;
  const pieces = points.slice(1).map((_, k) => pieceOf(points, k, halfAt));
  const cover = (x: number, y: number): number => {
    let best = 0;
    for (const piece of pieces) best = Math.max(best, coverOf(piece, x, y));
    return best;
  };
  const boxes = pieces.map(({ box }) => box);
  return {
    cover,
    reach: {
      x0: Math.min(...boxes.map(({ x0 }) => x0)),
      x1: Math.max(...boxes.map(({ x1 }) => x1)),
      y0: Math.min(...boxes.map(({ y0 }) => y0)),
      y1: Math.max(...boxes.map(({ y1 }) => y1)),
    },
  };
}

/** Points of an arc from `from` to `to`, bent sideways by `bend` at its middle. */
export function arc(
  from: readonly [number, number],
  to: readonly [number, number],
  bend: number,
  count = 7,
): [number, number][] {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy) || 1;
  return Array.from({ length: count }, (_, k) => {
    const t = k / (count - 1);
    const side = (4 * t * (1 - t) * bend) / length;
    return [from[0] + t * dx - side * dy, from[1] + t * dy + side * dx];
  });
}
