import { assertInteger, assertKnownKeys } from "../base/check";
import { DataError } from "../base/errors";
import type { Control, Matrix } from "../base/types";
import { searchHnsw } from "./hnsw-search";
import { inPieces, rowsOf } from "./in-pieces";
import { loadSearchAddon, type NativeGraph } from "./search-addon";
import { hashCorpus, readIndexFiles, type Sidecar, saveIndexFiles } from "./sidecar";
import { assertCorpus, disposedError, type VectorIndex } from "./vector-index";

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
  readonly control?: Control;
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

const OPTION_NAMES: readonly (keyof HnswOptions)[] = ["m", "efConstruction", "ef", "seed", "control"];

type Settings = Readonly<Record<keyof typeof DEFAULTS, number>>;

function settingsOf(options: HnswOptions): Settings {
  assertKnownKeys("createHnswIndex:", options, OPTION_NAMES);
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
 * caller's thread is free meanwhile. Same rows, order and settings
 * give the same graph. Its recall against an exact index is for measureRecall() to say.
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
