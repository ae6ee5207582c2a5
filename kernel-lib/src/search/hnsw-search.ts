import { setImmediate as nextTurn } from "node:timers/promises";
import type { HierarchicalNSW } from "hnswlib-node";
import { assertNotInterrupted } from "../base/check";
import type { Control, Matrix } from "../base/types";
import { TopK } from "./top-k";
import { acceptedPositions, assertQueries, type Hits, type SearchOptions, type VectorIndex } from "./vector-index";

const TURN_MS = 20;

/** A row as the plain list the binding insists on. */
export function rowOf({ data, cols }: Matrix, row: number): number[] {
  const values = new Array<number>(cols); // Array.from() would walk an iterator, at ten times the price
  for (let i = 0; i < cols; i++) values[i] = data[row * cols + i]!;
  return values;
}

/** Calls `step` for 0 … count-1, letting the event loop turn about every 20 ms. */
export async function inTurns(stage: string, count: number, control: Control | undefined, step: (i: number) => void) {
  let turnEnds = Date.now() + TURN_MS;
  for (let i = 0; i < count; i++) {
    step(i);
    if (Date.now() < turnEnds && i < count - 1) continue;
    control?.onProgress?.({ stage, done: i + 1, total: count });
    await nextTurn();
    assertNotInterrupted(stage, control?.signal);
    turnEnds = Date.now() + TURN_MS;
  }
}

/** How many times k are fetched under a filter before every vector is compared instead. */
const FILTER_FACTOR = 4;

/** Which positions one query may find. */
interface Allowed {
  readonly isAllowed: (position: number) => boolean;
  /** How many of the best are enough to hold k allowed ones, unless a filter is strict. */
  readonly fetch: number;
}

/** Every allowed vector compared: for a filter so strict that the fetched ones hold too few. */
function scanAll(graph: HierarchicalNSW, query: readonly number[], k: number, { isAllowed }: Allowed): TopK {
  const best = new TopK(k);
  for (let position = 0; position < graph.getCurrentCount(); position++) {
    if (!isAllowed(position)) continue;
    const point = graph.getPoint(position);
    let score = 0;
    for (let i = 0; i < query.length; i++) score += query[i]! * point[i]!;
    best.push(position, Math.fround(score));
  }
  return best;
}

/**
 * The k best allowed positions of one query. The binding's own filter callback is not used: an error thrown
 * in it ends the process, and it leaks. Instead more than k are fetched and the forbidden ones left out.
 */
function searchOne(graph: HierarchicalNSW, query: number[], k: number, allowed: Allowed): TopK {
  const { neighbors, distances } = graph.searchKnn(query, Math.min(graph.getCurrentCount(), allowed.fetch));
  const order = neighbors.map((_, i) => i);
  order.sort((a, b) => distances[a]! - distances[b]! || neighbors[a]! - neighbors[b]!);
  const best = new TopK(k);
  for (const i of order) if (allowed.isAllowed(neighbors[i]!)) best.push(neighbors[i]!, Math.fround(1 - distances[i]!));
  return best.positions.length === k ? best : scanAll(graph, query, k, allowed);
}

/** The k best of every query, over a graph whose labels are positions. */
export async function searchHnsw(
  index: VectorIndex,
  graph: HierarchicalNSW,
  queries: Matrix,
  k: number,
  options: SearchOptions,
): Promise<Hits[]> {
  assertQueries(index, queries, k, options);
  const mask = acceptedPositions(index.ids, options.accept);
  const found: Hits[] = [];
  await inTurns("approximate search", queries.rows, options.control, (q) => {
    const excluded = options.excludeIds?.[q] ?? [];
    const isAllowed = (position: number) => mask[position] === 1 && !excluded.includes(index.ids[position]!);
    const fetch = (k + excluded.length) * (options.accept === undefined ? 1 : FILTER_FACTOR);
    const { positions, scores } = searchOne(graph, rowOf(queries, q), Math.min(k, index.size), { isAllowed, fetch });
    found.push({ ids: positions.map((p) => index.ids[p]!), positions, scores });
  });
  return found;
}
