import { requireHeads } from "./require-heads";
import { type RetrievingParts, retrievingSystem, type System } from "./system";

/**
 * Fine-tuned RAG: the fine-tuned reader over passages of the frozen retriever, both heads.
 *
 * Paper: arXiv 2508.17394v3, baseline "FT RAG".
 * @throws ConfigError when the retriever has a learned head.
 */
export function ftRag(parts: RetrievingParts): System {
  requireHeads("ftRag", parts.retriever, []);
  return retrievingSystem("ft-rag", parts);
}
