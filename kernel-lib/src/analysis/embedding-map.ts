/** The corpus as an encoder sees it, on its two widest directions: the rows of a map. */

import { assertFinite } from "../base/check";
import { ShapeError } from "../base/errors";
import { createRandom } from "../base/random";
import type { Matrix } from "../base/types";

/** One point of the map. `role` says what it is; a query and its retrieved passages are drawn on top. */
export interface MapRow {
  readonly view: string;
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly truth: string;
  readonly role: "passage" | "retrieved" | "query";
  /** Share of the view's variance along x and along y. */
  readonly explainedX: number;
  readonly explainedY: number;
  /**
   * Of the view's passages of which is known what they show: the share whose nearest other such passage on the map shows the same, and what chance
   * gives. Null where fewer than two are known.
   */
  readonly agreement: number | null;
  readonly chance: number | null;
}

/**
 * The rows of one view: passages in their plane of largest variance, the query projected into the same plane.
 *
 * Shapes: embeddings [N, D], one row per entry of `passages`; query [D].
 *
 * @throws ShapeError when the counts differ.
 */
export function embeddingMapRows(
  view: string,
  embeddings: Matrix,
  passages: readonly { id: string; truth?: string | undefined }[],
  query?: { id: string; truth: string; embedding: Float32Array; retrievedIds?: readonly string[] | undefined },
): MapRow[] {
  if (passages.length !== embeddings.rows) {
    throw new ShapeError(
      `embeddingMapRows: passages must have ${embeddings.rows} entries like the embeddings; got ${passages.length}.`,
    );
  }
  const plane = principalPlane(embeddings);
  const truths = passages.map(({ truth }) => truth ?? UNKNOWN);
  const ofView = {
    ...{ explainedX: plane.explained[0], explainedY: plane.explained[1] },
    ...agreementOf(plane.points, truths),
  };
  const retrieved = new Set(query?.retrievedIds ?? []);
  const at = (points: Matrix, row: number): { x: number; y: number } => ({
    x: points.data[2 * row]!,
    y: points.data[2 * row + 1]!,
  });
  const rows: MapRow[] = passages.map(({ id }, row) => ({
    ...{ view, id, truth: truths[row]!, role: retrieved.has(id) ? "retrieved" : "passage" },
    ...at(plane.points, row),
    ...ofView,
  }));
  if (query !== undefined) {
    const point = plane.project({ data: query.embedding, rows: 1, cols: query.embedding.length });
    rows.push({ view, id: query.id, truth: query.truth, role: "query", ...at(point, 0), ...ofView });
  }
  return rows;
}

/** What a passage shows of which nobody knows it: no finding. */
const UNKNOWN = "unknown";

/** Agreement and chance among the points of which something is known. */
function agreementOf(points: Matrix, truths: readonly string[]): Pick<MapRow, "agreement" | "chance"> {
  const known = truths.flatMap((truth, row) => (truth === UNKNOWN ? [] : [row]));
  if (known.length < 2) return { agreement: null, chance: null };
  const data = Float32Array.from(known.flatMap((row) => [points.data[2 * row]!, points.data[2 * row + 1]!]));
  const shown = known.map((row) => truths[row]!);
  return {
    agreement: neighbourAgreement({ data, rows: known.length, cols: 2 }, shown),
    chance: chanceAgreement(shown),
  };
}

/** Share of points whose nearest other point shows the same thing. */
function neighbourAgreement({ data, rows }: Matrix, truths: readonly string[]): number {
  let same = 0;
  for (let i = 0; i < rows; i++) {
    let [nearest, smallest] = [-1, Number.POSITIVE_INFINITY];
    for (let j = 0; j < rows; j++) {
      const distance = (data[2 * i]! - data[2 * j]!) ** 2 + (data[2 * i + 1]! - data[2 * j + 1]!) ** 2;
      if (j !== i && distance < smallest) [nearest, smallest] = [j, distance];
    }
    if (truths[nearest] === truths[i]) same++;
  }
  return same / rows;
}

/** How often two different points drawn at random show the same thing. */
function chanceAgreement(truths: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const truth of truths) counts.set(truth, (counts.get(truth) ?? 0) + 1);
  const pairs = Math.max(1, truths.length * (truths.length - 1));
  return [...counts.values()].reduce((sum, count) => sum + count * (count - 1), 0) / pairs;
}

/** The plane of largest variance through a cloud of points. */
export interface PrincipalPlane {
  /** The points in the plane, shape [N, 2]. */
  readonly points: Matrix;
  /** Unit axes, shape [2, D]; in each the entry of largest size is positive, so the signs are always the same. */
  readonly axes: Matrix;
  /** Mean of the points, shape [D]. */
  readonly mean: Float32Array;
  /** Share of the variance along each axis. */
  readonly explained: readonly [number, number];
  /** Other points, shape [M, D], in the same plane: shape [M, 2]. */
  project(matrix: Matrix): Matrix;
}

