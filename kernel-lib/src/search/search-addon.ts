import { createRequire } from "node:module";
import { EnvironmentError } from "../base/errors";

const PACKAGE = "hnswlib-node";
/** Made by set-up from the package's hnswlib and kernel-lib/native/search. */
const ADDON = `${PACKAGE}/build/Release/jomed_search.node`;
const requireHere = createRequire(__filename);

/**
 * hnswlib's graph over inner products; rows and hits are typed arrays. What gives a promise works on a thread of Node's
 * pool, one such call at a time (searches may overlap each other). An error of hnswlib is thrown as an Error.
 */
export interface NativeGraph {
  create(capacity: number, m: number, efConstruction: number, seed: number): void;
  load(file: string): Promise<void>;
  save(file: string): Promise<void>;
  count(): number;
  setEf(ef: number): void;
  /** Adds whole rows at positions first, first + 1 … */
  add(rows: Float32Array, first: number): Promise<void>;
  /**
   * Writes k positions and distances (1 - inner product) per query, nearest first and of equal ones the lower position;
   * position -1 where fewer are found.
   */
  search(queries: Float32Array, k: number, positions: Int32Array, distances: Float32Array): Promise<void>;
  /** Copies a stored row into `row`. */
  row(position: number, row: Float32Array): void;
}

/**
 * Exact search: writes the k rows of largest inner product of every query, best first and of equal ones the lower
 * position; position -1 behind the last. `allowed` is 1 or 0 a row, null for all.
 */
export type ScanRows = (
  rows: Float32Array,
  dimension: number,
  queries: Float32Array,
  k: number,
  allowed: Uint8Array | null,
  positions: Int32Array,
  scores: Float64Array,
) => Promise<void>;

/** The native search library and the version of hnswlib-node it comes from, loaded when first needed. */
interface SearchAddon {
  readonly Graph: new (dimension: number) => NativeGraph;
  readonly scanRows: ScanRows;
  readonly version: string;
}

/**
 * Loads the search library, which is compiled on the user's machine and may be missing.
 *
 * @param load how to require a package by name; for tests.
 * @throws EnvironmentError that says how to get it and what works without it.
 */
export function loadSearchAddon(load: (name: string) => unknown = requireHere): SearchAddon {
  try {
    const { Graph, scanRows } = load(ADDON) as Pick<SearchAddon, "Graph" | "scanRows">;
    const { version } = load(`${PACKAGE}/package.json`) as { version: string };
    return { Graph, scanRows, version };
  } catch (error) {
    throw new EnvironmentError(
      `loadSearchAddon: ${PACKAGE} must be compiled on this machine; it could not be loaded. ` +
        "Install a C++ compiler and run npm run setup, or search exactly with createFlatIndex().",
      { package: PACKAGE },
      error,
    );
  }
}
