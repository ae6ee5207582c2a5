import { createRandom } from "../base/random";
import type { Matrix } from "../base/types";
import { rowsOf } from "./vector-index";

/*
 * Equal rows of a corpus, folded into one: thousands of reports are the same sentence, every picture of a study has one text. In a graph
 * such rows have only one another for neighbours, and hide the rest.
 */

/** Which rows of a corpus are the same. */
export interface Fold {
  /** Of every different row the lowest position, ascending: [distinct]. */
  readonly first: Int32Array;
  /** Where the positions of a different row begin in `positions`: [distinct + 1]. */
  readonly starts: Int32Array;
  /** All positions, those of a different row side by side, ascending: [rows]. */
  readonly positions: Int32Array;
}

/** Two rows are equal that differ by no more than this share of their length: what rounding makes of one embedding. */
const TOLERANCE = 2e-6;
/** Most leaders that a row is compared with: rows scattered about as far as the tolerance have too many. */
const MOST_LEADERS = 64;

/** A direction, of length 1, that no corpus prefers. */
function drawDirection(dimension: number): Float64Array {
  const random = createRandom("equal rows");
  const values = Float64Array.from({ length: dimension }, () => random.normal());
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

/** How far every row reaches along a direction, and its length: [rows] each. */
function project({ data, rows, cols }: Matrix): { readonly along: Float64Array; readonly lengths: Float64Array } {
  const direction = drawDirection(cols);
  const [along, lengths] = [new Float64Array(rows), new Float64Array(rows)];
  for (let row = 0; row < rows; row++) {
    let [sum, square] = [0, 0];
    for (let i = 0; i < cols; i++) {
      const value = data[row * cols + i]!;
      sum += value * direction[i]!;
      square += value * value;
    }
    along[row] = sum;
    lengths[row] = Math.sqrt(square);
  }
  return { along, lengths };
}

function areNear({ data, cols }: Matrix, a: number, b: number, most: number): boolean {
  let square = 0;
  for (let i = 0; i < cols; i++) {
    square += (data[a * cols + i]! - data[b * cols + i]!) ** 2;
    if (square > most * most) return false;
  }
  return true;
}

/** For every row one that stands for it; itself where it is the first that is met. Rows that are equal lie side by side on a line. */
function leadersOf(embeddings: Matrix): Int32Array {
  const { rows } = embeddings;
  const { along, lengths } = project(embeddings);
  const order = Uint32Array.from({ length: rows }, (_, row) => row).sort((a, b) => along[a]! - along[b]! || a - b);
  const leaders = new Int32Array(rows);
  let window: number[] = []; // the last leaders that the next rows may equal
  for (const row of order) {
    const most = TOLERANCE * lengths[row]!;
    const isNear = (leader: number): boolean => along[row]! - along[leader]! <= most;
    if (window.length > 0 && !isNear(window[0]!)) window = window.filter(isNear);
    const leader = window.find((other) => areNear(embeddings, row, other, most));
    leaders[row] = leader ?? row;
    if (leader === undefined && window.push(row) > MOST_LEADERS) window.shift();
  }
  return leaders;
}

/** A fold from the lowest position that each row equals: [rows]. */
function foldBy(lowest: Int32Array): Fold {
  const counts = new Int32Array(lowest.length);
  for (const position of lowest) counts[position]!++;
  const first = Int32Array.from(lowest.keys()).filter((position) => counts[position]! > 0);
  const starts = new Int32Array(first.length + 1);
  const next = new Int32Array(lowest.length); // where the next position of a row goes
  first.forEach((position, i) => {
    next[position] = starts[i]!;
    starts[i + 1] = starts[i]! + counts[position]!;
  });
  const positions = new Int32Array(lowest.length);
  lowest.forEach((of, position) => {
    positions[next[of]!++] = position;
  });
  return { first, starts, positions };
}

/** Finds the rows that are the same; null where all differ. */
export function foldRows(embeddings: Matrix): Fold | null {
  const leaders = leadersOf(embeddings);
  const lowest = new Map<number, number>();
  leaders.forEach((leader, row) => {
    if (!lowest.has(leader)) lowest.set(leader, row);
  });
  return lowest.size === leaders.length ? null : foldBy(leaders.map((leader) => lowest.get(leader)!));
}

/** The different rows, in order; the corpus itself where all differ. */
export function distinctRows(embeddings: Matrix, fold: Fold | null): Matrix {
  if (fold === null) return embeddings;
  const { cols } = embeddings;
  const data = new Float32Array(fold.first.length * cols);
  for (const [i, row] of fold.first.entries()) data.set(rowsOf(embeddings, row, row + 1), i * cols);
  return { data, rows: fold.first.length, cols };
}

/** A row and the lower position that it equals. */
export type Copy = readonly [position: number, of: number];

/** The fold as a file keeps it. */
export function copiesIn(fold: Fold | null): Copy[] {
  if (fold === null) return [];
  const { first, starts, positions } = fold;
  return [...first].flatMap((of, i) =>
    [...positions.subarray(starts[i]! + 1, starts[i + 1])].map((position) => [position, of] as const),
  );
}

/** The fold of these copies among so many rows. @throws RangeError when they are none. */
export function foldOfCopies(rows: number, copies: readonly Copy[]): Fold | null {
  if (copies.length === 0) return null;
  const lowest = Int32Array.from({ length: rows }, (_, row) => row);
  for (const [position, of] of copies) {
    const sound = Number.isInteger(position) && Number.isInteger(of) && 0 <= of && of < position && position < rows;
    if (!sound || lowest[position] !== position) throw new RangeError(`row ${position} must equal a lower one, once`);
    lowest[position] = of;
  }
  if (copies.some(([, of]) => lowest[of] !== of)) throw new RangeError("a row must equal one that equals no other");
  return foldBy(lowest);
}
