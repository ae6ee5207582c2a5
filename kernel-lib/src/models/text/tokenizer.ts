import { createRequire } from "node:module";
import { DataError } from "../../base/errors";
import type { JsonObject } from "../weights/fields";
import {
  assertTokenizerSteps,
  completeTokenizer,
  parseTokenizerConfig,
  withOwnPad,
  withSpecialTokens,
  withSplitWords,
} from "./tokenizer-config";

/** The part of `@huggingface/tokenizers` in use; the package ships CommonJS, but declares types for ES modules only. */
interface HuggingFaceTokenizer {
  readonly normalizer: ((text: string) => string) | null;
  readonly pre_tokenizer: ((text: string) => string[]) | null;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean }): string;
  token_to_id(token: string): number | undefined;
  get_vocab(withAddedTokens: boolean): Map<string, number>;
}
type TokenizerClass = new (json: JsonObject, config: JsonObject) => HuggingFaceTokenizer;
const { Tokenizer } = createRequire(__filename)("@huggingface/tokenizers") as { Tokenizer: TokenizerClass };

/** Text to token ids and back, as a tokenizer.json says. */
export interface TextTokenizer {
  /** The content of tokenizer.json. */
  readonly json: JsonObject;
  /** Number of ids, special tokens included. */
  readonly vocabularySize: number;
  /** Content of the token before a text (bos_token of tokenizer_config.json), or null. */
  readonly begin: string | null;
  /** Content of the token after a text (eos_token of tokenizer_config.json), or null. */
  readonly end: string | null;
  /** Content of the token that fills up shorter texts (pad_token of tokenizer_config.json), or null. */
  readonly pad: string | null;
  /**
   * Ids of a text; special tokens written out in it are recognised. `around` says whether what the file's post-processor
   * puts around a text is added. Default "added".
   */
  encode(text: string, around?: "added" | "bare"): number[];
  /** Text of ids. `special` says whether special tokens are written out. Default "skip". */
  decode(ids: ArrayLike<number>, special?: "skip" | "keep"): string;
  /** Id of a token by its content, e.g. "<|image_pad|>". @throws DataError when there is none. */
  idOf(token: string): number;
  /** Whether there is such a token. */
  has(token: string): boolean;
  /** The pieces a text is split into before merging, in byte-level spelling ("Ġ" is a space). */
  split(text: string): string[];
}

/**
 * Makes a tokenizer from the content of a tokenizer.json (`@huggingface/tokenizers`).
 *
 * @param json content of tokenizer.json.
 * @param tokenizerConfig content of tokenizer_config.json. Default {}.
 * @throws DataError when it is no tokenizer, has a step or a setting that is not read as the tokenizers library does, or a field of
 * its configuration is unknown or asks for other ids.
 * @example createTokenizer(trainBpe({ words: [["round", 3]], specialTokens: [] })).encode("round").length   // 1
 */
export function createTokenizer(json: JsonObject, tokenizerConfig: JsonObject = {}): TextTokenizer {
  const whole = completeTokenizer(json);
  assertTokenizerSteps(whole);
  const config = withOwnPad(tokenizerConfig, whole);
  // without a word in the file, a decoded text keeps its spaces
  const inner = open(withSpecialTokens(withSplitWords(whole), config), {
    ...config,
    clean_up_tokenization_spaces: config["clean_up_tokenization_spaces"] === true,
  });
  const { begin, end, pad } = parseTokenizerConfig(config, {
    json: whole,
    around: () => withFile("createTokenizer", () => idsOf(inner.encode("", { add_special_tokens: true }))),
    idOf: (token) => inner.token_to_id(token),
  });
  const vocabularySize = inner.get_vocab(true).size;
  return {
    json,
    vocabularySize,
    begin,
    end,
    pad,
    encode: (text, around = "added") =>
      withFile("encode", () => idsOf(inner.encode(text, { add_special_tokens: around === "added" }))),
    decode: (ids, special = "skip") => {
      if (ids.length === 0) return "";
      return withFile("decode", () => inner.decode(Array.from(ids), { skip_special_tokens: special === "skip" }));
    },
    idOf: (token) => {
      const id = inner.token_to_id(token);
      if (id === undefined)
        throw new DataError(
          `idOf: token must be in the vocabulary of ${vocabularySize} tokens; got ${JSON.stringify(token)}. Use the tokenizer that belongs to the model.`,
          { token },
        );
      return id;
    },
    has: (token) => inner.token_to_id(token) !== undefined,
    split: (text) => inner.pre_tokenizer?.(inner.normalizer?.(text) ?? text) ?? [text],
  };
}

/** Some faults of a tokenizer.json show only when it is used. */
function withFile<T>(where: string, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    throw new DataError(
      `${where}: the tokenizer.json cannot be used (${(cause as Error).message}). Copy it from the model's folder again.`,
      {},
      cause,
    );
  }
}

function idsOf({ ids }: { ids: readonly unknown[] }): number[] {
  const bad = ids.find((id) => !Number.isSafeInteger(id) || (id as number) < 0);
  if (bad === undefined && !ids.includes(undefined)) return ids as number[];
  throw new TypeError(`ids must be whole numbers; got ${String(bad)}`);
}

function open(json: JsonObject, config: JsonObject): HuggingFaceTokenizer {
  try {
    return new Tokenizer(json, config);
  } catch (cause) {
    throw new DataError(
      `createTokenizer: json must be the content of a tokenizer.json; got one that cannot be read (${(cause as Error).message}). Make it with trainBpe, or copy it from the model's folder again.`,
      {},
      cause,
    );
  }
}

/** @throws DataError when a tokenizer writes ids that its model, of `vocabSize` tokens, has no embedding for. */
export function assertVocabulary(where: string, { vocabularySize }: TextTokenizer, vocabSize: number): void {
  if (vocabularySize <= vocabSize) return;
  throw new DataError(
    `${where}: vocab_size must be at least the tokenizer's ${vocabularySize} tokens; got ${vocabSize}. Use the config.json and tokenizer.json of one checkpoint.`,
    { vocabularySize, vocabSize },
  );
}
