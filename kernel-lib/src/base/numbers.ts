// What lists of numbers are asked for everywhere: their sum, their mean, the place of the largest.

/** The sum, added from the first on; 0 of none. */
export function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

/** The mean; NaN of none. */
export function mean(values: ArrayLike<number>): number {
  return sum(values) / values.length;
}

/**
 * The place of the largest value, of equals the first; -1 of none.
 *
 * @example argMax([0.2, 0.5, 0.5])   // 1
 */
export function argMax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
