import { assertInteger, assertKnownKeys } from "../base/check";
import { DataError } from "../base/errors";
import type { Control, Matrix } from "../base/types";
import { loadSearchAddon, type NativeGraph } from "./search-addon";
import { hashCorpus, readIndexFiles, type Sidecar, saveIndexFiles } from "./sidecar";
import {
  acceptedPositions,
  assertCorpus,
  assertQueries,
  disposedError,
  type Hits,
  type IndexEngine,
  inPieces,
  rowsOf,
  type SearchOptions,
  TopK,
  type VectorIndex,
} from "./vector-index";

/** Settings of the graph. */
export interface HnswOptions {
  /** Links per node and layer, 2 to 128. Default 16. */
  readonly m?: number;
  /** Candidates looked at while a node is linked. Default 200. */
  readonly efConstruction?: number;
  /** Candidates looked at during a search; more is slower and finds more. Default 64. */
  readonly ef?: number;
  /** Seed of the layer each node reaches. Same seed, same order: same graph. Default 7. */
  readonly seed?: number;
  readonly control?: Control | undefined;
}

/** An approximate index: a VectorIndex whose care can be changed. */
export interface HnswIndex extends VectorIndex {
  readonly kind: "hnsw";
  readonly ef: number;
  setEf(ef: number): void;
}

const DEFAULTS = { m: 16, efConstruction: 200, ef: 64, seed: 7 } as const;
/** Rows per call of the graph: some 50 ms of building, after which progress is told and an interrupt stops it. */
const ROWS_PER_CALL = 256;

type Settings = Readonly<Record<keyof typeof DEFAULTS, number>>;

function settingsOf(options: HnswOptions): Settings {
  assertKnownKeys("createHnswIndex:", options, [...Object.keys(DEFAULTS), "control"]);
  const { control: _control, ...given } = options;
  const settings = { ...DEFAULTS, ...given };
  assertInteger("createHnswIndex: m", settings.m, 2, 128);
  assertInteger("createHnswIndex: efConstruction", settings.efConstruction, 1, 10_000);
  assertInteger("createHnswIndex: ef", settings.ef, 1, 100_000);
  assertInteger("createHnswIndex: seed", settings.seed, 0, 2 ** 32 - 1);
  return settings;
}

/** Puts a filled graph behind the interface. */
function wrapGraph(filled: NativeGraph, sidecar: Omit<Sidecar, "settings">, settings: Settings): HnswIndex {
  let graph: NativeGraph | null = filled;
  let ef = settings.ef;
  const held = () => {
    if (graph === null) throw disposedError("HNSW");
    return graph;
  };
  const index: HnswIndex = {
    kind: "hnsw",
    size: sidecar.size,
    dimension: sidecar.dimension,
    ids: sidecar.ids,
    get ef() {
      return ef;
    },
    setEf: (wanted) => {
      assertInteger("setEf: ef", wanted, 1, 100_000);
      held().setEf(wanted);
      ef = wanted;
    },
    search: async (queries, k, options = {}) => searchHnsw(index, held(), queries, k, options),
    save: async (folder) => {
      const stored: Sidecar = { ...sidecar, settings: { ...settings, ef } };
      await saveIndexFiles(folder, stored, (file) => held().save(file));
    },
    dispose: () => {
      graph = null;
    },
  };
  held().setEf(ef);
  return index;
}

/**
 * Builds a hierarchical navigable small-world graph over the rows, by inner product, on a thread of Node's pool: the
 * caller's thread is free meanwhile. Same rows, order and settings give the same graph. Its recall against an exact index is for measureRecall() to say.
 *
 * @throws ShapeError, DataError or NumericError when ids and embeddings are no corpus. ConfigError on a bad setting.
 * EnvironmentError when hnswlib-node is missing. InterruptedError when the signal is aborted.
 */
export async function createHnswIndex(
  ids: readonly string[],
  embeddings: Matrix,
  options: HnswOptions = {},
): Promise<HnswIndex> {
  assertCorpus("createHnswIndex", ids, embeddings);
  const settings = settingsOf(options);
  const { Graph, version } = loadSearchAddon();
  const graph = new Graph(embeddings.cols);
  graph.create(embeddings.rows, settings.m, settings.efConstruction, settings.seed);
  const work = {
    stage: "building the HNSW index",
    count: embeddings.rows,
    size: ROWS_PER_CALL,
    control: options.control,
  };
  await inPieces(work, (first, last) => graph.add(rowsOf(embeddings, first, last), first));
  const corpusHash = hashCorpus(ids, embeddings);
  const { rows: size, cols: dimension } = embeddings;
  const library = `hnswlib-node ${version}`;
  return wrapGraph(graph, { kind: "hnsw", space: "ip", dimension, size, ids, corpusHash, library }, settings);
}

/**
 * Loads a graph saved with `save(folder)`, at the `ef` it was saved with.
 *
 * @throws DataError naming the file when one is missing, truncated, altered, or when the graph's count differs from its
 * sidecar's. EnvironmentError when hnswlib-node is missing.
 */
export async function loadHnswIndex(folder: string): Promise<HnswIndex> {
  const { sidecar, file } = await readIndexFiles("loadHnswIndex", folder, "hnsw");
  const graph = new (loadSearchAddon().Graph)(sidecar.dimension);
  let settings: Settings;
  try {
    settings = settingsOf(sidecar.settings);
    await graph.load(file);
  } catch (error) {
    throw new DataError(
      `loadHnswIndex: ${file} must be an HNSW graph with usable settings. Build and save the index again.`,
      { file },
      error,
    );
  }
  if (graph.count() !== sidecar.size) {
    throw new DataError(
      `loadHnswIndex: ${file} must hold ${sidecar.size} vectors, as its sidecar says; got ${graph.count()}. Build and save the index again.`,
      { file, expected: sidecar.size, got: graph.count() },
    );
  }
  return wrapGraph(graph, sidecar, settings);
}

/** Approximate search in a graph, for large corpora. */
export const hnswEngine = {
  kind: "hnsw",
  title: "HNSW",
  missing: "hnswlib-node is not compiled here",
  settings: Object.keys(DEFAULTS),
  build: createHnswIndex,
  load: loadHnswIndex,
} as const satisfies IndexEngine<HnswOptions>;

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
async function searchHnsw(
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
