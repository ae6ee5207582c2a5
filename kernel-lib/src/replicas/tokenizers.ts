import { assertInteger } from "../base/check";
import { ConfigError } from "../base/errors";
import { createTokenizer } from "../models/text/tokenizer";
import type { JsonObject } from "../models/weights/fields";
import type { VocabularyWord } from "../phantoms/general/vocabulary";

/*
 * How a list of words becomes the tokenizer.json of a replica, in the two formats its models have: byte-level BPE (CLIP, Qwen2-VL
 * and Pixtral) and BERT's word pieces (Jina-CLIP).
 */

/** Words as the pre-tokenizer cuts them, each piece one token later: "background:" is two pieces, "12" two digits. */
export function cutWords(words: readonly VocabularyWord[]): ReadonlyMap<string, number> {
  const pieces = new Map<string, number>();
  for (const { word, count } of words) {
    for (const piece of word.match(/\p{L}+|\p{N}|[^\p{L}\p{N}]+/gu) ?? []) pieces.set(piece, count);
  }
  return pieces;
}

/** How a special token stands in the file. */
const SPECIAL_TOKEN = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };

// ---- byte-level BPE -------------------------------------------------------------------------------------------------------

/** What a vocabulary is built from. */
export interface BpeOptions {
  /** Words that must become one token, with and without a leading space, and how often they occur. */
  readonly words: Iterable<readonly [string, number]>;
  /** Contents of the special tokens; their ids follow the merged tokens, in this order. */
  readonly specialTokens: readonly string[];
  /** Special tokens put around every text, as CLIP does. Default: none. */
  readonly wrap?: { readonly begin: string; readonly end: string };
}

const SPACE = "Ġ";
const QWEN2_SPLIT =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/**
 * Builds the content of a byte-level BPE tokenizer.json (Qwen2's normaliser and pre-tokenizer).
 *
 * Byte-pair encoding (Sennrich et al. 2016), run until every listed word is one token; pairs with a leading space come
 * last, so both forms of a word share their stem. Any other text falls back to shorter tokens, at worst to bytes, so
 * every text can be encoded and decoded. The same words give the same file; ties go to the pair first in code-unit order.
 *
 * @throws ConfigError when a word cannot be one token (two words, two digits …), or `wrap` names no special token.
 * @example trainBpe({ words: [["a", 9], ["circle", 4]], specialTokens: ["<|endoftext|>"] })
 */
export function trainBpe(options: BpeOptions): JsonObject {
  const alphabet = byteAlphabet();
  const merges = learnMerges(spell(options.words, alphabet));
  const tokens = [...alphabet, ...merges.map(([left, right]) => left + right)];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  return bpeJson(
    vocab,
    merges.map(([left, right]) => `${left} ${right}`),
    options,
  );
}

interface SpelledWord {
  symbols: string[];
  readonly count: number;
}

type Pair = readonly [string, string];

/** The 256 printable characters that stand for bytes, in GPT-2's order. */
function byteAlphabet(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const shown = bytes.filter(printable).map((byte) => String.fromCharCode(byte));
  const hidden = bytes.filter((byte) => !printable(byte)).map((_, i) => String.fromCharCode(256 + i));
  return [...shown, ...hidden];
}

/** Each word, with and without a leading space, as a list of byte characters. */
function spell(words: BpeOptions["words"], alphabet: readonly string[]): SpelledWord[] {
  const vocab = Object.fromEntries(alphabet.map((token, id) => [token, id]));
  const bytesOnly = createTokenizer(bpeJson(vocab, [], { specialTokens: [] }));
  const counts = new Map<string, number>();
  for (const [word, count] of words) {
    assertInteger(`trainBpe: count of ${JSON.stringify(word)}`, count, 1);
    const pieces = bytesOnly.split(word);
    if (pieces.length !== 1)
      throw new ConfigError(
        `trainBpe: words must be single words, digits or runs of marks; got ${JSON.stringify(word)}, which is split into ${pieces.length} pieces. List the pieces.`,
        { word, pieces },
      );
    // some words, such as digits, never take the space before them into their token
    const spaced = bytesOnly.split(` ${word}`);
    for (const piece of spaced.length === 1 ? [pieces[0]!, spaced[0]!] : [pieces[0]!])
      counts.set(piece, (counts.get(piece) ?? 0) + count);
  }
  return [...counts].map(([piece, count]) => ({ symbols: [...piece], count }));
}

function learnMerges(words: readonly SpelledWord[]): Pair[] {
  const merges: Pair[] = [];
  for (let best = bestPair(words); best !== null; best = bestPair(words)) {
    merges.push(best);
    for (const word of words) word.symbols = mergePair(word.symbols, best);
  }
  return merges;
}

function bestPair(words: readonly SpelledWord[]): Pair | null {
  const counts = new Map<string, { pair: Pair; count: number }>();
  for (const { symbols, count } of words) {
    for (let i = 1; i < symbols.length; i++) {
      const pair = [symbols[i - 1]!, symbols[i]!] as const;
      const entry = counts.get(pair.join(" ")) ?? { pair, count: 0 };
      entry.count += count;
      counts.set(pair.join(" "), entry);
    }
  }
  let best: { pair: Pair; count: number } | null = null;
  for (const candidate of counts.values()) if (best === null || isBetter(candidate, best)) best = candidate;
  return best?.pair ?? null;
}

