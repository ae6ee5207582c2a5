import { ShapeError } from "../base/errors";

/** A share of n cases with its 95 % interval. */
export interface Share {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly n: number;
}

const Z = 1.959964; // 97.5 % point of the normal distribution

/**
 * Share `count / n` with the Wilson score interval (95 %), which stays within [0, 1] for 0 and n as well.
 *
 * @throws ShapeError when n is not positive or count is outside [0, n].
 */
export function shareOf(count: number, n: number): Share {
  if (!(n > 0) || count < 0 || count > n) {
    throw new ShapeError(`shareOf: count must be in [0, n] with n > 0; got ${count} of ${n}.`, { count, n });
  }
  const p = count / n;
  const middle = (p + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z / (1 + (Z * Z) / n)) * Math.sqrt((p * (1 - p)) / n + (Z * Z) / (4 * n * n));
  return { value: p, low: Math.max(0, middle - half), high: Math.min(1, middle + half), count, n };
}
