import { requireHeads } from "./require-heads";
import { type RetrievingParts, retrievingSystem, type System } from "./system";

/**
 * FT RAG with the text head learned, the image head frozen: the paper's first ablation step.
 *
 * @throws ConfigError unless the retriever's text head alone is learned.
 */
export function textHead(parts: RetrievingParts): System {
  requireHeads("textHead", parts.retriever, ["text"]);
  return retrievingSystem("text-head", parts);
}