function isBetter(a: { pair: Pair; count: number }, b: { pair: Pair; count: number }): boolean {
  const late = Number(a.pair[0] === SPACE) - Number(b.pair[0] === SPACE);
  if (late !== 0) return late < 0;
  if (a.count !== b.count) return a.count > b.count;
  return a.pair.join(" ") < b.pair.join(" ");
}

function mergePair(symbols: readonly string[], [left, right]: Pair): string[] {
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const meets = symbols[i] === left && symbols[i + 1] === right;
    merged.push(meets ? left + right : symbols[i]!);
    if (meets) i += 1;
  }
  return merged;
}

function bpeJson(
  vocab: Readonly<Record<string, number>>,
  merges: readonly string[],
  { specialTokens, wrap }: Pick<BpeOptions, "specialTokens" | "wrap">,
): JsonObject {
  const first = Object.keys(vocab).length;
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, i) => ({ id: first + i, content, ...SPECIAL_TOKEN })),
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: QWEN2_SPLIT }, behavior: "Isolated", invert: false },
        byteLevel,
      ],
    },
    post_processor: wrap === undefined ? byteLevel : template(wrap, specialTokens, first),
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
}

function template(wrap: { begin: string; end: string }, specialTokens: readonly string[], first: number): JsonObject {
  for (const token of [wrap.begin, wrap.end])
    if (!specialTokens.includes(token))
      throw new ConfigError(`trainBpe: wrap must name special tokens; got ${token}. Add it to specialTokens.`, {
        token,
      });
  const special = (content: string) => ({ SpecialToken: { id: content, type_id: 0 } });
  const text = (id: "A" | "B") => ({ Sequence: { id, type_id: 0 } });
  const single = [special(wrap.begin), text("A"), special(wrap.end)];
  const entry = (content: string) => ({
    id: content,
    ids: [first + specialTokens.indexOf(content)],
    tokens: [content],
  });
  return {
    type: "TemplateProcessing",
    single,
    pair: [...single, special(wrap.begin), text("B"), special(wrap.end)],
    special_tokens: { [wrap.begin]: entry(wrap.begin), [wrap.end]: entry(wrap.end) },
  };
}

// ---- word pieces ----------------------------------------------------------------------------------------------------------

/** BERT's special tokens; their ids are 0 to 4, in this order. */
export const BERT_TOKENS = { pad: "[PAD]", unknown: "[UNK]", begin: "[CLS]", end: "[SEP]", mask: "[MASK]" } as const;

const PREFIX = "##";
const LONGEST_WORD = 100;

/**
 * Builds the content of a tokenizer.json with BERT's uncased word pieces: every listed word is one token, any other ASCII word
 * is spelled in the longest listed pieces, at worst letter by letter. What holds other letters is [UNK], as in BERT.
 *
 * Nothing is counted or trained: the same words in the same order give the same file.
 *
 * @param words cut where BERT cuts them: "background:" is two pieces. Capitals and accents are lost.
 * @throws ConfigError when a word is empty or longer than the 100 characters BERT reads of one.
 * @example buildWordPieces(["circle", "a"])
 */
export function buildWordPieces(words: Iterable<string>): JsonObject {
  const special = Object.values(BERT_TOKENS);
  const cut = createTokenizer(wordPieceJson([...special]));
  const pieces = [...words].flatMap((word) => {
    const parts = cut.split(word);
    if (parts.length > 0 && parts.every((part) => part.length > 0 && part.length <= LONGEST_WORD)) return parts;
    throw new ConfigError(
      `buildWordPieces: words must have 1 to ${LONGEST_WORD} letters; got ${JSON.stringify(word)}. Leave it out.`,
      { word },
    );
  });
  return wordPieceJson([...new Set([...special, ...pieces, ...characters()])]);
}

/** Printable ASCII without capitals, and what of it may go on within a word. */
function characters(): string[] {
  const all = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).filter((c) => !/[A-Z]/.test(c));
  return [...all, ...all.filter((c) => /[a-z0-9]/.test(c)).map((c) => PREFIX + c)];
}

function wordPieceJson(vocabulary: readonly string[]): JsonObject {
  const { begin, end, unknown } = BERT_TOKENS;
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const entry = (id: string) => ({ id, ids: [vocabulary.indexOf(id)], tokens: [id] });
  const single = [special(begin), { Sequence: { id: "A", type_id: 0 } }, special(end)];
  const second = { Sequence: { id: "B", type_id: 1 } };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: Object.values(BERT_TOKENS).map((content, id) => ({ id, content, ...SPECIAL_TOKEN })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single,
      pair: [...single, second, { SpecialToken: { id: end, type_id: 1 } }],
      special_tokens: { [begin]: entry(begin), [end]: entry(end) },
    },
    decoder: { type: "WordPiece", prefix: PREFIX, cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: unknown,
      continuing_subword_prefix: PREFIX,
      max_input_chars_per_word: LONGEST_WORD,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    },
  };
}
