import { NumericError } from "./errors";

/**
 * Natural logarithm of softmax(values / temperature), computed without overflow.
 *
 * @param temperature > 0, no unit. Default 1.
 * @throws NumericError when there is no finite maximum (empty, NaN, +Infinity, or all -Infinity).
 * @example logSoftmax([0, 0])   // [-0.6931, -0.6931]
 */
export function logSoftmax(values: ArrayLike<number>, temperature = 1): Float64Array {
  const scaled = Float64Array.from(values, (value) => value / temperature);
  let maximum = Number.NEGATIVE_INFINITY;
  for (const value of scaled) maximum = value > maximum || Number.isNaN(value) ? value : maximum;
  if (!Number.isFinite(maximum)) {
    throw new NumericError(
      `logSoftmax: values must have a finite maximum; got ${maximum} of ${scaled.length} values.`,
      {
        maximum,
        length: scaled.length,
      },
    );
  }
  let sum = 0;
  for (const value of scaled) sum += Math.exp(value - maximum);
  const logSum = maximum + Math.log(sum);
  return scaled.map((value) => value - logSum);
}

/** Probabilities proportional to exp(values / temperature); they sum to 1. @throws NumericError as logSoftmax does. */
export function softmax(values: ArrayLike<number>, temperature = 1): Float64Array {
  return logSoftmax(values, temperature).map(Math.exp);
}
