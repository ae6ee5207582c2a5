import { readFile, writeFile } from "node:fs/promises";
import { endianness } from "node:os";
import { DataError, isKernelError } from "../base/errors";
import type { Matrix } from "../base/types";
import { loadSearchAddon, type ScanRows } from "./search-addon";
import { hashCorpus, readIndexFiles, saveIndexFiles } from "./sidecar";
import {
  acceptedPositions,
  assertCorpus,
  assertQueries,
  disposedError,
  type EngineSettings,
  type Hits,
  type IndexEngine,
  inPieces,
  rowsOf,
  type SearchOptions,
  TopK,
  type VectorIndex,
} from "./vector-index";

/** A way of comparing every query with every row. */
export interface Scanner {
  readonly kind: "native" | "javascript";
  readonly scanRows: ScanRows;
  /** How many products one call may sum: what an interrupt waits for and, in JavaScript, the event loop. */
  readonly productsPerCall: number;
}

/** Inner product of one query with one row, in double precision, in the order of the values. */
function innerProduct(a: Float32Array, aStart: number, b: Float32Array, bStart: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[aStart + i]! * b[bStart + i]!;
  return sum;
}

const scanInJavaScript: ScanRows = async (rows, dimension, queries, k, allowed, positions, scores) => {
  const rowCount = rows.length / dimension;
  positions.fill(-1);
  for (let q = 0; q < queries.length / dimension; q++) {
    const best = new TopK(k);
    for (let row = 0; row < rowCount; row++) {
      if (allowed !== null && allowed[row] === 0) continue;
      best.push(row, innerProduct(queries, q * dimension, rows, row * dimension, dimension));
    }
    positions.set(best.positions, q * k);
    scores.set(best.scores, q * k);
  }
};

/** The scan that works everywhere: on this thread, some 20 ms a call. */
export const javaScriptScanner: Scanner = {
  kind: "javascript",
  scanRows: scanInJavaScript,
  productsPerCall: 2 ** 24,
};

/** The compiled scan, which finds the same to the last bit on a thread of its own; in JavaScript where it is missing. */
export function chooseScanner(): Scanner {
  try {
    return { kind: "native", scanRows: loadSearchAddon().scanRows, productsPerCall: 2 ** 32 };
  } catch (error) {
    if (!isKernelError(error, "environment")) throw error;
    return javaScriptScanner;
  }
}

/** Queries that visit the rows together: each block of rows is made ready once for all of them. */
const QUERIES_PER_CALL = 128;

/** The first k of the found ones that a query may find. */
function toHits(
  found: { positions: Int32Array; scores: Float64Array },
  k: number,
  allow: (id: string) => boolean,
  ids: readonly string[],
): Hits {
  const hits = { ids: [] as string[], positions: [] as number[], scores: [] as number[] };
  for (const [i, position] of found.positions.entries()) {
    if (position < 0 || hits.ids.length === k) break;
    const id = ids[position]!;
    if (!allow(id)) continue;
    hits.ids.push(id);
    hits.positions.push(position);
    hits.scores.push(Math.fround(found.scores[i]!));
  }
  return hits;
}

interface Flat {
  readonly index: VectorIndex;
  readonly corpus: Matrix;
  readonly scanner: Scanner;
}

