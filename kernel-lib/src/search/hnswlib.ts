import { createRequire } from "node:module";
import { EnvironmentError } from "../base/errors";

const PACKAGE = "hnswlib-node";
/** Made by set-up from the package's hnswlib and kernel-lib/native/index. */
const ADDON = `${PACKAGE}/build/Release/jomed_graph.node`;
const requireHere = createRequire(__filename);

/** hnswlib's graph over inner products; rows and hits are typed arrays. An error of hnswlib is thrown as an Error. */
export interface NativeGraph {
  create(capacity: number, m: number, efConstruction: number, seed: number): void;
  load(file: string): void;
  save(file: string): void;
  count(): number;
  setEf(ef: number): void;
  /** Adds whole rows at positions first, first + 1 … */
  add(rows: Float32Array, first: number): void;
  /**
   * Writes k positions and distances (1 - inner product) per query, nearest first and of equal ones the lower position;
   * position -1 where fewer are found.
   */
  search(queries: Float32Array, k: number, positions: Int32Array, distances: Float32Array): void;
  /** Copies a stored row into `row`. */
  row(position: number, row: Float32Array): void;
}

/** The native graph library and the version of hnswlib-node it comes from, loaded when first needed. */
export interface LoadedHnswlib {
  readonly Graph: new (dimension: number) => NativeGraph;
  readonly version: string;
}

/**
 * Loads the graph library, which is compiled on the user's machine and may be missing.
 *
 * @param load how to require a package by name; for tests.
 * @throws EnvironmentError that says how to get it and what works without it.
 */
export function loadHnswlib(load: (name: string) => unknown = requireHere): LoadedHnswlib {
  try {
    const { Graph } = load(ADDON) as Pick<LoadedHnswlib, "Graph">;
    const { version } = load(`${PACKAGE}/package.json`) as { version: string };
    return { Graph, version };
  } catch (error) {
    throw new EnvironmentError(
      `loadHnswlib: ${PACKAGE} must be compiled on this machine; it could not be loaded. ` +
        "Install a C++ compiler and run npm run setup, or search exactly with createFlatIndex().",
      { package: PACKAGE },
      error,
    );
  }
}
