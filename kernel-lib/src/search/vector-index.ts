import { performance } from "node:perf_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import { assertFinite, assertInteger, assertNotInterrupted, assertSameLength, assertShape } from "../base/check";
import { ConfigError, DataError, NumericError, ShapeError, StateError } from "../base/errors";
import type { Control, Matrix } from "../base/types";

/*
 * What an index is, whichever engine made it: its interface, the checks and helpers that engines share, and how well an
 * approximate one finds what the exact one does.
 */

/** What one query found, best first: ids, their positions in the corpus and their inner products (unbounded). */
export interface Hits {
  readonly ids: readonly string[];
  readonly positions: readonly number[];
  readonly scores: readonly number[];
}

/** What a search may be told besides its queries and k. */
export interface SearchOptions {
  /** One list per query: ids it must not find, such as the query's own. Default none. */
  readonly excludeIds?: readonly (readonly string[])[];
  /** Which ids may be found at all; asked once per id before the search begins. Default all. */
  readonly accept?: (id: string) => boolean;
  readonly control?: Control;
}

/** Finds the vectors with the largest inner product, exactly or nearly so. */
export interface VectorIndex {
  /** That of its engine: "flat", "hnsw" … */
  readonly kind: string;
  readonly size: number;
  readonly dimension: number;
  readonly ids: readonly string[];
  /** Why an approximate index compares every vector all the same; absent where it does not. */
  readonly exactBecause?: string | undefined;
  /**
   * The k best of every query, [Q, D] → Q lists of min(k, how many may be found) hits.
   *
   * @throws ShapeError on another dimension or number of lists. ConfigError when k < 1. NumericError on NaN.
   */
  search(queries: Matrix, k: number, options?: SearchOptions): Promise<Hits[]>;
  /** Writes the index and its sidecar into a folder. */
  save(folder: string): Promise<void>;
  /** Frees what it holds; a later search throws StateError. */
  dispose(): void;
}

/** A way of searching: it builds an index of a corpus, or loads one that was saved. Listed once, in engines.ts. */
export interface IndexEngine<Settings extends EngineSettings = EngineSettings> {
  /** How options, indexes and saved files call it. */
  readonly kind: string;
  /** Its name in a sentence. */
  readonly title: string;
  /** What is said where it cannot work, which it shows by an EnvironmentError; null for one that works everywhere. */
  readonly missing: string | null;
  /** Names of the settings it takes, `control` aside. */
  readonly settings: readonly string[];
  build(ids: readonly string[], embeddings: Matrix, settings: Settings): Promise<VectorIndex>;
  /** From a folder that the index was saved in. */
  load(folder: string): Promise<VectorIndex>;
}

/** What every engine may be given; its own settings are added to it. */
export interface EngineSettings {
  readonly control?: Control | undefined;
}

/** Largest size of a number in an embedding: the sum of products of 10^8 of them is still one in single precision. */
const MOST = 1e15;

/** Throws unless these are numbers of single precision whose scores are numbers too. */
function assertNumbers(where: string, data: Float32Array): void {
  const kind = Object.prototype.toString.call(data).slice("[object ".length, -1); // arrays of another context are no instances
  if (kind !== "Float32Array")
    throw new ConfigError(`${where}.data must be a Float32Array; got ${kind}. Convert it: Float32Array.from(data).`, {
      where,
      kind,
    });
  assertFinite(where, data);
  const index = data.findIndex((value) => Math.abs(value) > MOST);
  if (index >= 0)
    throw new NumericError(
      `${where} must be at most ${MOST} in size, or scores overflow; got ${data[index]} at position ${index}. Scale rows to length 1.`,
      { index, value: data[index] },
    );
}

/** Throws unless there is one distinct id per row, at least one row, and only numbers whose scores are finite. */
export function assertCorpus(where: string, ids: readonly string[], embeddings: Matrix): void {
  assertSameLength(`${where}: ids`, ids.length, embeddings.rows);
  assertSameLength(`${where}: embeddings.data`, embeddings.data.length, embeddings.rows * embeddings.cols);
  if (embeddings.rows === 0 || embeddings.cols === 0) {
    throw new ShapeError(
      `${where}: embeddings must have at least one row and column; got [${embeddings.rows}, ${embeddings.cols}].`,
    );
  }
  assertNumbers(`${where}: embeddings`, embeddings.data);
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id)) throw new DataError(`${where}: ids must be distinct; got ${JSON.stringify(id)} twice.`, { id });
    seen.add(id);
  }
}

