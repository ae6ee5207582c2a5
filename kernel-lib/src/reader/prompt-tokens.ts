import { type PromptTokens, tokenizePrompt } from "../models/prompt-batch";
import type { TextTokenizer } from "../models/tokenizer";
import type { VisionLanguageModel } from "../models/vision-language";
import { buildPrompt } from "./prompt";
import type { ReadPair } from "./reader";

/** Longest background text, in tokens; what is longer is cut at its end. */
export const MAX_BACKGROUND_TOKENS = 160;

/**
 * The prompt of a pair as the model reads it. A long background is cut to `MAX_BACKGROUND_TOKENS`; question and pictures never are.
 *
 * Deviation: the paper's readers have room for any caption; a small vocabulary spells words it does not know byte by byte.
 */
export function promptTokensOf(model: VisionLanguageModel, pair: ReadPair): PromptTokens {
  const { passage } = pair;
  if (passage === null) return tokenizePrompt(model, buildPrompt(pair));
  const text = cutText(model.tokenizer, passage.text, MAX_BACKGROUND_TOKENS);
  return tokenizePrompt(
    model,
    buildPrompt({ ...pair, passage: text === passage.text ? passage : { ...passage, text } }),
  );
}

/** The beginning of a text, at most `maxTokens` tokens long, without a broken last character. */
export function cutText(tokenizer: TextTokenizer, text: string, maxTokens: number): string {
  if (text.length <= maxTokens / 4) return text; // at most four bytes a character, at most one token a byte
  const ids = tokenizer.encode(text, "bare");
  return ids.length <= maxTokens ? text : tokenizer.decode(ids.slice(0, maxTokens)).replace(/\uFFFD+$/u, "");
}
