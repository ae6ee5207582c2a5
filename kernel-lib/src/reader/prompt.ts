import type { ChatMessage, ContentPart } from "../models/chat-template";
import type { ReadPair } from "./reader";

/** Named in every reader's fingerprint; raised when the wording or the order below changes. */
export const PROMPT_VERSION = 1;

/**
 * The user turn for one query, with one candidate or closed-book.
 *
 * Paper: arXiv 2508.17394v3: [candidate image, "background: {text}\n\n", query image, question]; closed-book: [query image, question].
 * Deviation: none.
 */
export function buildPrompt(pair: ReadPair): ChatMessage[] {
  const { example, passage } = pair;
  const background: ContentPart[] =
    passage === null
      ? []
      : [
          { type: "image", image: passage.image },
          { type: "text", text: `background: ${passage.text}\n\n` },
        ];
  const query: ContentPart[] = [
    { type: "image", image: example.image },
    { type: "text", text: example.question },
  ];
  return [{ role: "user", content: [...background, ...query] }];
}
