import { createRequire } from "node:module";
import { DataError } from "../../base/errors";
import type { JsonObject } from "../weights/fields";
import {
  assertNormalized,
  assertTokenizerSteps,
  completeTokenizer,
  parseTokenizerConfig,
  partsOf,
  spaceOf,
  withOwnPad,
  withSpecialTokens,
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
  const inner = open(withSpecialTokens(withExactSteps(whole), config), {
    ...config,
    clean_up_tokenization_spaces: config["clean_up_tokenization_spaces"] === true,
  });
  assertNormalized(whole, inner.normalizer);
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

// ---- steps that are done otherwise here, said so that they are not -------------------------------------------------------

/** A pattern of the tokenizers library, whose white space is Unicode's: the steps that are built in here take JavaScript's. */
const split = (pattern: string, behavior: "Isolated" | "matches"): JsonObject => {
  const how = behavior === "matches" ? { behavior: "Removed", invert: true } : { behavior, invert: false };
  return { type: "Split", pattern: { Regex: pattern }, ...how };
};
const replace = (pattern: string, content: string): JsonObject => ({
  type: "Replace",
  pattern: { Regex: pattern },
  content,
});

const PUNCTUATION = "\\p{P}!-/:-@\\[-`{-~";
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
/** Chinese characters beyond 16 bits, as BERT's normalizer lists them. */
const RARE_CHINESE = [
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0x2f800, 0x2fa1f],
].map((range) => String.fromCodePoint(...range).replace(/^./u, "$&-"));

/** The same tokenizer.json in steps that give here what its own give in the tokenizers library. */
function withExactSteps(json: JsonObject): JsonObject {
  const pretokenizers = partsOf(json["pre_tokenizer"]).flatMap(exactSplit);
  const normalizers = partsOf(json["normalizer"]).flatMap(exactNormal);
  return {
    ...json,
    pre_tokenizer: pretokenizers.length === 0 ? null : { type: "Sequence", pretokenizers },
    normalizer: normalizers.length === 0 ? null : { type: "Sequence", normalizers },
  };
}

function exactSplit(step: JsonObject): JsonObject[] {
  switch (step["type"]) {
    case "Metaspace": {
      const marks = { ...step, split: false, str_rep: null }; // str_rep is not read there; here nothing is split
      const space = `\\x{${spaceOf(step).codePointAt(0)!.toString(16)}}`;
      return step["split"] === false ? [marks] : [marks, split(`${space}[^${space}]*`, "Isolated")];
    }
    case "WhitespaceSplit":
      return [split("\\S+", "matches")];
    case "BertPreTokenizer":
      return [split(`[^\\s${PUNCTUATION}]+|[${PUNCTUATION}]`, "matches")];
    case "ByteLevel": {
      const space = step["add_prefix_space"] === true ? [replace(" (?![\\s\\S])| ?([\\s\\S]+)", " $1")] : [];
      const words = step["use_regex"] === false ? [] : [split(GPT2, "Isolated")];
      return [...space, ...words, { ...step, add_prefix_space: false, use_regex: false }];
    }
    default:
      return [step];
  }
}

function exactNormal(step: JsonObject): JsonObject[] {
  const isBert = step["type"] === "BertNormalizer";
  // the end of a word makes no other letter of a sigma there
  const sigma = step["type"] === "Lowercase" || (isBert && step["lowercase"] === true) ? [replace("Σ", "σ")] : [];
  const chinese =
    isBert && step["handle_chinese_chars"] === true ? [replace(`[${RARE_CHINESE.join("")}]`, " $& ")] : [];
  if (step["type"] !== "Strip") return [...sigma, ...chinese, step];
  const [left, right] = [step["strip_left"] === true, step["strip_right"] === true];
  return [...(left ? [replace("\\A\\s+", "")] : []), ...(right ? [replace("\\s+\\z", "")] : [])];
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
