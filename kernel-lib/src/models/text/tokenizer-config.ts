import { isObject } from "../../base/check";
import { type FieldSource, Fields, type JsonObject, wordsOf } from "../weights/fields";

/*
 * tokenizer.json says what a text becomes, tokenizer_config.json which tokens are special. Of the first, steps and settings that would
 * give other ids here than in the tokenizers library are refused by name; of the second, what would change ids is compared with the first.
 */

const ADVICE = "Use the tokenizer.json and tokenizer_config.json of one model.";
const CONFIG: FieldSource = { where: "createTokenizer", file: "tokenizer_config.json", advice: ADVICE };
const FILE: FieldSource = {
  where: "createTokenizer",
  file: "tokenizer.json",
  advice: "The file may be sound: use a model whose tokenizer does without it.",
};

// ---- tokenizer.json ----------------------------------------------------------------------------------------------------

/** Values of a setting that are read; undefined where it may be left out. */
type Settings = Readonly<Record<string, readonly unknown[]>>;

const PLACED: Settings = { prepend_scheme: [undefined, "always", "first"], add_prefix_space: [undefined, true] };
/** What gives the same ids here as in the tokenizers library, by place and type, and the settings it needs for that. */
const STEPS: Readonly<Record<string, Readonly<Record<string, Settings>>>> = {
  model: {
    BPE: { dropout: [undefined, null, 0], continuing_subword_prefix: [undefined, null, ""] },
    WordPiece: {},
    Unigram: { byte_fallback: [undefined, false] },
  },
  normalizer: Object.fromEntries(
    wordsOf("BertNormalizer Lowercase NFC NFD NFKC NFKD Prepend Replace Strip StripAccents").map((type) => [type, {}]),
  ),
  pre_tokenizer: {
    BertPreTokenizer: {},
    ByteLevel: {},
    Metaspace: PLACED,
    Split: { behavior: ["Isolated", "Removed"] },
    WhitespaceSplit: {},
  },
  post_processor: { BertProcessing: {}, ByteLevel: {}, RobertaProcessing: {}, TemplateProcessing: {} },
  decoder: {
    ...Object.fromEntries(
      wordsOf("BPEDecoder ByteFallback ByteLevel Fuse Replace Strip WordPiece").map((type) => [type, {}]),
    ),
    Metaspace: PLACED,
  },
};

/** The content of a tokenizer.json with everything in it that may be left out. */
export function completeTokenizer(json: JsonObject): JsonObject {
  const places = Object.fromEntries(Object.keys(STEPS).map((place) => [place, null]));
  const whole = { ...places, added_tokens: [], ...json };
  return isObject(json["model"]) ? { ...whole, model: { type: kindOf(json["model"]), ...json["model"] } } : whole;
}

/** The type of a model in files from before it was written down. */
function kindOf(model: JsonObject): string {
  if ("merges" in model) return "BPE";
  if (Array.isArray(model["vocab"])) return "Unigram";
  return "continuing_subword_prefix" in model ? "WordPiece" : "WordLevel";
}

/**
 * Refuses what is done otherwise here than in the tokenizers library: steps, their settings, and ids that it does not take from the file.
 *
 * @param json of `completeTokenizer`.
 * @throws DataError naming the step or the token.
 */
export function assertTokenizerSteps(json: JsonObject): void {
  const file = new Fields(json, FILE);
  for (const place of Object.keys(STEPS)) assertSteps(file, place, file.value(place));
  const ids = vocabularyOf(file.value("model"));
  assertPieces(file, ids);
  assertAddedTokens(file, ids);
  assertDecoded(file, ids);
  assertAround(file, file.value("post_processor"), ids);
}

function assertSteps(file: Fields, place: string, step: unknown): void {
  if (step === undefined || step === null) return;
  const type = isObject(step) ? step["type"] : undefined;
  if (type === "Sequence") {
    for (const part of Object.values(step as object)
      .filter(Array.isArray)
      .flat())
      assertSteps(file, place, part);
    return;
  }
  const settings = STEPS[place]![String(type)];
  const names = Object.keys(STEPS[place]!).join(", ");
  if (settings === undefined) throw file.wrong(place, `one of ${names}; others are not supported`, type);
  const fields = new Fields(step, FILE, place);
  for (const [name, values] of Object.entries(settings))
    if (!values.includes(fields.raw(name))) throw fields.wrong(name, `${said(values)} in a ${type}, to be supported`);
  const removes = fields.raw("behavior") === "Removed";
  if (type === "Split" && fields.flag("invert", "off") !== removes)
    throw fields.wrong("invert", `${removes} with ${fields.raw("behavior")}, to be supported`);
}

