import { assertInteger } from "../base/check";
import { assertAnswers } from "./check-answers";

/**
 * Share of the first k that two rankings have in common, averaged over the queries, in [0, 1]: 1 = the same passages in any order.
 * A ranking shorter than k is compared with as many of the other's as it has; two empty ones count 1.
 *
 * @param first ids per query, best first.
 * @param second ids per query, best first.
 * @throws ShapeError when the numbers of queries differ or are 0. ConfigError on k < 1.
 * @example listOverlap([["a", "b", "c"]], [["b", "d", "a"]], 2)   // {a, b} and {b, d}: 1/2
 */
export function listOverlap(
  first: readonly (readonly string[])[],
  second: readonly (readonly string[])[],
  k: number,
): number {
  assertAnswers("listOverlap", first, second);
  assertInteger("listOverlap: k", k, 1);
  const shares = first.map((ids, query) => {
    const length = Math.min(k, ids.length, second[query]!.length);
    const found = new Set(ids.slice(0, length));
    const shared = second[query]!.slice(0, length).filter((id) => found.has(id)).length;
    return length === 0 ? Number(ids.length === second[query]!.length) : shared / length;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
