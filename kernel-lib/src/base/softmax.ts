import { NumericError } from "./errors";

/**
 * Natural logarithm of softmax(values / temperature), computed without overflow.
 *
 * @param temperature > 0, no unit. Default 1.
 * @throws NumericError when there is no finite maximum (empty, NaN, +Infinity, or all -Infinity).
 * @example logSoftmax([0, 0])   // [-0.6931, -0.6931]
 */
export function logSoftmax(values: ArrayLike<number>, temperature = 1): Float64Array {
  const scaled = new Float64Array(values.length); // loops, not iterators: a training calls this a million times
  for (let i = 0; i < values.length; i++) scaled[i] = values[i]! / temperature;
  subtractLogSum(scaled);
  return scaled;
}

/** Takes log Σ exp from every value, in their place. */
function subtractLogSum(scaled: Float64Array): void {
  let maximum = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scaled.length; i++) {
    const value = scaled[i]!;
    maximum = value > maximum || Number.isNaN(value) ? value : maximum;
  }
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
  for (let i = 0; i < scaled.length; i++) sum += Math.exp(scaled[i]! - maximum);
  const logSum = maximum + Math.log(sum);
  for (let i = 0; i < scaled.length; i++) scaled[i]! -= logSum;
}

/** `softmax` of values in their place, bit for bit: for loops that would make an array a million times. @throws NumericError as logSoftmax does. */
export function softmaxInPlace(values: Float64Array): void {
  subtractLogSum(values);
  for (let i = 0; i < values.length; i++) values[i] = Math.exp(values[i]!);
}

/** Probabilities proportional to exp(values / temperature); they sum to 1. @throws NumericError as logSoftmax does. */
export function softmax(values: ArrayLike<number>, temperature = 1): Float64Array {
  return logSoftmax(values, temperature).map(Math.exp);
}

/**
 * log Σ exp(values), computed without overflow; -Infinity entries count as 0.
 *
 * @returns -Infinity when every value is, or there is none.
 * @example logSumExp([0, 0])   // 0.6931
 */
export function logSumExp(values: ArrayLike<number>): number {
  let maximum = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) if (values[i]! > maximum) maximum = values[i]!;
  if (maximum === Number.NEGATIVE_INFINITY) return maximum;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - maximum);
  return maximum + Math.log(sum);
}
