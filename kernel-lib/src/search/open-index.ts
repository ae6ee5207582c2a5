import { assertOneOf } from "../base/check";
import { isKernelError } from "../base/errors";
import type { Matrix } from "../base/types";
import { createFlatIndex } from "./flat-index";
import { createHnswIndex, type HnswOptions } from "./hnsw-index";
import type { VectorIndex } from "./vector-index";

/** Which index to build, and the graph's settings. */
export interface OpenIndexOptions extends HnswOptions {
  /** Default "hnsw". */
  readonly prefer?: "hnsw" | "flat";
}

/**
 * Builds an HNSW index or, where hnswlib-node is missing, the exact one, saying so through onWarn ("exact-index").
 *
 * @throws what createHnswIndex and createFlatIndex throw, but not the missing library.
 */
export async function openIndex(
  ids: readonly string[],
  embeddings: Matrix,
  options: OpenIndexOptions = {},
): Promise<VectorIndex> {
  const { prefer = "hnsw", ...settings } = options;
  assertOneOf("openIndex: prefer", prefer, ["hnsw", "flat"]);
  if (prefer === "flat") return createFlatIndex(ids, embeddings);
  try {
    return await createHnswIndex(ids, embeddings, settings);
  } catch (error) {
    if (!isKernelError(error, "environment")) throw error;
    options.control?.onWarn?.("exact-index", `openIndex: searching exactly instead. ${error.message}`, error.details);
    return createFlatIndex(ids, embeddings);
  }
}
