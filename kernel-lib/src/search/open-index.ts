import { assertInteger, assertOneOf } from "../base/check";
import { isKernelError } from "../base/errors";
import type { Matrix } from "../base/types";
import { createFlatIndex } from "./flat-index";
import { createHnswIndex, type HnswOptions } from "./hnsw-index";
import type { VectorIndex } from "./vector-index";

/** Which index serves a corpus, and why, in words for the reader. */
export interface IndexChoice {
  readonly kind: VectorIndex["kind"];
  readonly why: string;
}

/** What the choice depends on besides the size. */
export interface ChooseIndexOptions {
  /** "auto" (default) goes by size; "hnsw" and "flat" (exact) insist. */
  readonly prefer?: "auto" | "hnsw" | "flat";
  /**
   * How many numbers, vectors times dimension, "auto" searches exactly at most. Default 2^22: some 0.3 ms a query, where
   * building a graph pays after 40,000 queries or more (docs/performance.md).
   */
  readonly exactUpTo?: number;
}

export const EXACT_UP_TO = 2 ** 22;

/**
 * Chooses between comparing every vector, which misses nothing, and a graph, which pays once the corpus is large.
 *
 * @throws ConfigError on another preference, or a size or limit that is no whole number from 0.
 * @example chooseIndex({ rows: 3000, cols: 64 }).kind // "flat"
 */
export function chooseIndex(
  { rows, cols }: Pick<Matrix, "rows" | "cols">,
  options: ChooseIndexOptions = {},
): IndexChoice {
  const { prefer = "auto", exactUpTo = EXACT_UP_TO } = options;
  assertOneOf("chooseIndex: prefer", prefer, ["auto", "hnsw", "flat"]);
  assertInteger("chooseIndex: rows", rows, 0);
  assertInteger("chooseIndex: cols", cols, 0);
  assertInteger("chooseIndex: exactUpTo", exactUpTo, 0);
  if (prefer === "flat") return { kind: "flat", why: "exact search: asked for" };
  if (prefer === "hnsw") return { kind: "hnsw", why: "HNSW: asked for" };
  const show = (count: number) => count.toLocaleString("en-US");
  const size = `${show(rows)} x ${show(cols)} numbers are`;
  return rows * cols > exactUpTo
    ? { kind: "hnsw", why: `HNSW: ${size} more than ${show(exactUpTo)}, too many to compare with every query` }
    : {
        kind: "flat",
        why: `exact search: ${size} not more than ${show(exactUpTo)}, few enough to compare with every query`,
      };
}

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
