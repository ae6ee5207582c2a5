import { assertInteger } from "../base/check";
import type { Random } from "../base/random";
import type { Head, Retrieved } from "../base/types";

/** What was retrieved for one example, and what is true of it. */
export interface RetrievedForExample {
  readonly labelName: string;
  readonly retrieved: readonly Retrieved[];
}

/** How often one head finds passages of the example's own diagnosis. */
export interface AgreementResult {
  readonly head: Head;
  /** Share of the passages with known truth whose truth is the example's label; null when none is known. */
  readonly agreement: number | null;
  readonly numKnown: number;
  readonly numUnknown: number;
}

/**
 * Share of retrieved passages whose truth equals the example's label, per head. Phantoms know it, real corpora do not.
 * It is for analyses: no training reads it.
 *
 * @param truths passage id → label name, for the passages where it is known.
 * @example measureAgreement([{ labelName: "benign", retrieved }], new Map([["p1", "benign"]]))
 */
export function measureAgreement(
  queries: readonly RetrievedForExample[],
  truths: ReadonlyMap<string, string>,
): AgreementResult[] {
  const heads: readonly Head[] = ["image", "text"];
  const hits = queries.flatMap(({ labelName, retrieved }) =>
    retrieved.map(({ head, passageId }) => ({ head, labelName, truth: truths.get(passageId) })),
  );
  return heads.map((head) => {
    const ofHead = hits.filter((hit) => hit.head === head);
    const known = ofHead.filter(({ truth }) => truth !== undefined);
    const agreeing = known.filter(({ truth, labelName }) => truth === labelName);
    const agreement = known.length === 0 ? null : agreeing.length / known.length;
    return { head, agreement, numKnown: known.length, numUnknown: ofHead.length - known.length };
  });
}

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
