import { assertSameLength } from "../base/check";
import { ShapeError } from "../base/errors";
import { argMax } from "../base/numbers";
import { softmax, softmaxInPlace } from "../base/softmax";
import type { Matrix } from "../base/types";

// What a frozen encoder shows of a thing: how well a linear classifier on its embeddings tells it. Softmax regression, trained to the end, so
// that the number says something about the embeddings and nothing about a recipe.

/** Weight of the squared coefficients. */
const RIDGE = 1e-3;
const ITERATIONS = 300;
const POWER_STEPS = 20;
/** A coordinate that hardly varies is left as it is. */
const SMALLEST_DEVIATION = 1e-6;

/** A classifier of rows. */
export interface LinearProbe {
  /** The likeliest class of each row, [n]. */
  readonly classify: (rows: Matrix) => number[];
  /** The probability of each class of each row, [n][C]. */
  readonly probabilities: (rows: Matrix) => number[][];
}

/** How rows are brought to mean 0 and deviation 1, with a constant behind the last column. */
type Scaling = (rows: Matrix) => Matrix;

function scalingOf({ data, rows, cols }: Matrix): Scaling {
  const [mean, deviation] = [new Float64Array(cols), new Float64Array(cols)];
  for (let i = 0; i < rows; i++) for (let d = 0; d < cols; d++) mean[d]! += data[i * cols + d]! / rows;
  for (let i = 0; i < rows; i++) for (let d = 0; d < cols; d++) deviation[d]! += (data[i * cols + d]! - mean[d]!) ** 2;
  for (let d = 0; d < cols; d++) deviation[d] = Math.sqrt(deviation[d]! / rows);
  return (given) => {
    const scaled = new Float32Array(given.rows * (cols + 1));
    for (let i = 0; i < given.rows; i++) {
      for (let d = 0; d < cols; d++) {
        const spread = deviation[d]! < SMALLEST_DEVIATION ? 1 : deviation[d]!;
        scaled[i * (cols + 1) + d] = (given.data[i * cols + d]! - mean[d]!) / spread;
      }
      scaled[i * (cols + 1) + cols] = 1;
    }
    return { data: scaled, rows: given.rows, cols: cols + 1 };
  };
}

/** Largest eigenvalue of XᵀX / n, by power iteration: how steep the loss can be. */
function steepness({ data, rows, cols }: Matrix): number {
  let vector = new Float64Array(cols).fill(1 / Math.sqrt(cols));
  let size = 1;
  for (let step = 0; step < POWER_STEPS; step++) {
    const next = new Float64Array(cols);
    for (let i = 0; i < rows; i++) {
      let dot = 0;
      for (let d = 0; d < cols; d++) dot += data[i * cols + d]! * vector[d]!;
      for (let d = 0; d < cols; d++) next[d]! += (dot * data[i * cols + d]!) / rows;
    }
    size = Math.sqrt(next.reduce((sum, value) => sum + value * value, 0)) || 1;
    vector = next.map((value) => value / size);
  }
  return size;
}

/** Logits of one row, [C], into `logits`. Two classes at a time, whose sums do not wait for each other; each is summed in order. */
function fillLogits({ data, cols }: Matrix, row: number, weights: Float64Array, logits: Float64Array): void {
  const start = row * cols;
  for (let c = 0; c < logits.length; c += 2) {
    const first = c * cols;
    const second = c + 1 < logits.length ? first + cols : first;
    let [one, other] = [0, 0];
    for (let d = 0; d < cols; d++) {
      const value = data[start + d]!;
      one += value * weights[first + d]!;
      other += value * weights[second + d]!;
    }
    logits[c] = one;
    if (second !== first) logits[c + 1] = other;
  }
}

/** Gradient of the mean cross-entropy with its ridge, [C, D]. */
function gradientOf(rows: Matrix, classes: readonly number[], weights: Float64Array, numClasses: number): Float64Array {
  const { data, cols } = rows;
  const gradient = weights.map((weight) => RIDGE * weight);
  const shares = new Float64Array(numClasses);
  for (let i = 0; i < rows.rows; i++) {
    fillLogits(rows, i, weights, shares);
    softmaxInPlace(shares);
    const start = i * cols;
    for (let c = 0; c < numClasses; c++) {
      const excess = (shares[c]! - (c === classes[i] ? 1 : 0)) / rows.rows;
      const first = c * cols;
      for (let d = 0; d < cols; d++) gradient[first + d]! += excess * data[start + d]!;
    }
  }
  return gradient;
}

/** Nesterov's descent with the step that the steepness allows; the same rows give the same weights. */
function descend(rows: Matrix, classes: readonly number[], numClasses: number): Float64Array {
  const step = 1 / (0.5 * steepness(rows) + RIDGE);
  let weights = new Float64Array(numClasses * rows.cols);
  let before = weights;
  for (let k = 0; k < ITERATIONS; k++) {
    const ahead = weights.map((weight, at) => weight + (k / (k + 3)) * (weight - before[at]!));
    const gradient = gradientOf(rows, classes, ahead, numClasses);
    before = weights;
    weights = ahead.map((weight, at) => weight - step * gradient[at]!);
  }
  return weights;
}

/**
 * Softmax regression on embeddings.
 *
 * Shapes: embeddings [n, D]; classes [n], 0 … C - 1, of which every one need not occur.
 * @throws ShapeError when the lengths differ or there is no row.
 */
export function trainLinearProbe(embeddings: Matrix, classes: readonly number[], numClasses: number): LinearProbe {
  assertSameLength("trainLinearProbe: classes", classes.length, embeddings.rows);
  if (embeddings.rows === 0) throw new ShapeError("trainLinearProbe: embeddings must hold at least one row; got 0.");
  const scale = scalingOf(embeddings);
  const weights = descend(scale(embeddings), classes, numClasses);
  const judge = (rows: Matrix): number[][] => {
    const scaled = scale(rows);
    return Array.from({ length: rows.rows }, (_, i) => {
      const logits = new Float64Array(numClasses);
      fillLogits(scaled, i, weights, logits);
      return Array.from(logits);
    });
  };
  return {
    classify: (rows) => judge(rows).map(argMax),
    probabilities: (rows) => judge(rows).map((logits) => Array.from(softmax(logits))),
  };
}