async function searchFlat({ index, corpus, scanner }: Flat, queries: Matrix, k: number, options: SearchOptions) {
  assertQueries(index, queries, k, options);
  const { accept, excludeIds = [], control } = options;
  const allowed = accept === undefined ? null : acceptedPositions(index.ids, accept);
  const hits: Hits[] = [];
  const size = Math.min(QUERIES_PER_CALL, Math.ceil(scanner.productsPerCall / corpus.data.length));
  await inPieces({ stage: "exact search", count: queries.rows, size, control }, async (first, last) => {
    const excluded = excludeIds.slice(first, last);
    const fetch = Math.min(index.size, k + Math.max(0, ...excluded.map((ids) => ids.length)));
    const positions = new Int32Array((last - first) * fetch);
    const scores = new Float64Array(positions.length);
    await scanner.scanRows(corpus.data, corpus.cols, rowsOf(queries, first, last), fetch, allowed, positions, scores);
    for (let q = 0; q < last - first; q++) {
      const [from, to] = [q * fetch, (q + 1) * fetch];
      const found = { positions: positions.subarray(from, to), scores: scores.subarray(from, to) };
      hits.push(toHits(found, k, (id) => !excluded[q]?.includes(id), index.ids));
    }
  });
  return hits;
}

/**
 * An index that compares every query with every vector: exact, the judge of approximate ones.
 * Inner products are summed in double precision; of equal scores the lower position comes first.
 * The matrix is kept, not copied.
 *
 * @param scanner how rows are compared; default compiled code on a thread of its own, JavaScript where that is missing.
 * @throws ShapeError, DataError (an id twice) or NumericError when ids and embeddings are no corpus.
 * @example await createFlatIndex(["a", "b"], { data: Float32Array.of(1, 0, 0, 1), rows: 2, cols: 2 }).search(query, 1)
 */
export function createFlatIndex(ids: readonly string[], embeddings: Matrix, scanner = chooseScanner()): VectorIndex {
  assertCorpus("createFlatIndex", ids, embeddings);
  let corpus: Matrix | null = embeddings;
  const held = () => {
    if (corpus === null) throw disposedError("exact");
    return corpus;
  };
  const index: VectorIndex = {
    kind: "flat",
    size: embeddings.rows,
    dimension: embeddings.cols,
    ids,
    search: async (queries, k, options = {}) => searchFlat({ index, corpus: held(), scanner }, queries, k, options),
    save: async (folder) => saveFlat(folder, ids, held()),
    dispose: () => {
      corpus = null;
    },
  };
  return index;
}

function asBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.slice().buffer);
  if (endianness() === "BE") Buffer.from(bytes.buffer).swap32();
  return bytes;
}

async function saveFlat(folder: string, ids: readonly string[], corpus: Matrix): Promise<void> {
  const sidecar = {
    kind: "flat",
    space: "ip",
    dimension: corpus.cols,
    size: corpus.rows,
    ids,
    corpusHash: hashCorpus(ids, corpus),
    library: "kernel-lib",
    settings: {},
  } as const;
  await saveIndexFiles(folder, sidecar, (file) => writeFile(file, asBytes(corpus.data)));
}

/**
 * Loads an exact index that was saved with `save(folder)`.
 *
 * @throws DataError naming the file when one is missing, truncated, altered, or of another size than its sidecar says.
 */
export async function loadFlatIndex(folder: string): Promise<VectorIndex> {
  const { sidecar, file } = await readIndexFiles("loadFlatIndex", folder, "flat");
  const bytes = new Uint8Array(await readFile(file)); // a copy, so that it starts on a 4-byte boundary
  if (bytes.length !== 4 * sidecar.size * sidecar.dimension) {
    throw new DataError(
      `loadFlatIndex: ${file} must hold [${sidecar.size}, ${sidecar.dimension}] numbers; got ${bytes.length} bytes. Build and save the index again.`,
      { file, bytes: bytes.length },
    );
  }
  if (endianness() === "BE") Buffer.from(bytes.buffer).swap32();
  const data = new Float32Array(bytes.buffer);
  return createFlatIndex(sidecar.ids, { data, rows: sidecar.size, cols: sidecar.dimension });
}

/** Exact search: every vector compared with every query. */
export const flatEngine = {
  kind: "flat",
  title: "exact search",
  missing: null,
  settings: [],
  build: async (ids, embeddings, _settings: EngineSettings) => createFlatIndex(ids, embeddings),
  load: loadFlatIndex,
} as const satisfies IndexEngine;
