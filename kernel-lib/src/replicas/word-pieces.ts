import { ConfigError } from "../base/errors";
import { createTokenizer, type JsonObject } from "../models/text/tokenizer";

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
  const cut = createTokenizer(tokenizerJson([...special]));
  const pieces = [...words].flatMap((word) => {
    const parts = cut.split(word);
    if (parts.length > 0 && parts.every((part) => part.length > 0 && part.length <= LONGEST_WORD)) return parts;
    throw new ConfigError(
      `buildWordPieces: words must have 1 to ${LONGEST_WORD} letters; got ${JSON.stringify(word)}. Leave it out.`,
      { word },
    );
  });
  return tokenizerJson([...new Set([...special, ...pieces, ...characters()])]);
}

/** Printable ASCII without capitals, and what of it may go on within a word. */
function characters(): string[] {
  const all = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).filter((c) => !/[A-Z]/.test(c));
  return [...all, ...all.filter((c) => /[a-z0-9]/.test(c)).map((c) => PREFIX + c)];
}

function tokenizerJson(vocabulary: readonly string[]): JsonObject {
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const { begin, end, unknown } = BERT_TOKENS;
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const entry = (id: string) => ({ id, ids: [vocabulary.indexOf(id)], tokens: [id] });
  const single = [special(begin), { Sequence: { id: "A", type_id: 0 } }, special(end)];
  const second = { Sequence: { id: "B", type_id: 1 } };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: Object.values(BERT_TOKENS).map((content, id) => ({ id, content, ...plain })),
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
