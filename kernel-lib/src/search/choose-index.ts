import { assertInteger, assertOneOf } from "../base/check";
import type { Matrix } from "../base/types";
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
