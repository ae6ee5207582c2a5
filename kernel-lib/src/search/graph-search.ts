import { mean } from "../base/numbers";
import type { Matrix } from "../base/types";
import type { Fold } from "./equal-rows";
import { chooseScanner } from "./flat-index";
import type { NativeGraph } from "./search-addon";
import {
  acceptedPositions,
  assertQueries,
  type Hits,
  inPieces,
  reaches,
  rowsOf,
  type SearchOptions,
  TopK,
  type VectorIndex,
} from "./vector-index";

/*
 * Searching a graph whose nodes are the different rows of a corpus: node i is every position that `fold` gives it, or position i where all
 * rows differ.
 */

/** A graph over the different rows. */
export interface FoldedGraph {
  readonly graph: NativeGraph;
  /** Null where all rows differ. */
  readonly fold: Fold | null;
}

/** Queries per call of the graph: a few milliseconds. */
const QUERIES_PER_CALL = 256;

/** How many times k are fetched under a filter before every vector is compared instead. */
const FILTER_FACTOR = 4;

/** How many nodes more are fetched of a folded corpus: those that tie with the last one. */
const TIES = 16;

/** The best positions of a query and their inner products. */
interface Best {
  readonly positions: number[];
  readonly scores: number[];
}

/** Of what may be found, how much. */
interface Wish {
  readonly k: number;
  readonly isAllowed: (position: number) => boolean;
}

/** The positions of a node, ascending. */
function positionsOf(fold: Fold | null, node: number): ArrayLike<number> {
  return fold === null ? [node] : fold.positions.subarray(fold.starts[node]!, fold.starts[node + 1]!);
}

/** Every allowed vector compared: for a filter so strict that the fetched ones hold too few. */
function scanAll({ graph, fold }: FoldedGraph, query: Float32Array, { k, isAllowed }: Wish): Best {
  const scoreByPosition: [position: number, score: number][] = [];
  const point = new Float32Array(query.length);
  for (let node = 0; node < graph.count(); node++) {
    const allowed = Array.from(positionsOf(fold, node)).filter(isAllowed);
    if (allowed.length === 0) continue;
    graph.row(node, point);
    let score = 0;
    for (let i = 0; i < query.length; i++) score += query[i]! * point[i]!;
    for (const position of allowed.slice(0, k)) scoreByPosition.push([position, Math.fround(score)]);
  }
  if (fold !== null) scoreByPosition.sort(([a], [b]) => a - b);
  const best = new TopK(k);
  for (const [position, score] of scoreByPosition) best.push(position, score);
  return best;
}

/** What the graph found for some queries, `fetch` places each. */
interface Fetched {
  readonly fetch: number;
  readonly nodes: Int32Array;
  readonly distances: Float32Array;
}

async function fetchNodes(graph: NativeGraph, queries: Float32Array, count: number, wanted: number): Promise<Fetched> {
  const fetch = Math.min(graph.count(), wanted);
  const nodes = new Int32Array(count * fetch);
  const distances = new Float32Array(count * fetch);
  await graph.search(queries, fetch, nodes, distances);
  return { fetch, nodes, distances };
}

/** The first k allowed of a query's fetched ones, best first; fewer where too many are forbidden. All rows differ. */
function firstAllowed({ fetch, nodes, distances }: Fetched, query: number, { k, isAllowed }: Wish): Best {
  const best: Best = { positions: [], scores: [] };
  for (let i = query * fetch; i < (query + 1) * fetch && best.positions.length < k; i++) {
    const position = nodes[i]!;
    if (position < 0) break;
    if (!isAllowed(position)) continue;
    best.positions.push(position);
    best.scores.push(Math.fround(1 - distances[i]!));
  }
  return best;
}

/** The same where a node may be several positions: of equal scores the lower positions come first, whichever node they are of. */
function firstUnfolded({ fetch, nodes, distances }: Fetched, fold: Fold, query: number, { k, isAllowed }: Wish): Best {
  const best: Best = { positions: [], scores: [] };
  const end = (query + 1) * fetch;
  for (let i = query * fetch; i < end && best.positions.length < k && nodes[i]! >= 0; ) {
    const score = Math.fround(1 - distances[i]!);
    const tied: number[] = [];
    for (; i < end && nodes[i]! >= 0 && Math.fround(1 - distances[i]!) === score; i++) {
      let left = k;
      for (const position of Array.from(positionsOf(fold, nodes[i]!))) {
        if (left === 0) break;
        if (!isAllowed(position)) continue;
        tied.push(position);
        left--;
      }
    }
    for (const position of tied.sort((a, b) => a - b).slice(0, k - best.positions.length)) {
      best.positions.push(position);
      best.scores.push(score);
    }
  }
  return best;
}

