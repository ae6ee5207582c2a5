import { setImmediate as nextTurn } from "node:timers/promises";
import type { HierarchicalNSW } from "hnswlib-node";
import { assertNotInterrupted } from "../base/check";
import type { Control, Matrix } from "../base/types";
import { TopK } from "./top-k";
import { acceptedPositions, assertQueries, type Hits, type SearchOptions, type VectorIndex } from "./vector-index";

const TURN_MS = 20;

/** A row as the plain list the binding insists on. */
export function rowOf(matrix: Matrix, row: number): number[] {
  return Array.from(matrix.data.subarray(row * matrix.cols, (row + 1) * matrix.cols));
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

/** Every allowed vector compared: for a filter so strict that walking the graph found too few. */
function scanAll(graph: HierarchicalNSW, query: readonly number[], k: number, allowed: (p: number) => boolean): TopK {
  const best = new TopK(k);
  for (let position = 0; position < graph.getCurrentCount(); position++) {
    if (!allowed(position)) continue;
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
function searchOne(
  graph: HierarchicalNSW,
  query: number[],
  k: number,
  numExcluded: number,
  allowed: (p: number) => boolean,
): TopK {
  const size = graph.getCurrentCount();
  for (let fetch = Math.min(size, k + numExcluded); ; fetch = Math.min(size, 4 * fetch)) {
    const { neighbors, distances } = graph.searchKnn(query, fetch);
    const best = new TopK(k);
    const order = neighbors
      .map((_, i) => i)
      .sort((a, b) => distances[a]! - distances[b]! || neighbors[a]! - neighbors[b]!);
    for (const i of order) if (allowed(neighbors[i]!)) best.push(neighbors[i]!, Math.fround(1 - distances[i]!));
    if (best.positions.length === k) return best;
    if (fetch === size) return scanAll(graph, query, k, allowed);
  }
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
    const allowed = (position: number) => mask[position] === 1 && !excluded.includes(index.ids[position]!);
    const { positions, scores } = searchOne(
      graph,
      rowOf(queries, q),
      Math.min(k, index.size),
      excluded.length,
      allowed,
    );
    found.push({ ids: positions.map((p) => index.ids[p]!), positions, scores });
  });
  return found;
}