const said = (values: readonly unknown[]): string =>
  values.map((value) => (value === undefined ? "left out" : JSON.stringify(value))).join(" or ");

/** The steps of a place one after the other. */
export function partsOf(step: unknown): readonly JsonObject[] {
  if (!isObject(step)) return [];
  return step["type"] === "Sequence" ? Object.values(step).filter(Array.isArray).flat().flatMap(partsOf) : [step];
}

/** What stands for a space. */
export const spaceOf = ({ replacement }: JsonObject): string =>
  typeof replacement === "string" ? replacement : "\u2581";

/** Steps before which the beginning of a text is still its beginning. */
const HARMLESS = wordsOf("NFC NFD NFKC NFKD Lowercase");

/**
 * Refuses what goes wrong here where a text is cut or split: "first" means the first piece of the whole text; unknown characters are
 * made one within a piece, not across pieces.
 */
function assertPieces(file: Fields, ids: ReadonlyMap<string, number>): void {
  const [parts, normal] = [partsOf(file.value("pre_tokenizer")), partsOf(file.value("normalizer"))];
  const firsts = parts.map((part) => part["type"] === "Metaspace" && part["prepend_scheme"] === "first");
  if (firsts.lastIndexOf(true) > 0)
    throw file.wrong(
      "pre_tokenizer",
      'one that begins with the Metaspace whose prepend_scheme is "first", to be supported',
    );
  const changed = normal.findIndex((part) => !HARMLESS.includes(String(part["type"])));
  if (firsts[0] === true && changed >= 0)
    throw file.wrong("normalizer", `${HARMLESS.join(", ")} or none where prepend_scheme is "first", to be supported`);
  if (normal.some((part, i) => part["type"] === "Prepend" && i > changed))
    throw file.wrong("normalizer", "one that prepends before other changes, to be supported");
  const last = parts.at(-1);
  const model = file.section("model", {});
  const isMarking = last?.["type"] === "Metaspace" && !model.value("end_of_word_suffix") && ids.has(spaceOf(last));
  if (fusesUnknown(model, ids) && last !== undefined && !isMarking)
    throw file.wrong(
      "pre_tokenizer",
      "left out, or end with a Metaspace whose replacement is in the vocabulary, where unknown characters become one token, to be supported",
    );
}