/**
 * The k best of every query. Instead of filtering inside the graph, more than k are fetched and the forbidden ones left out: a
 * callback from native code could not throw.
 *
 * @throws what `VectorIndex.search` throws.
 */
export async function searchGraph(
  index: VectorIndex,
  folded: FoldedGraph,
  queries: Matrix,
  k: number,
  options: SearchOptions,
): Promise<Hits[]> {
  assertQueries(index, queries, k, options);
  const { graph, fold } = folded;
  const { accept, excludeIds, control } = options;
  const mask = accept === undefined ? null : acceptedPositions(index.ids, accept);
  const wanted = Math.min(k, index.size);
  const found: Hits[] = [];
  const readQueries = async (first: number, last: number, excluded: readonly string[]) => {
    const fetch = (k + excluded.length) * (mask === null ? 1 : FILTER_FACTOR) + (fold === null ? 0 : TIES);
    const fetched = await fetchNodes(graph, rowsOf(queries, first, last), last - first, fetch);
    const isAllowed = (position: number) =>
      (mask === null || mask[position] === 1) && !excluded.includes(index.ids[position]!);
    const wish = { k: wanted, isAllowed };
    for (let q = first; q < last; q++) {
      const best =
        fold === null ? firstAllowed(fetched, q - first, wish) : firstUnfolded(fetched, fold, q - first, wish);
      const whole = best.positions.length === wanted;
      const { positions, scores } = whole ? best : scanAll(folded, rowsOf(queries, q, q + 1), wish);
      found.push({ ids: positions.map((p) => index.ids[p]!), positions, scores });
    }
  };
  const work = { stage: "approximate search", count: queries.rows, size: QUERIES_PER_CALL, control };
  await inPieces(work, async (first, last) => {
    if (excludeIds === undefined) return readQueries(first, last, []);
    // one at a time: what is found for a query must not depend on how many its neighbours exclude
    for (let q = first; q < last; q++) await readQueries(q, q + 1, excludeIds[q]!);
  });
  return found;
}

/** Rows that are asked for, and how many neighbours of each. */
const SAMPLE = 64;
export const RECALL_AT = 10;

/** Rows at even distances: [SAMPLE], fewer of a small corpus. */
function sampleRows(rows: Matrix): {
  readonly nodes: readonly number[];
  readonly queries: Float32Array;
} {
  const count = Math.min(SAMPLE, rows.rows);
  const nodes = Array.from({ length: count }, (_, i) => Math.floor((i * rows.rows) / count));
  const queries = new Float32Array(count * rows.cols);
  for (const [i, node] of nodes.entries()) queries.set(rowsOf(rows, node, node + 1), i * rows.cols);
  return { nodes, queries };
}

/** The score that the k-th nearest other row of every sampled row reaches. */
async function exactLimits(
  rows: Matrix,
  nodes: readonly number[],
  queries: Float32Array,
  k: number,
): Promise<number[]> {
  const { scanRows, productsPerCall } = chooseScanner();
  const size = Math.max(1, Math.floor(productsPerCall / rows.data.length));
  const limits: number[] = [];
  for (let first = 0; first < nodes.length; first += size) {
    const some = nodes.slice(first, first + size);
    const positions = new Int32Array(some.length * (k + 1));
    const scores = new Float64Array(positions.length);
    const part = queries.subarray(first * rows.cols, (first + some.length) * rows.cols);
    await scanRows(rows.data, rows.cols, part, k + 1, null, positions, scores);
    some.forEach((node, q) => {
      const found = [...positions.subarray(q * (k + 1), (q + 1) * (k + 1))].indexOf(node);
      limits.push(scores[q * (k + 1) + (found < 0 ? k - 1 : k)]!); // one more was asked for: itself
    });
  }
  return limits;
}

/**
 * Recall@10 on the corpus itself: the share of the ten nearest other rows that the graph finds for 64 of its rows; at most so many where
 * there are fewer. 1 for a single row.
 *
 * @param rows the rows of the graph's nodes.
 */
export async function measureOwnRecall(graph: NativeGraph, rows: Matrix): Promise<number> {
  const k = Math.min(RECALL_AT, rows.rows - 1);
  if (k === 0) return 1;
  const { nodes, queries } = sampleRows(rows);
  const limits = await exactLimits(rows, nodes, queries, k);
  const { fetch, nodes: found, distances } = await fetchNodes(graph, queries, nodes.length, k + 1);
  const shares = nodes.map((node, q) => {
    let count = 0;
    for (let i = q * fetch; i < (q + 1) * fetch; i++) {
      if (found[i]! >= 0 && found[i] !== node && reaches(1 - distances[i]!, limits[q]!)) count++;
    }
    return Math.min(1, count / k);
  });
  return mean(shares);
}
