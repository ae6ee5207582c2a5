import { assertInteger } from "../base/check";
import { DataError } from "../base/errors";
import { mean } from "../base/numbers";
import { assertAnswers } from "./answers";

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
  return mean(shares);
}

/**
 * Share of the relevant passages that are among the first k found, averaged over the queries, in [0, 1].
 *
 * @param found ids per query, best first.
 * @param relevant ids per query, at least one each, in any order.
 * @throws ShapeError when the lengths differ or are 0. DataError when a query has nothing relevant. ConfigError on k < 1.
 * @example recallAtK([["a", "b", "c"]], [["b", "x"]], 2)   // 1/2
 */
export function recallAtK(
  found: readonly (readonly string[])[],
  relevant: readonly (readonly string[])[],
  k: number,
): number {
  assertAnswers("recallAtK", found, relevant);
  assertInteger("recallAtK: k", k, 1);
  const recalls = relevant.map((ids, query) => {
    const wanted = new Set(ids);
    if (wanted.size === 0) {
      const advice = "Leave such queries out: their recall is not defined.";
      throw new DataError(
        `recallAtK: relevant must name a passage for each query; query ${query} has none. ${advice}`,
        {
          query,
        },
      );
    }
    const top = new Set(found[query]!.slice(0, k));
    return [...wanted].filter((id) => top.has(id)).length / wanted.size;
  });
  return mean(recalls);
}
