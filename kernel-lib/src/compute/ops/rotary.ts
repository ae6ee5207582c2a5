import * as tf from "@tensorflow/tfjs-core";
import { ShapeError } from "../../base/errors";
import { runFused } from "./fused-op";
import { hasNativeKernels, runNativeKernel } from "./native-kernels";

/** Cosines and sines of the rotary angles of a row of positions, each [count, headDim]: plain arrays. */
export interface RotaryAngles {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly count: number;
  readonly headDim: number;
}

/** Rotary frequency 1 / theta^(exponent / dimension), in single precision as PyTorch computes it. */
export function inverseFrequency(theta: number, exponent: number, dimension: number): number {
  return Math.fround(1 / Math.fround(theta ** Math.fround(exponent / dimension)));
}

/** Cosines and sines of `angle(row, j)`, the same in both halves of a head, times `scale`, default 1. */
export function fillAngles(
  count: number,
  headDim: number,
  angle: (row: number, j: number) => number,
  scale = 1,
): RotaryAngles {
  const cos = new Float32Array(count * headDim);
  const sin = new Float32Array(count * headDim);
  const half = headDim / 2;
  for (let row = 0; row < count; row++) {
    for (let j = 0; j < half; j++) {
      const value = Math.fround(angle(row, j));
      const at = row * headDim + j;
      cos[at] = cos[at + half] = Math.fround(Math.cos(value)) * scale;
      sin[at] = sin[at + half] = Math.fround(Math.sin(value)) * scale;
    }
  }
  return { cos, sin, count, headDim };
}

/**
 * Cosines and sines of rotary angles on the engine, each [positions, width of a head], the same in both halves of a head. Activations of
 * more rows than positions repeat the positions. The holder disposes them.
 */
export interface RotaryTable {
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

/** Puts angles on the engine. The caller disposes the two tensors. */
export function createRotaryTable({ cos, sin, count, headDim }: RotaryAngles): RotaryTable {
  return { cos: tf.tensor2d(cos, [count, headDim]), sin: tf.tensor2d(sin, [count, headDim]) };
}

/**
 * Turns every head of every row by its angles: x · cos + rotateHalf(x) · sin.
 *
 * Shapes: x [rows, heads · width] -> the same. rotateHalf sends (a, b), the halves of a head, to (-b, a).
 * Gradient: flows to x: dy · cos - rotateHalf(dy) · sin, since both halves of a head share their angles.
 *
 * @throws ShapeError when x does not hold whole heads and whole repetitions of the positions.
 */
export function rotate(x: tf.Tensor2D, table: RotaryTable): tf.Tensor2D {
  assertTurnable(x.shape, table);
  return runFused<tf.Tensor2D>({
    inputs: { x },
    forward: (save) => {
      save([table.cos, table.sin]); // the table may be gone before the gradient is computed
      return turnHeads(x, table, "forward");
    },
    backward: (dy, saved) => {
      const [cos, sin] = saved as [tf.Tensor2D, tf.Tensor2D];
      return { x: () => turnHeads(dy, { cos, sin }, "back") };
    },
  });
}

/** `rotate`, or its inverse, of any shape [..., heads · width], without a gradient. */
export function turnHeads<T extends tf.Tensor>(x: T, table: RotaryTable, direction: "forward" | "back"): T {
  const { cos, sin } = table;
  if (hasNativeKernels())
    return runNativeKernel("JomedRotary", { direction: direction === "forward" ? 1 : -1 }, [x, cos, sin], 1)[0] as T;
  const [positions, width] = cos.shape;
  const heads = tf.reshape(x, [-1, positions, x.shape.at(-1)! / width, width]); // [repetitions, positions, heads, width]
  const across = (angles: tf.Tensor2D): tf.Tensor => tf.reshape(angles, [positions, 1, width]);
  const [straight, turned] = [tf.mul(heads, across(cos)), tf.mul(rotateHalf(heads), across(sin))];
  const combine = direction === "forward" ? tf.add : tf.sub;
  return tf.reshape(combine(straight, turned), x.shape) as T;
}

/** Whether cos and sin are tables of heads, of one shape, that fill the rows when repeated. */
export function repeatsIn(rows: number, { cos, sin }: RotaryTable): boolean {
  const [positions, width] = cos.shape;
  return tf.util.arraysEqual(cos.shape, sin.shape) && width % 2 === 0 && positions > 0 && rows % positions === 0;
}

function assertTurnable(shape: readonly number[], { cos, sin }: RotaryTable): void {
  const [positions, width] = cos.shape;
  if (repeatsIn(shape[0]!, { cos, sin }) && shape[1]! % width === 0) return;
  throw new ShapeError(
    `rotate: x must hold whole heads and whole repetitions of the positions of cos and sin, [${cos.shape.join(", ")}] and [${sin.shape.join(", ")}]; got [${shape.join(", ")}].`,
    { shape, positions, width },
  );
}

/** One small matrix product does it: cheaper than two slices, a negation and a concatenation. [..., width] */
function rotateHalf(heads: tf.Tensor): tf.Tensor {
  const width = heads.shape.at(-1)!;
  const half = width / 2;
  const turn = new Float32Array(width * width);
  for (let j = 0; j < half; j++) {
    turn[(j + half) * width + j] = -1;
    turn[j * width + j + half] = 1;
  }
  const rows = tf.reshape(heads, [-1, width]);
  return tf.reshape(tf.matMul(rows, tf.tensor2d(turn, [width, width])), heads.shape);
}
