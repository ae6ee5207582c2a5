import type { Matrix } from "../base/types";
import { inPieces, rowsOf } from "./in-pieces";
import type { NativeGraph } from "./search-addon";
import { TopK } from "./top-k";
import { acceptedPositions, assertQueries, type Hits, type SearchOptions, type VectorIndex } from "./vector-index";

/** Queries per call of the graph: a few milliseconds. */
const QUERIES_PER_CALL = 256;

/** How many times k are fetched under a filter before every vector is compared instead. */
const FILTER_FACTOR = 4;

/** The best positions of a query and their inner products. */
interface Best {
  readonly positions: readonly number[];
  readonly scores: readonly number[];
}

/** Every allowed vector compared: for a filter so strict that the fetched ones hold too few. */
function scanAll(graph: NativeGraph, query: Float32Array, k: number, isAllowed: (position: number) => boolean): Best {
  const best = new TopK(k);
  const point = new Float32Array(query.length);
  for (let position = 0; position < graph.count(); position++) {
    if (!isAllowed(position)) continue;
    graph.row(position, point);
    let score = 0;
    for (let i = 0; i < query.length; i++) score += query[i]! * point[i]!;
    best.push(position, Math.fround(score));
  }
  return best;
}

/** What the graph found for some queries, `fetch` places each. */
interface Fetched {
  readonly fetch: number;
  readonly positions: Int32Array;
  readonly distances: Float32Array;
}

async function fetchRows(graph: NativeGraph, queries: Float32Array, count: number, wanted: number): Promise<Fetched> {
  const fetch = Math.min(graph.count(), wanted);
  const positions = new Int32Array(count * fetch);
  const distances = new Float32Array(count * fetch);
  await graph.search(queries, fetch, positions, distances);
  return { fetch, positions, distances };
}

/** The first k allowed of a query's fetched ones, best first; fewer where too many are forbidden. */
function firstAllowed(
  { fetch, positions, distances }: Fetched,
  query: number,
  k: number,
  isAllowed: (position: number) => boolean,
): Best {
  const best = { positions: [] as number[], scores: [] as number[] };
  for (let i = query * fetch; i < (query + 1) * fetch && best.positions.length < k; i++) {
    const position = positions[i]!;
    if (position < 0) break;
    if (!isAllowed(position)) continue;
    best.positions.push(position);
    best.scores.push(Math.fround(1 - distances[i]!));
  }
  return best;
}

/**
 * The k best of every query, over a graph whose labels are positions. Instead of filtering inside the graph, more than k
 * are fetched and the forbidden ones left out: a callback from native code could not throw.
 */
export async function searchHnsw(
  index: VectorIndex,
  graph: NativeGraph,
  queries: Matrix,
  k: number,
  options: SearchOptions,
): Promise<Hits[]> {
  assertQueries(index, queries, k, options);
  const { accept, excludeIds, control } = options;
  const mask = accept === undefined ? null : acceptedPositions(index.ids, accept);
  const wanted = Math.min(k, index.size);
  const found: Hits[] = [];
  const readQueries = async (first: number, last: number, excluded: readonly string[]) => {
    const fetch = (k + excluded.length) * (mask === null ? 1 : FILTER_FACTOR);
    const fetched = await fetchRows(graph, rowsOf(queries, first, last), last - first, fetch);
    const isAllowed = (position: number) =>
      (mask === null || mask[position] === 1) && !excluded.includes(index.ids[position]!);
    for (let q = first; q < last; q++) {
      const best = firstAllowed(fetched, q - first, wanted, isAllowed);
      const whole = best.positions.length === wanted;
      const { positions, scores } = whole ? best : scanAll(graph, rowsOf(queries, q, q + 1), wanted, isAllowed);
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
