import { readFile, writeFile } from "node:fs/promises";
import { endianness } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";
import { assertNotInterrupted } from "../base/check";
import { DataError } from "../base/errors";
import type { Matrix } from "../base/types";
import { hashCorpus, readIndexFiles, saveIndexFiles } from "./sidecar";
import { TopK } from "./top-k";
import {
  acceptedPositions,
  assertCorpus,
  assertQueries,
  disposedError,
  type Hits,
  type SearchOptions,
  type VectorIndex,
} from "./vector-index";

/** Bytes of corpus that all queries visit before the next block: about a second-level cache. */
const BLOCK_BYTES = 2 ** 18;

/** Inner product of one query with one corpus row, in double precision. */
function innerProduct(a: Float32Array, aStart: number, b: Float32Array, bStart: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[aStart + i]! * b[bStart + i]!;
  return sum;
}

function scanBlock(corpus: Matrix, queries: Matrix, from: number, to: number, allowed: Uint8Array, best: TopK[]) {
  for (let q = 0; q < queries.rows; q++) {
    const top = best[q]!;
    for (let row = from; row < to; row++) {
      if (allowed[row] === 0) continue;
      top.push(row, innerProduct(queries.data, q * queries.cols, corpus.data, row * corpus.cols, corpus.cols));
    }
  }
}

/** The first k of a query's best that it may find. */
function toHits(best: TopK, k: number, ids: readonly string[], excluded: readonly string[]): Hits {
  const kept: number[] = [];
  for (let i = 0; i < best.positions.length && kept.length < k; i++) {
    if (!excluded.includes(ids[best.positions[i]!]!)) kept.push(i);
  }
  const positions = kept.map((i) => best.positions[i]!);
  return { ids: positions.map((p) => ids[p]!), positions, scores: kept.map((i) => Math.fround(best.scores[i]!)) };
}

async function searchFlat(index: VectorIndex, corpus: Matrix, queries: Matrix, k: number, options: SearchOptions) {
  assertQueries(index, queries, k, options);
  const { excludeIds, control } = options;
  const allowed = acceptedPositions(index.ids, options.accept);
  const best = Array.from({ length: queries.rows }, (_, q) => {
    return new TopK(Math.min(index.size, k + (excludeIds?.[q]?.length ?? 0)));
  });
  const block = Math.max(1, Math.floor(BLOCK_BYTES / (4 * corpus.cols)));
  for (let from = 0; from < corpus.rows; from += block) {
    assertNotInterrupted("search", control?.signal);
    const to = Math.min(corpus.rows, from + block);
    scanBlock(corpus, queries, from, to, allowed, best);
    control?.onProgress?.({ stage: "exact search", done: to, total: corpus.rows });
    await nextTurn();
  }
  return best.map((top, q) => toHits(top, k, index.ids, excludeIds?.[q] ?? []));
}

/**
 * An index that compares every query with every vector: exact, the judge of approximate ones.
 * Inner products are summed in double precision; of equal scores the lower position comes first.
 * The matrix is kept, not copied.
 *
 * @throws ShapeError, DataError (an id twice) or NumericError when ids and embeddings are no corpus.
 * @example await createFlatIndex(["a", "b"], { data: Float32Array.of(1, 0, 0, 1), rows: 2, cols: 2 }).search(query, 1)
 */
export function createFlatIndex(ids: readonly string[], embeddings: Matrix): VectorIndex {
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
    search: async (queries, k, options = {}) => searchFlat(index, held(), queries, k, options),
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