/** Throws unless the queries fit the index and k and the options make sense. */
export function assertQueries(index: VectorIndex, queries: Matrix, k: number, options: SearchOptions): void {
  assertShape("search: queries", [queries.rows, queries.cols], [null, index.dimension]);
  assertSameLength("search: queries.data", queries.data.length, queries.rows * queries.cols);
  assertNumbers("search: queries", queries.data);
  assertInteger("search: k", k, 1);
  if (options.excludeIds !== undefined) {
    assertSameLength("search: excludeIds", options.excludeIds.length, queries.rows);
  }
}

/** Which positions may be found: 1 or 0 each. Whatever `accept` throws comes out here, before any search. */
export function acceptedPositions(ids: readonly string[], accept: SearchOptions["accept"]): Uint8Array {
  return Uint8Array.from(ids, (id) => (accept === undefined || accept(id) ? 1 : 0));
}

/** The error of using an index after dispose(). */
export function disposedError(kind: string): StateError {
  return new StateError(`search: the ${kind} index must not be used after dispose(). Create or load it again.`);
}

/** The k best of a stream of (position, score), best first; of equal scores the earlier pushed stays ahead. */
export class TopK {
  readonly positions: number[] = [];
  readonly scores: number[] = [];

  constructor(private readonly k: number) {}

  push(position: number, score: number): void {
    const { positions, scores, k } = this;
    if (scores.length === k && score <= scores[k - 1]!) return;
    let place = scores.length === k ? k - 1 : scores.length;
    while (place > 0 && score > scores[place - 1]!) {
      scores[place] = scores[place - 1]!;
      positions[place] = positions[place - 1]!;
      place -= 1;
    }
    scores[place] = score;
    positions[place] = position;
  }
}

/** Some rows of a matrix, without a copy. */
export function rowsOf({ data, cols }: Matrix, first: number, last: number): Float32Array {
  return data.subarray(first * cols, last * cols);
}

/**
 * Awaits `step` for pieces of 0 … count-1 (`last` exclusive), telling progress after each; between two pieces the event
 * loop turns and an interrupt stops the work.
 *
 * @throws InterruptedError when the signal is aborted.
 */
export async function inPieces(
  work: {
    readonly stage: string;
    readonly count: number;
    readonly size: number;
    readonly control?: Control | undefined;
  },
  step: (first: number, last: number) => Promise<void>,
): Promise<void> {
  const { stage, count, size, control } = work;
  for (let first = 0; first < count; first += size) {
    assertNotInterrupted(stage, control?.signal);
    const last = Math.min(count, first + size);
    await step(first, last);
    control?.onProgress?.({ stage, done: last, total: count });
    await nextTurn();
  }
}

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

/** Whether a score is as good as a limit that an exact index found. */
export const reaches = (score: number, limit: number): boolean =>
  score >= limit - TOLERANCE * Math.max(1, Math.abs(limit));

function recallOf(found: Hits, truth: Hits): number {
  const last = truth.scores.at(-1);
  if (last === undefined) return 1; // nothing may be found
  return found.scores.filter((score) => reaches(score, last)).length / truth.scores.length;
}

/** What a search of many queries found, and how fast. */
export interface TimedHits {
  readonly hits: readonly Hits[];
  readonly perSecond: number;
}

/** Searches and takes the time. @throws what search() throws. */
export async function searchTimed(
  index: VectorIndex,
  queries: Matrix,
  k: number,
  options: SearchOptions = {},
): Promise<TimedHits> {
  const start = performance.now();
  const hits = await index.search(queries, k, options);
  return { hits, perSecond: (1000 * queries.rows) / Math.max(performance.now() - start, 1e-3) };
}

/** Mean recall over queries of what was found, against what an exact index found. */
export function meanRecall(found: readonly Hits[], truth: readonly Hits[]): number {
  return found.reduce((sum, hits, q) => sum + recallOf(hits, truth[q]!), 0) / found.length;
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
  const found = await searchTimed(approximate, queries, k, options);
  const truth = await searchTimed(exact, queries, k, options);
  return {
    k: Math.min(k, exact.size),
    numQueries: queries.rows,
    recall: meanRecall(found.hits, truth.hits),
    queriesPerSecond: found.perSecond,
    exactQueriesPerSecond: truth.perSecond,
  };
}
