import { assertFinite, assertSameLength } from "../base/check";
import { NumericError, ShapeError } from "../base/errors";
import { mean } from "../base/numbers";
import type { Interval } from "./bootstrap";

/** Fewer pairs have no interval: its width goes by n - 3. */
const LEAST_PAIRS = 4;
/** Of the normal distribution: 95 % lie within. */
const WITHIN_95 = 1.959964;

/**
 * Pearson's correlation of pairs, in [-1, 1], with its 95 % interval by Fisher's transformation (which takes the pairs as draws of a
 * normal distribution: with a handful of chosen settings it is a guide, not a test).
 *
 * @param first one value a pair, [n].
 * @param second the other value, [n].
 * @throws ShapeError when the lengths differ or there are fewer than four pairs. NumericError on NaN, or where all values of a side
 * are equal: no correlation is defined.
 * @example pearson([1, 2, 3, 4], [1, 3, 2, 4]).value   // 0.8
 */
export function pearson(first: readonly number[], second: readonly number[]): Interval {
  assertSameLength("pearson: second", second.length, first.length);
  if (first.length < LEAST_PAIRS) {
    throw new ShapeError(`pearson: first must hold at least ${LEAST_PAIRS} values; got ${first.length}.`);
  }
  const [a, b] = [centred("first", first), centred("second", second)];
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  const value = Math.max(-1, Math.min(1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))));
  const half = WITHIN_95 / Math.sqrt(first.length - 3);
  const at = (shift: number): number => Math.tanh(Math.atanh(value) + shift); // ±1 stays where it is
  return { value, low: at(-half), high: at(half) };
}

function centred(name: string, values: readonly number[]): number[] {
  assertFinite(`pearson: ${name}`, values);
  const middle = mean(values);
  if (values.some((value) => value !== values[0])) return values.map((value) => value - middle);
  throw new NumericError(`pearson: ${name} must hold different values; all ${values.length} are ${values[0]}.`);
}
