import { requireHeads } from "./require-heads";
import { type RetrievingParts, retrievingSystem, type System } from "./system";

/**
 * FT RAG with the image head learned, the text head frozen: the other half of the paper's step from FT RAG to JOMED.
 *
 * @throws ConfigError unless the retriever's image head alone is learned.
 */
export function imageHead(parts: RetrievingParts): System {
  requireHeads("imageHead", parts.retriever, ["image"]);
  return retrievingSystem("image-head", parts);
}
