import { assertInteger } from "../base/check";
import { DataError } from "../base/errors";
import { assertAnswers } from "./check-answers";

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
  return recalls.reduce((sum, value) => sum + value, 0) / recalls.length;
}
