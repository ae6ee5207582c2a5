import { assertSameLength } from "../base/check";
import { ShapeError } from "../base/errors";
import { argMax } from "../base/numbers";
import { softmax, softmaxInPlace } from "../base/softmax";
import type { Matrix } from "../base/types";

// What a frozen encoder shows of a thing: how well a linear classifier on its embeddings tells it. Softmax regression, trained to the end, so
// that the number says something about the embeddings and nothing about a recipe.

/** Weight of the squared coefficients. */
const RIDGE = 1e-3;
/** No slope of the loss is larger before the last step; of a dozen signs of a casebook the loss is then within 1e-6 of the least. */
const TOLERANCE = 1e-5;
/** A dozen signs of a casebook take 7 to 250. */
const MOST_ITERATIONS = 1000;
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

/** Solves B·x = g in place, of each [D] row of g. */
type Solve = (rows: Float64Array) => Float64Array;

/** The factor of the Cholesky decomposition of a positive definite [D, D], its lower triangle, in place. */
function factorise(matrix: Float64Array, size: number): Float64Array {
  for (let row = 0; row < size; row++) {
    for (let col = 0; col <= row; col++) {
      let left = matrix[row * size + col]!;
      for (let k = 0; k < col; k++) left -= matrix[row * size + k]! * matrix[col * size + k]!;
      matrix[row * size + col] = row === col ? Math.sqrt(left) : left / matrix[col * size + col]!;
    }
  }
  return matrix;
}

/**
 * What the loss of every class curves at most: B = XᵀX / 2n with the ridge, which bounds the Hessian of softmax regression wherever the
 * coefficients stand (Böhning, Multinomial logistic regression algorithm, 1992), so that a step of B⁻¹ never goes too far.
 */
function boundOf({ data, rows, cols }: Matrix): Solve {
  const bound = new Float64Array(cols * cols);
  for (let i = 0; i < rows; i++) {
    for (let a = 0; a < cols; a++) {
      const share = data[i * cols + a]! / (2 * rows);
      for (let b = 0; b <= a; b++) bound[a * cols + b]! += share * data[i * cols + b]!;
    }
  }
  for (let a = 0; a < cols; a++) bound[a * cols + a]! += RIDGE;
  const factor = factorise(bound, cols);
  const solveRow = (row: Float64Array): void => {
    for (let a = 0; a < cols; a++) {
      for (let k = 0; k < a; k++) row[a]! -= factor[a * cols + k]! * row[k]!;
      row[a]! /= factor[a * cols + a]!;
    }
    for (let a = cols - 1; a >= 0; a--) {
      for (let k = a + 1; k < cols; k++) row[a]! -= factor[k * cols + a]! * row[k]!;
      row[a]! /= factor[a * cols + a]!;
    }
  };
  return (given) => {
    const solved = given.slice();
    for (let start = 0; start < solved.length; start += cols) solveRow(solved.subarray(start, start + cols));
    return solved;
  };
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

/** Nesterov's descent in steps of the bound, begun anew where it overshoots; the same rows give the same weights. */
function descend(rows: Matrix, classes: readonly number[], numClasses: number): Float64Array {
  const solve = boundOf(rows);
  let weights = new Float64Array(numClasses * rows.cols);
  let before = weights;
  for (let step = 0, speed = 0; step < MOST_ITERATIONS; step++, speed++) {
    const ahead = weights.map((weight, at) => weight + (speed / (speed + 3)) * (weight - before[at]!));
    const gradient = gradientOf(rows, classes, ahead, numClasses);
    const move = solve(gradient);
    before = weights;
    weights = ahead.map((weight, at) => weight - move[at]!);
    if (gradient.every((slope) => Math.abs(slope) < TOLERANCE)) break;
    const uphill = gradient.reduce((sum, slope, at) => sum + slope * (weights[at]! - before[at]!), 0);
    if (uphill > 0) speed = -1; // 0 at the next step
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
