import { assertInRange, assertInteger, assertKnownKeys, assertSeed } from "../base/check";
import { DataError } from "../base/errors";
import type { Control, Matrix } from "../base/types";
import { copiesIn, distinctRows, foldOfCopies, foldRows } from "./equal-rows";
import { createFlatIndex } from "./flat-index";
import { type FoldedGraph, measureOwnRecall, RECALL_AT, searchGraph } from "./graph-search";
import { loadSearchAddon, type NativeGraph } from "./search-addon";
import { hashCorpus, readIndexFiles, type Sidecar, saveIndexFiles } from "./sidecar";
import { assertCorpus, disposedError, type IndexEngine, inPieces, rowsOf, type VectorIndex } from "./vector-index";

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
  /**
   * Least recall@10, measured on 64 of the corpus' own rows when the graph is built; below it every vector is compared instead, said
   * through onWarn ("exact-index"). 0 to 1; 0 searches the graph whatever it finds. Default 0.95.
   */
  readonly minRecall?: number;
  readonly control?: Control | undefined;
}

/** An approximate index: a VectorIndex whose care can be changed. */
export interface HnswIndex extends VectorIndex {
  readonly kind: "hnsw";
  readonly ef: number;
  /** Recall@10 on the corpus' own rows at the `ef` it was built with; absent once another is set. */
  readonly recall: number | undefined;
  /** Sets the search width. From then on the graph is searched, whatever its recall: measureRecall() says it. */
  setEf(ef: number): void;
}

const DEFAULTS = { m: 16, efConstruction: 200, ef: 64, seed: 7, minRecall: 0.95 } as const;
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
  assertSeed("createHnswIndex: seed", settings.seed);
  assertInRange("createHnswIndex: minRecall", settings.minRecall, 0, 1);
  return settings;
}

/** What an index is made of besides its graph. */
interface Parts extends FoldedGraph {
  readonly sidecar: Omit<Sidecar, "settings" | "copies">;
  readonly settings: Settings;
  /** All rows, copies too; asked for where the graph finds too little. */
  readonly rows: () => Matrix;
}

/** Why the graph is not searched, where its recall is less than was asked for. */
function tooLow(recall: number | undefined, { minRecall }: Settings): string | undefined {
  if (recall === undefined || recall >= minRecall) return undefined;
  return `the graph finds ${(100 * recall).toFixed(1)} % of the ${RECALL_AT} nearest of its own rows, less than ${100 * minRecall} %; a larger ef, efConstruction or m finds more`;
}

/** What the searches go to, and what is said of it. */
interface State {
  ef: number;
  recall: number | undefined;
  /** Exact search in place of the graph. */
  exact: VectorIndex | null;
  exactBecause: string | undefined;
}

/** Puts a filled graph behind the interface. */
function wrapGraph({ graph: filled, fold, sidecar, settings, rows }: Parts): HnswIndex {
  let graph: NativeGraph | null = filled;
  const because = tooLow(sidecar.recall, settings);
  const exact = because === undefined ? null : createFlatIndex(sidecar.ids, rows());
  const state: State = { ef: settings.ef, recall: sidecar.recall, exact, exactBecause: because };
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
      return state.ef;
    },
    get recall() {
      return state.recall;
    },
    get exactBecause() {
      return state.exactBecause;
    },
    setEf: (ef) => {
      assertInteger("setEf: ef", ef, 1, 100_000);
      held().setEf(ef);
      Object.assign(state, { ef, recall: undefined, exact: null, exactBecause: undefined } satisfies State);
    },
    search: async (queries, k, options = {}) =>
      state.exact?.search(queries, k, options) ?? searchGraph(index, { graph: held(), fold }, queries, k, options),
    save: async (folder) => {
      const { ef, recall } = state;
      const stored: Sidecar = { ...sidecar, recall, copies: copiesIn(fold), settings: { ...settings, ef } };
      await saveIndexFiles(folder, stored, (file) => held().save(file));
    },
    dispose: () => {
      graph = null;
      state.exact?.dispose();
    },
  };
  held().setEf(settings.ef);
  return index;
}

