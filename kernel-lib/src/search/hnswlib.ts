import { createRequire } from "node:module";
import type * as Hnswlib from "hnswlib-node";
import { EnvironmentError } from "../base/errors";

const PACKAGE = "hnswlib-node";
const requireHere = createRequire(__filename);

/** The native graph library and its version, loaded when first needed. */
export interface LoadedHnswlib {
  readonly HierarchicalNSW: typeof Hnswlib.HierarchicalNSW;
  readonly version: string;
}

/**
 * Loads hnswlib-node, which is compiled on the user's machine and may be missing.
 *
 * @param load how to require a package by name; for tests.
 * @throws EnvironmentError that says how to get it and what works without it.
 */
export function loadHnswlib(load: (name: string) => unknown = requireHere): LoadedHnswlib {
  try {
    const { HierarchicalNSW } = load(PACKAGE) as typeof Hnswlib;
    const { version } = load(`${PACKAGE}/package.json`) as { version: string };
    return { HierarchicalNSW, version };
  } catch (error) {
    throw new EnvironmentError(
      `loadHnswlib: ${PACKAGE} must be compiled on this machine; it could not be loaded. ` +
        "Install a C++ compiler and run npm run setup, or search exactly with createFlatIndex().",
      { package: PACKAGE },
      error,
    );
  }
}