/** Whether a model makes one token of several unknown characters, and knows not all. */
function fusesUnknown(model: Fields, ids: ReadonlyMap<string, number>): boolean {
  if (model.value("type") === "Unigram") return model.value("unk_id") !== undefined;
  if (model.value("fuse_unk") !== true || model.value("unk_token") === undefined) return false;
  const byteOf = (_: unknown, byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
  return model.value("byte_fallback") !== true || !Array.from({ length: 256 }, byteOf).every((each) => ids.has(each));
}

/** What a byte-level decoder takes for bytes beyond ASCII. */
const BYTES = /^(?=.*[^!-~])[!-~\u00a1-\u00ac\u00ae-\u0143]+$/;

/** Refuses tokens that are read otherwise here by the decoder of the file: spaces in them, or letters that stand for bytes. */
function assertDecoded(file: Fields, ids: ReadonlyMap<string, number>): void {
  const decoders = partsOf(file.value("decoder"));
  const spaces = decoders.find((part) => part["type"] === "Metaspace");
  const spaced =
    spaces && [...ids.keys()].find((each) => each.startsWith(" ") || each.lastIndexOf(spaceOf(spaces)) > 0);
  const hasBytes = decoders.some((part) => part["type"] === "ByteLevel");
  const byte = hasBytes ? addedTokens(file).find(({ content }) => BYTES.test(content))?.content : undefined;
  const [token, type] = spaced === undefined ? [byte, "ByteLevel"] : [spaced, "Metaspace"];
  if (token === undefined) return;
  throw file.wrong("decoder", `no ${type} where a token is ${JSON.stringify(token)}, to be supported`);
}

/**
 * Refuses added tokens that are searched in the text as the normalizer leaves it, where that changes the tokens themselves.
 *
 * @param normalize null where there is no normalizer.
 */
export function assertNormalized(json: JsonObject, normalize: ((text: string) => string) | null): void {
  const file = new Fields(json, FILE);
  const isFirst = partsOf(json["pre_tokenizer"])[0]?.["prepend_scheme"] === "first";
  for (const { content, normalized } of addedTokens(file))
    if (normalized && normalize !== null && (isFirst || normalize(content) !== content))
      throw file.wrong(
        `added_tokens, ${JSON.stringify(content)},`,
        "left alone by the normalizer, or of normalized false, to be supported",
        normalize(content),
      );
}

/** Ids of the model's own tokens. */
function vocabularyOf(model: unknown): Map<string, number> {
  const vocab = isObject(model) ? model["vocab"] : null;
  const rows = Array.isArray(vocab)
    ? vocab.map((row: unknown, id) => [Array.isArray(row) ? (row[0] as string) : String(row), id] as const)
    : Object.entries(isObject(vocab) ? vocab : {});
  return new Map(rows as [string, number][]);
}

/**
 * An added token has the id of its text in the vocabulary, or the next free one, whatever the file says: so the tokenizers library.
 *
 * @param ids of the model's own tokens; those of the added ones are put in.
 */
function assertAddedTokens(file: Fields, ids: Map<string, number>): void {
  let next = ids.size;
  for (const { id, content, single_word: alone } of addedTokens(file)) {
    const place = `added_tokens, ${JSON.stringify(content)},`;
    if (alone === true) throw file.wrong(place, "found within words too (single_word false), to be supported", alone);
    const meant = ids.get(content) ?? next;
    if (id !== meant) throw file.wrong(place, `of id ${meant}, as the tokenizers library numbers it`, id);
    ids.set(content, meant);
    next = Math.max(next, meant + 1);
  }
}

/** What stands around a text is found by its text here, by its id in the tokenizers library: the two must be one token. */
function assertAround(file: Fields, step: unknown, ids: ReadonlyMap<string, number>): void {
  if (!isObject(step)) return;
  const { processors, special_tokens: special, sep, cls } = step;
  if (Array.isArray(processors)) for (const part of processors) assertAround(file, part, ids);
  const idsOf = (each: unknown): readonly unknown[] =>
    isObject(each) && Array.isArray(each["ids"]) ? (each["ids"] as readonly unknown[]) : [];
  const rows = Object.entries(isObject(special) ? special : {}).map(([name, each]) => [name, idsOf(each)] as const);
  const pairs = [sep, cls].filter(Array.isArray).map(([content, id]) => [String(content), [id]] as const);
  for (const [content, own] of [...rows, ...pairs])
    if (own.length !== 1 || own[0] !== ids.get(content))
      throw file.wrong(
        "post_processor",
        `${JSON.stringify(content)} by its one id, ${ids.get(content)}, to be supported`,
        own,
      );
}

/** A token beside the model's own vocabulary, as tokenizer.json has it. */
interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

const addedTokens = (file: Fields): readonly AddedToken[] =>
  file.objects("added_tokens", "tokens") as unknown as readonly AddedToken[];

// ---- tokenizer_config.json ----------------------------------------------------------------------------------------------

/** Texts of the special tokens that models ask for; null where there is none. */
export interface SpecialTokens {
  readonly begin: string | null;
  readonly end: string | null;
  readonly pad: string | null;
}

/** Names, paths, how texts are cut and filled up (a model does that itself here), and what the file repeats of tokenizer.json. */
const IRRELEVANT = wordsOf(`
  _commit_hash added_tokens_decoder additional_special_tokens auto_map backend chat_template clean_text do_basic_tokenize
  errors extra_special_tokens fix_mistral_regex from_slow image_processor_type init_inputs is_local
  is_local_tokenizer legacy local_files_only max_len max_length max_pixels merges_file min_pixels model_input_names model_max_length
  model_specific_special_tokens name_or_path never_split num_additional_image_tokens pad_to_multiple_of pad_token_type_id
  padding_side patch_size processor_class response_schema return_token_type_ids sp_model_kwargs
  spaces_between_special_tokens special_tokens_map_file stride tokenizer_class tokenizer_file transformers_version
  trim_offsets truncation_side truncation_strategy unsloth_fixed use_default_system_prompt use_fast verbose vocab_file
`);

/** Fields here, and those of tokenizer.json's steps that say the same. */
const REPEATED: readonly (readonly [field: string, step: "normalizer" | "pre_tokenizer", same: string])[] = [
  ["do_lower_case", "normalizer", "lowercase"],
  ["strip_accents", "normalizer", "strip_accents"],
  ["tokenize_chinese_chars", "normalizer", "handle_chinese_chars"],
  ["add_prefix_space", "pre_tokenizer", "add_prefix_space"],
];

/** Classes of transformers that set up the normalizer anew, and what they take where nothing is said. */
const BERT = /^(Distil|Mobile|Conv)?BertTokenizer(Fast)?$/;
const OF_BERT: Readonly<Record<string, boolean | null>> = {
  do_lower_case: true,
  strip_accents: null,
  tokenize_chinese_chars: true,
};

/** What the file is compared with. */
interface TokenizerFile {
  /** The content of tokenizer.json. */
  readonly json: JsonObject;
  /** Ids that it puts around a text. */
  around(): number[];
  idOf(token: string): number | undefined;
}

/** Fields that name one special token each, and those that name several. */
const ROLES = wordsOf("bos_token eos_token unk_token sep_token pad_token cls_token mask_token");
const LISTS = wordsOf("additional_special_tokens extra_special_tokens");

/** What a tokenizer_config.json says of the tokens it names as special: the field, the text, and what else is said of it. */
function namedTokens(config: JsonObject): { field: string; content: string; flags: JsonObject }[] {
  const listed = LISTS.flatMap((field) => Object.values(config[field] ?? {}).map((token) => [field, token] as const));
  const found = [...ROLES.map((field) => [field, config[field]] as const), ...listed].map(([field, token]) => {
    const flags = isObject(token) ? token : {};
    return { field, content: isObject(token) ? token["content"] : token, flags };
  });
  return found.filter((each): each is (typeof found)[number] & { content: string } => typeof each.content === "string");
}

/** A tokenizer_config.json with the token that tokenizer.json itself fills up with, where it says nothing of one. */
export function withOwnPad(config: JsonObject, { padding }: JsonObject): JsonObject {
  const token = isObject(padding) ? padding["pad_token"] : undefined;
  return typeof token === "string" ? { pad_token: token, ...config } : config;
}

/** The flags of a special token of which nothing is said. */
const SPECIAL = { single_word: false, lstrip: false, rstrip: false, normalized: false };

/**
 * A tokenizer.json in which the tokens that tokenizer_config.json calls special are so, as transformers makes them: found in a text
 * before anything else, and left out of what is read.
 */
export function withSpecialTokens(json: JsonObject, config: JsonObject): JsonObject {
  const added = json["added_tokens"] as readonly AddedToken[];
  const vocab = isObject(json["model"]) ? json["model"]["vocab"] : null;
  const named = new Map(namedTokens(config).map((token) => [token.content, token.flags]));
  const known = new Set(added.map(({ content }) => content));
  const idIn = (content: string): unknown =>
    isObject(vocab) && Object.hasOwn(vocab, content) ? vocab[content] : undefined;
  const raised = [...named].flatMap(([content, flags]) => {
    const id = known.has(content) ? undefined : idIn(content);
    return id === undefined ? [] : [{ ...SPECIAL, ...flags, content, id, special: true }];
  });
  const special = added.map((token) => (named.has(token.content) ? { ...token, special: true } : token));
  return { ...json, added_tokens: [...special, ...raised] };
}

/** Refuses tokens that tokenizer.json does not have, or has with other flags: transformers would add or change them. */
function assertKnownTokens(fields: Fields, config: JsonObject, tokenizer: TokenizerFile): void {
  const known = (field: string, content: string): void => {
    if (tokenizer.idOf(content) === undefined) throw fields.wrong(field, "a token of tokenizer.json", content);
  };
  for (const { field, content } of namedTokens(config)) known(field, content);
  const added = new Map(
    (tokenizer.json["added_tokens"] as readonly AddedToken[]).map((token) => [token.content, token]),
  );
  const decoder = fields.section("added_tokens_decoder", {});
  for (const id of decoder.names()) {
    const token = decoder.section(id);
    const content = token.text("content");
    known("added_tokens_decoder", content);
    const other = Object.keys(SPECIAL).find((flag) => {
      const stated = token.value(flag);
      return stated !== undefined && stated !== (added.get(content)?.[flag as keyof AddedToken] ?? stated);
    });
    if (other !== undefined)
      throw fields.wrong(
        "added_tokens_decoder",
        `as in added_tokens of tokenizer.json (${other} of ${content})`,
        decoder.value(id),
      );
  }
}

/**
 * Reads a tokenizer_config.json.
 *
 * @throws DataError naming a field that asks for other ids than tokenizer.json gives, or that nobody knows.
 */
export function parseTokenizerConfig(json: JsonObject, tokenizer: TokenizerFile): SpecialTokens {
  const fields = new Fields(json, CONFIG);
  const names = fields.names().filter((name) => /_tokens?$/.test(name) && !name.startsWith("add_"));
  const tokens = new Map(names.map((name) => [name, tokenOf(fields, name)]));
  const [begin, end, pad] = ["bos_token", "eos_token", "pad_token"].map((name) => tokens.get(name) ?? null);
  assertKnownTokens(fields, json, tokenizer);
  assertAdds(fields, tokenizer, { field: "add_bos_token", token: begin!, place: 0 });
  assertAdds(fields, tokenizer, { field: "add_eos_token", token: end!, place: -1 });
  assertRepeated(fields, tokenizer.json);
  fields.only("split_special_tokens", false);
  fields.flag("clean_up_tokenization_spaces", "off");
  fields.ignore(IRRELEVANT);
  fields.refuseOthers();
  return { begin: begin!, end: end!, pad: pad! };
}

/** Refuses fields that say otherwise than the steps of tokenizer.json, or are left out where a class then takes something else. */
function assertRepeated(fields: Fields, json: JsonObject): void {
  const isBert =
    BERT.test(String(fields.value("tokenizer_class"))) &&
    partsOf(json["normalizer"]).some((part) => part["type"] === "BertNormalizer");
  for (const [field, step, same] of REPEATED) {
    const [stated, meant] = [fields.value(field), settingOf(json[step], same)];
    if (stated !== undefined && meant !== undefined && meant !== stated)
      throw fields.wrong(field, `${JSON.stringify(meant)}, as in the ${step} of tokenizer.json`);
    const taken = isBert ? (stated ?? OF_BERT[field]) : undefined;
    if (taken !== undefined && taken !== (meant ?? null))
      throw fields.wrong(
        field,
        `${JSON.stringify(meant ?? null)}, as in the ${step} of tokenizer.json; a BertTokenizer takes ${taken}`,
      );
  }
}

/** A token is written as its text or as an object that holds it. Lists and tables of further ones repeat tokenizer.json. */
function tokenOf(fields: Fields, name: string): string | null {
  const value = fields.value(name);
  const content = isObject(value) ? value["content"] : value;
  if (typeof content === "string") return content;
  if (value === undefined || name.endsWith("_tokens")) return null;
  throw fields.wrong(name, "a token's text");
}

/** Refuses a file that says otherwise than tokenizer.json whether a token stands before or after a text. */
function assertAdds(
  fields: Fields,
  tokenizer: TokenizerFile,
  { field, token, place }: { readonly field: string; readonly token: string | null; readonly place: 0 | -1 },
): void {
  if (fields.value(field) === undefined) return;
  const stated = fields.flag(field, "off");
  const id = token === null ? undefined : tokenizer.idOf(token);
  const added = id !== undefined && tokenizer.around().at(place) === id;
  if (added !== stated) throw fields.wrong(field, `${added}, as tokenizer.json adds ${token ?? "none"}`);
}

/** A setting of a step of tokenizer.json, or of the first of its parts that has it; undefined where none has, or it is null. */
function settingOf(step: unknown, name: string): unknown {
  if (!isObject(step)) return undefined;
  const own = step[name] ?? undefined;
  const parts = Object.values(step).filter(Array.isArray).flat();
  return own ?? parts.map((part) => settingOf(part, name)).find((setting) => setting !== undefined);
}
