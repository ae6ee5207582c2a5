import { DataError } from "../base/errors";
import type { JsonObject, TextTokenizer } from "./tokenizer";

/** The JSON files a CLIP or a Jina-CLIP consists of beside its weights, kept to be written again. */
export interface ClipParts {
  /** config.json */
  readonly config: JsonObject;
  /** tokenizer.json */
  readonly tokenizer: JsonObject;
  /** tokenizer_config.json. Default: none. */
  readonly tokenizerConfig?: JsonObject | null;
  /** preprocessor_config.json */
  readonly preprocessor: JsonObject;
}

/** @throws DataError when the tokenizer writes ids that the model has no embedding for. */
export function requireVocabulary(where: string, tokenizer: TextTokenizer, vocabularySize: number): void {
  if (tokenizer.vocabularySize <= vocabularySize) return;
  throw new DataError(
    `${where}: vocab_size must be at least the tokenizer's ${tokenizer.vocabularySize} tokens; got ${vocabularySize}. Use the config.json and tokenizer.json of one checkpoint.`,
    { vocabularySize: tokenizer.vocabularySize },
  );
}
