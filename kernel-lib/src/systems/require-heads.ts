import { ConfigError } from "../base/errors";
import type { Head } from "../base/types";
import type { DualHeadRetriever } from "../retriever/dual-head";

/** Throws ConfigError unless exactly these heads of the retriever are learned. */
export function requireHeads(system: string, retriever: DualHeadRetriever, wanted: readonly Head[]): void {
  const found = [...retriever.learnedHeads].sort().join(" and ") || "none";
  const named = [...wanted].sort().join(" and ") || "none";
  if (found === named) return;
  throw new ConfigError(
    `${system}: retriever must have these learned heads: ${named}; got ${found}. Pass createDualHead the towers of just those heads.`,
    { system, wanted, found: retriever.learnedHeads },
  );
}