const MAX_STEPS = 500;
const TOLERANCE = 1e-10;

/**
 * Principal component analysis in two dimensions by power iteration on the covariance.
 *
 * Shapes: matrix [N, D], N ≥ 2, D ≥ 2. The same matrix always gives the same plane.
 *
 * @throws ShapeError when the matrix is smaller. NumericError on NaN or ±Infinity.
 */
export function principalPlane(matrix: Matrix): PrincipalPlane {
  const { rows, cols, data } = matrix;
  if (rows < 2 || cols < 2 || data.length !== rows * cols) {
    throw new ShapeError(`principalPlane: matrix must have at least 2 rows and 2 columns; got [${rows}, ${cols}].`);
  }
  assertFinite("principalPlane: matrix", data);
  const mean = columnMeans(matrix);
  const covariance = covarianceOf(matrix, mean); // [D, D]
  let total = 0;
  for (let i = 0; i < cols; i++) total += covariance[i * cols + i]!;
  const first = largestDirection(covariance, cols, []);
  const second = largestDirection(covariance, cols, [first.axis]);
  const axes = new Float32Array([...first.axis, ...second.axis]);
  const project = (other: Matrix): Matrix => projectOn(other, mean, [first.axis, second.axis]);
  const share = (variance: number): number => (total > 0 ? variance / total : 0);
  return {
    points: project(matrix),
    axes: { data: axes, rows: 2, cols },
    mean: Float32Array.from(mean),
    explained: [share(first.variance), share(second.variance)],
    project,
  };
}

function columnMeans({ data, rows, cols }: Matrix): Float64Array {
  const mean = new Float64Array(cols);
  for (let i = 0; i < data.length; i++) mean[i % cols]! += data[i]! / rows;
  return mean;
}

function covarianceOf({ data, rows, cols }: Matrix, mean: Float64Array): Float64Array {
  const covariance = new Float64Array(cols * cols);
  const centred = new Float64Array(cols);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) centred[c] = data[r * cols + c]! - mean[c]!;
    for (let a = 0; a < cols; a++) {
      const value = centred[a]! / rows;
      for (let b = 0; b < cols; b++) covariance[a * cols + b]! += value * centred[b]!;
    }
  }
  return covariance;
}

/** The unit vector of largest variance that is orthogonal to `others`. */
function largestDirection(
  covariance: Float64Array,
  size: number,
  others: readonly Float64Array[],
): { axis: Float64Array; variance: number } {
  const random = createRandom("principalPlane").fork(String(others.length));
  let axis = unit(
    orthogonal(
      Float64Array.from({ length: size }, () => random.normal()),
      others,
    ),
  );
  let variance = 0;
  for (let step = 0; step < MAX_STEPS; step++) {
    const next = orthogonal(times(covariance, axis), others);
    variance = Math.hypot(...next);
    if (variance === 0) break;
    const turned = unit(next);
    const change = Math.hypot(...turned.map((value, i) => value - axis[i]!));
    axis = turned;
    if (change < TOLERANCE) break;
  }
  const strongest = axis.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return { axis: strongest < 0 ? axis.map((value) => -value) : axis, variance };
}

function times(square: Float64Array, vector: Float64Array): Float64Array {
  const size = vector.length;
  const result = new Float64Array(size);
  for (let a = 0; a < size; a++) {
    for (let b = 0; b < size; b++) result[a]! += square[a * size + b]! * vector[b]!;
  }
  return result;
}

function orthogonal(vector: Float64Array, others: readonly Float64Array[]): Float64Array {
  const result = Float64Array.from(vector);
  for (const other of others) {
    const along = other.reduce((sum, value, i) => sum + value * result[i]!, 0);
    for (let i = 0; i < result.length; i++) result[i]! -= along * other[i]!;
  }
  return result;
}

function unit(vector: Float64Array): Float64Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

function projectOn(matrix: Matrix, mean: Float64Array, axes: readonly Float64Array[]): Matrix {
  const { data, rows, cols } = matrix;
  if (cols !== mean.length) {
    throw new ShapeError(
      `project: matrix must have ${mean.length} columns like the fitted one; got [${rows}, ${cols}].`,
    );
  }
  const points = new Float32Array(rows * 2);
  for (let r = 0; r < rows; r++) {
    axes.forEach((axis, a) => {
      let along = 0;
      for (let c = 0; c < cols; c++) along += (data[r * cols + c]! - mean[c]!) * axis[c]!;
      points[r * 2 + a] = along;
    });
  }
  return { data: points, rows, cols: 2 };
}
