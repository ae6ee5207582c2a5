import * as tf from "@tensorflow/tfjs-core";
import type { RotaryTable } from "../../compute/ops/rotary";
import type { Qwen2VisionConfig } from "../qwen2-vl/config";
import { type DecoderConfig, headWidth } from "./decoder";

/** Cosines and sines of the rotary angles of a row of positions, each [positions, headDim]. */
export interface RotaryAngles {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly count: number;
  readonly headDim: number;
}

/**
 * Rotary angles of the text model (M-RoPE): each frequency follows one of the three positions.
 *
 * Shapes: positions [3, count] (time, height, width) -> angles [count, headDim]. The first `mropeSection[0]`
 * frequencies turn with time, the next with height, the rest with width; both halves of a head hold the same angles.
 */
export function multimodalAngles(config: DecoderConfig, positions: Int32Array): RotaryAngles {
  const headDim = headWidth(config);
  const axes = config.mropeSection.flatMap((length, axis) => new Array<number>(length).fill(axis));
  const frequencies = axes.map((_, j) => inverseFrequency(config.ropeTheta, 2 * j, headDim));
  const count = positions.length / 3;
  return fillAngles(count, headDim, (row, j) => positions[axes[j]! * count + row]! * frequencies[j]!);
}

/** Height, width and number of frames of an image, counted in patches. */
export interface PatchGrid {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Rotary angles of the vision tower: the first half of the frequencies follows the row, the second the column.
 *
 * Shapes: -> [frames * height * width, headDim], in the order of the patches: frame by frame, in squares of
 * `spatialMergeSize`² that become one token.
 */
export function patchAngles(config: Qwen2VisionConfig, grid: PatchGrid): RotaryAngles {
  const headDim = config.embedDim / config.numHeads;
  const places = patchPlaces(grid, config.spatialMergeSize);
  const quarter = headDim / 4;
  const frequencies = Array.from({ length: quarter }, (_, j) => inverseFrequency(config.ropeTheta, 2 * j, headDim / 2));
  return fillAngles(places.length, headDim, (row, j) => {
    const place = places[row]!;
    return j < quarter ? place.row * frequencies[j]! : place.column * frequencies[j - quarter]!;
  });
}

function patchPlaces(grid: PatchGrid, merge: number): { row: number; column: number }[] {
  const places: { row: number; column: number }[] = [];
  for (let frame = 0; frame < grid.frames; frame++)
    for (let top = 0; top < grid.height; top += merge)
      for (let left = 0; left < grid.width; left += merge)
        for (let row = top; row < top + merge; row++)
          for (let column = left; column < left + merge; column++) places.push({ row, column });
  return places;
}

/** Rotary frequency 1 / theta^(exponent / dimension), in single precision as PyTorch computes it. */
export function inverseFrequency(theta: number, exponent: number, dimension: number): number {
  return Math.fround(1 / Math.fround(theta ** Math.fround(exponent / dimension)));
}

/** Cosines and sines of `angle(row, j)`, the same in both halves of a head. */
export function fillAngles(count: number, headDim: number, angle: (row: number, j: number) => number): RotaryAngles {
  const cos = new Float32Array(count * headDim);
  const sin = new Float32Array(count * headDim);
  const half = headDim / 2;
  for (let row = 0; row < count; row++) {
    for (let j = 0; j < half; j++) {
      const value = Math.fround(angle(row, j));
      const at = row * headDim + j;
      cos[at] = cos[at + half] = Math.cos(value);
      sin[at] = sin[at + half] = Math.sin(value);
    }
  }
  return { cos, sin, count, headDim };
}

/** Puts angles on the engine. The caller disposes the two tensors. */
export function createRotaryTable({ cos, sin, count, headDim }: RotaryAngles): RotaryTable {
  return { cos: tf.tensor2d(cos, [count, headDim]), sin: tf.tensor2d(sin, [count, headDim]) };
}
