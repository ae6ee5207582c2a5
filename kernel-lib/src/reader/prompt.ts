import { type ChatMessage, type ContentPart, imagesOf } from "../models/text/chat-template";
import type { TextTokenizer } from "../models/text/tokenizer";
import type { VisionLanguageModel } from "../models/vision-language/model";
import { expandImages, type PromptTokens, tokenizeChat } from "../models/vision-language/prompt-batch";
import type { ReadPair } from "./reader";

/** Named in every reader's fingerprint; raised when the wording or the order below changes. */
export const PROMPT_VERSION = 1;

/**
 * The user turn for one query, with one passage or closed-book.
 *
 * Paper: arXiv 2508.17394v3: [passage image, "background: {text}\n\n", query image, question]; closed-book: [query image, question].
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

/** Longest background text, in tokens; what is longer is cut at its end. */
export const MAX_BACKGROUND_TOKENS = 160;

/**
 * The prompt of a pair as the model reads it. A long background is cut to `MAX_BACKGROUND_TOKENS`; question and pictures never are.
 *
 * Deviation: the paper's readers have room for any caption; a small vocabulary spells words it does not know byte by byte.
 */
export function promptTokensOf(model: VisionLanguageModel, pair: ReadPair): PromptTokens {
  return expandImages(model, chatTokensOf(model, pair), imagesOf(buildPrompt(pair)));
}

/** The ids of prompts by their texts, model by model: a caption is read with many questions. */
const known = new WeakMap<VisionLanguageModel, Map<string, readonly number[]>>();
const MOST_KNOWN = 20_000;

function chatTokensOf(model: VisionLanguageModel, pair: ReadPair): readonly number[] {
  const { example, passage } = pair;
  const key = JSON.stringify([example.question, passage?.text ?? null]);
  const own = known.get(model) ?? new Map<string, readonly number[]>();
  const ids = own.get(key) ?? tokenizeChat(model, buildPrompt(cutBackground(model, pair)));
  if (own.size >= MOST_KNOWN) own.clear();
  known.set(model, own.set(key, ids));
  return ids;
}

function cutBackground({ tokenizer }: VisionLanguageModel, { example, passage }: ReadPair): ReadPair {
  if (passage === null) return { example, passage };
  const text = cutText(tokenizer, passage.text, MAX_BACKGROUND_TOKENS);
  if (text === passage.text) return { example, passage };
  return { example, passage: { ...passage, text } };
}

/** The beginning of a text, at most `maxTokens` tokens long, without a broken last character. */
export function cutText(tokenizer: TextTokenizer, text: string, maxTokens: number): string {
  if (text.length <= maxTokens / 4) return text; // at most four bytes a character, at most one token a byte
  const ids = tokenizer.encode(text, "bare");
  return ids.length <= maxTokens ? text : tokenizer.decode(ids.slice(0, maxTokens)).replace(/\uFFFD+$/u, "");
}
