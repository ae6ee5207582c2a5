import { assertInteger } from "../base/check";
import type { Random } from "../base/random";
import type { Head, Retrieved } from "../base/types";

/**
 * Candidates of one query re-ranked at random: a control for "a better ranking helps on inconsistent queries".
 * Of each head's candidates `numPerHead` are drawn without regard to their scores; each keeps its own score and gets its
 * new rank. What a system gains with them over the original top is owed to other candidates, not to better ones.
 *
 * @param candidates of one query, of one or both heads, e.g. the 50 best of each.
 * @param options.numPerHead how many to keep per head, ≥ 1; fewer when a head has fewer.
 * @param options.random the query's own stream, e.g. createRandom(seed).fork(exampleId).
 * @throws ConfigError on numPerHead.
 */
export function rerankAtRandom(
  candidates: readonly Retrieved[],
  options: { readonly numPerHead: number; readonly random: Random },
): Retrieved[] {
  const { numPerHead, random } = options;
  assertInteger("rerankAtRandom: numPerHead", numPerHead, 1);
  const heads = [...new Set<Head>(candidates.map(({ head }) => head))];
  return heads.flatMap((head) =>
    random
      .fork(head)
      .shuffle(candidates.filter((candidate) => candidate.head === head))
      .slice(0, numPerHead)
      .map((candidate, rank) => ({ ...candidate, rank })),
  );
}