/** A graph over these rows, built on a thread of Node's pool. */
async function buildGraph(rows: Matrix, settings: Settings, control: Control | undefined): Promise<NativeGraph> {
  const graph = new (loadSearchAddon().Graph)(rows.cols);
  graph.create(rows.rows, settings.m, settings.efConstruction, settings.seed);
  const work = { stage: "building the HNSW index", count: rows.rows, size: ROWS_PER_CALL, control };
  await inPieces(work, (first, last) => graph.add(rowsOf(rows, first, last), first));
  graph.setEf(settings.ef);
  return graph;
}

/**
 * Builds a hierarchical navigable small-world graph over the rows, by inner product, on a thread of Node's pool: the
 * caller's thread is free meanwhile. Same rows, order and settings give the same graph.
 *
 * Rows that are equal (to two millionths of their length) are one node: what is found of it is all its positions, with one score, and of
 * equal scores the lower position comes first, as in the exact index. Recall is measured on the corpus' own rows; where it is less
 * than `minRecall`, every vector is compared instead (`exactBecause`). For queries of another kind measureRecall() says it.
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
  const { control } = options;
  const { version } = loadSearchAddon();
  const fold = foldRows(embeddings);
  const distinct = distinctRows(embeddings, fold);
  const graph = await buildGraph(distinct, settings, control);
  const recall = settings.minRecall === 0 ? undefined : await measureOwnRecall(graph, distinct);
  const corpusHash = hashCorpus(ids, embeddings);
  const { rows: size, cols: dimension } = embeddings;
  const library = `hnswlib-node ${version}`;
  const sidecar = { kind: "hnsw", space: "ip", dimension, size, ids, corpusHash, library, recall } as const;
  const index = wrapGraph({ graph, fold, sidecar, settings, rows: () => embeddings });
  if (index.exactBecause !== undefined) {
    const message = `createHnswIndex: searching exactly instead: ${index.exactBecause}.`;
    control?.onWarn?.("exact-index", message, { recall, minRecall: settings.minRecall });
  }
  return index;
}

/** Every row of a graph, copies too. */
function rowsIn({ graph, fold }: FoldedGraph, size: number, cols: number): Matrix {
  const data = new Float32Array(size * cols);
  for (let node = 0; node < graph.count(); node++) {
    const [start, end] = fold === null ? [node, node + 1] : [fold.starts[node]!, fold.starts[node + 1]!];
    for (let i = start; i < end; i++) {
      const position = fold === null ? node : fold.positions[i]!;
      graph.row(node, data.subarray(position * cols, (position + 1) * cols));
    }
  }
  return { data, rows: size, cols };
}

/**
 * Loads a graph saved with `save(folder)`, at the `ef` it was saved with; one that found too little of its own rows is searched exactly
 * still.
 *
 * @throws DataError naming the file when one is missing, truncated, altered, or when the graph's count differs from its
 * sidecar's. EnvironmentError when hnswlib-node is missing.
 */
export async function loadHnswIndex(folder: string): Promise<HnswIndex> {
  const { sidecar, file } = await readIndexFiles("loadHnswIndex", folder, "hnsw");
  const { size, dimension, copies = [] } = sidecar;
  const graph = new (loadSearchAddon().Graph)(dimension);
  const refuse = (rule: string, got: string, cause?: unknown): never => {
    const message = `loadHnswIndex: ${file} must ${rule}${got}. Build and save the index again.`;
    throw new DataError(message, { file }, cause);
  };
  try {
    const settings = settingsOf(sidecar.settings);
    const fold = foldOfCopies(size, copies);
    await graph.load(file);
    if (graph.count() === size - copies.length) {
      return wrapGraph({ graph, fold, sidecar, settings, rows: () => rowsIn({ graph, fold }, size, dimension) });
    }
  } catch (error) {
    refuse("be an HNSW graph with usable settings", "", error);
  }
  return refuse(`hold ${size - copies.length} vectors, as its sidecar says`, `; got ${graph.count()}`);
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
