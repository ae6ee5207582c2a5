import { isKernelError } from "../base/errors";
import type { Matrix } from "../base/types";
import { type ChooseIndexOptions, chooseIndex, type IndexChoice } from "./choose-index";
import { createFlatIndex } from "./flat-index";
import { createHnswIndex, type HnswOptions } from "./hnsw-index";
import type { VectorIndex } from "./vector-index";

/** Which index to build, and the graph's settings. */
export interface OpenIndexOptions extends HnswOptions, ChooseIndexOptions {}

/** An index and why it is of its kind. */
export interface OpenedIndex {
  readonly index: VectorIndex;
  readonly choice: IndexChoice;
}

/** The choice left where the graph's library is missing. */
export const NO_LIBRARY: IndexChoice = { kind: "flat", why: "exact search: hnswlib-node is not compiled here" };

/**
 * Builds the index that suits the corpus' size: exact for small ones, HNSW for large ones. Where hnswlib-node is missing
 * the exact one serves, said through onWarn ("exact-index").
 *
 * @throws what chooseIndex, createHnswIndex and createFlatIndex throw, but not the missing library.
 * @example const { index, choice } = await openIndex(ids, embeddings); print(choice.why)
 */
export async function openIndex(
  ids: readonly string[],
  embeddings: Matrix,
  options: OpenIndexOptions = {},
): Promise<OpenedIndex> {
  const { prefer: _prefer, exactUpTo: _exactUpTo, ...settings } = options;
  const choice = chooseIndex(embeddings, options);
  if (choice.kind === "flat") return { index: createFlatIndex(ids, embeddings), choice };
  try {
    return { index: await createHnswIndex(ids, embeddings, settings), choice };
  } catch (error) {
    if (!isKernelError(error, "environment")) throw error;
    options.control?.onWarn?.("exact-index", `openIndex: searching exactly instead. ${error.message}`, error.details);
    return { index: createFlatIndex(ids, embeddings), choice: NO_LIBRARY };
  }
}
