import { requireHeads } from "./require-heads";
import { type RetrievingParts, retrievingSystem, type System } from "./system";

/**
 * JOMED: the fine-tuned reader over passages of both learned heads.
 *
 * Paper: arXiv 2508.17394v3. Deviation: none with the defaults; the reference code fuses logits.
 * @throws ConfigError unless both heads are learned.
 */
export function jomed(parts: RetrievingParts): System {
  requireHeads("jomed", parts.retriever, ["image", "text"]);
  return retrievingSystem("jomed", parts);
}
