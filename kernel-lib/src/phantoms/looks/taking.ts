import type { Random } from "../../base/random";
import { drawClear } from "../general/world";
import type { SignWords } from "../knowledge/dials";
import type { Canvas } from "./canvas";
import { type Statement, said } from "./caption";

// How a picture was taken, as far as a rule reads it: brightness, uneven light, grain. They change the whole picture and nothing in it.

const LEVELS = 64;
const HALVINGS = 24;
const FLATTEST = 0.1;
const STEEPEST = 8;

/** A change of every value. */
interface Exposure {
  readonly gamma: number;
  readonly gain: number;
}

/** What brings the mean of these values to `target`: a display's gamma, and a gain where white is too much of the picture for that. */
function exposureFor(data: Float32Array, target: number): Exposure {
  const counts = new Float64Array(LEVELS);
  for (const value of data) counts[Math.min(LEVELS - 1, Math.max(0, Math.floor(value * LEVELS)))]! += 1;
  const meanAt = (gamma: number) =>
    counts.reduce((sum, count, level) => sum + count * ((level + 0.5) / LEVELS) ** gamma, 0) / data.length;
  let [low, high] = [FLATTEST, STEEPEST];
  for (let k = 0; k < HALVINGS; k++) {
    const middle = Math.sqrt(low * high);
    if (meanAt(middle) > target) low = middle;
    else high = middle;
  }
  const gamma = Math.sqrt(low * high);
  const isSteepest = meanAt(STEEPEST) > target;
  return { gamma, gain: isSteepest ? target / meanAt(gamma) : 1 };
}

/** How much brighter the right edge is than the middle where the slope is 1. */
const TILT = 0.22;
const CELLS: Readonly<Record<string, number>> = { coarse: 6, fine: 16 };

/** Bilinear noise on a grid of `cells` by `cells` points, as a function of column and row in [0, 1]. */
function noiseField(cells: number, random: Random): (u: number, v: number) => number {
  const grid = Float32Array.from({ length: cells * cells }, () => random.normal());
  return (u, v) => {
    const [x, y] = [u * (cells - 1), v * (cells - 1)];
    const [left, top] = [Math.min(cells - 2, Math.floor(x)), Math.min(cells - 2, Math.floor(y))];
    const at = top * cells + left;
    const upper = grid[at]! + (x - left) * (grid[at + 1]! - grid[at]!);
    const lower = grid[at + cells]! + (x - left) * (grid[at + cells + 1]! - grid[at + cells]!);
    return upper + (y - top) * (lower - upper);
  };
}

/**
 * Takes the picture: its mean grey level, its light from left to right and its grain are those of the words.
 *
 * @param texture deviation of the grain, grey levels of 1: more where the pictures themselves are rich in detail.
 */
export function takePicture(
  canvas: Canvas,
  { brightness, slope, grain }: SignWords,
  texture: number,
  random: Random,
): void {
  const { data, width, height } = canvas;
  const { gamma, gain } = exposureFor(data, drawClear("brightness", brightness!, random));
  const tilt = TILT * drawClear("slope", slope!, random);
  const noise = noiseField(CELLS[grain!]!, random);
  const amplitude = texture * random.uniform(0.75, 1.25);
  for (let i = 0, at = 0; i < height; i++) {
    const v = i / (height - 1);
    for (let j = 0; j < width; j++) {
      const u = j / (width - 1);
      const added = tilt * (2 * u - 1) + amplitude * noise(u, v);
      for (let c = 0; c < 3; c++, at++) data[at] = gain * Math.max(0, data[at]!) ** gamma + added;
    }
  }
}

/** What a caption says of how the picture was taken. */
export function saidOfTaking({ brightness, slope, grain }: SignWords): readonly Statement[] {
  return [said("taken", `${brightness} device`), said("taken", slope!), said("taken", `${grain} image`)];
}
