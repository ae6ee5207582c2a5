import { performance } from "node:perf_hooks";
import { ShapeError } from "../base/errors";
import type { Matrix } from "../base/types";
import type { Hits, SearchOptions, VectorIndex } from "./vector-index";

/** How well and how fast an approximate index answers, measured against an exact one. */
export interface RecallReport {
  readonly k: number;
  readonly numQueries: number;
  /** Mean share, in [0, 1], of each query's exact top k that the approximate index found. */
  readonly recall: number;
  readonly queriesPerSecond: number;
  readonly exactQueriesPerSecond: number;
}

/** Slack for the two indexes' different rounding (single and double precision) of the same inner product. */
const TOLERANCE = 1e-5;

function recallOf(found: Hits, truth: Hits): number {
  const last = truth.scores.at(-1);
  if (last === undefined) return 1; // nothing may be found
  const enough = last - TOLERANCE * Math.max(1, Math.abs(last));
  return found.scores.filter((score) => score >= enough).length / truth.scores.length;
}

async function timed(index: VectorIndex, queries: Matrix, k: number, options: SearchOptions) {
  const start = performance.now();
  const hits = await index.search(queries, k, options);
  return { hits, perSecond: (1000 * queries.rows) / Math.max(performance.now() - start, 1e-3) };
}

/**
 * Recall@k of an approximate index: the share of hits whose score reaches the exact k-th best, so that
 * one of several equal vectors is as good as another.
 *
 * @throws ShapeError when there is no query, or the two indexes differ in size. Otherwise what search() throws.
 */
export async function measureRecall(
  approximate: VectorIndex,
  exact: VectorIndex,
  queries: Matrix,
  k: number,
  options: SearchOptions = {},
): Promise<RecallReport> {
  if (queries.rows === 0) throw new ShapeError("measureRecall: queries must have at least one row; got 0.");
  if (approximate.size !== exact.size) {
    throw new ShapeError(
      `measureRecall: both indexes must hold the same corpus; got ${approximate.size} and ${exact.size} vectors.`,
    );
  }
  const found = await timed(approximate, queries, k, options);
  const truth = await timed(exact, queries, k, options);
  const recalls = found.hits.map((hits, q) => recallOf(hits, truth.hits[q]!));
  return {
    k: Math.min(k, exact.size),
    numQueries: queries.rows,
    recall: recalls.reduce((sum, value) => sum + value, 0) / recalls.length,
    queriesPerSecond: found.perSecond,
    exactQueriesPerSecond: truth.perSecond,
  };
}
