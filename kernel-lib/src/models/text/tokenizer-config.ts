import { Fields, type JsonObject, wordsOf } from "../weights/fields";

/*
 * tokenizer_config.json. What a text becomes is said by tokenizer.json; the fields here name special tokens, repeat what stands
 * there, or belong to other uses. Those that would change the ids are compared with tokenizer.json, and refused where they differ.
 */

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

/** What the file is compared with. */
interface TokenizerFile {
  /** The content of tokenizer.json. */
  readonly json: JsonObject;
  /** Ids that it puts around a text. */
  around(): number[];
  idOf(token: string): number | undefined;
}

/**
 * Reads a tokenizer_config.json.
 *
 * @throws DataError naming a field that asks for other ids than tokenizer.json gives, or that nobody knows.
 */
export function parseTokenizerConfig(json: JsonObject, tokenizer: TokenizerFile): SpecialTokens {
  const fields = new Fields(json, {
    where: "createTokenizer",
    file: "tokenizer_config.json",
    advice: "Use the tokenizer.json and tokenizer_config.json of one model.",
  });
  const names = fields.names().filter((name) => /_tokens?$/.test(name) && !name.startsWith("add_"));
  const tokens = new Map(names.map((name) => [name, tokenOf(fields, name)]));
  const [begin, end, pad] = ["bos_token", "eos_token", "pad_token"].map((name) => tokens.get(name) ?? null);
  assertAround(fields, tokenizer, { field: "add_bos_token", token: begin!, place: 0 });
  assertAround(fields, tokenizer, { field: "add_eos_token", token: end!, place: -1 });
  for (const [field, step, same] of REPEATED) {
    const [stated, meant] = [fields.value(field), settingOf(tokenizer.json[step], same)];
    if (stated !== undefined && meant !== undefined && meant !== stated)
      throw fields.wrong(field, `${JSON.stringify(meant)}, as in the ${step} of tokenizer.json`);
  }
  fields.only("split_special_tokens", false);
  fields.flag("clean_up_tokenization_spaces", "off");
  fields.ignore(IRRELEVANT);
  fields.refuseOthers();
  return { begin: begin!, end: end!, pad: pad! };
}

/** A token is written as its text or as an object that holds it. Lists and tables of further ones repeat tokenizer.json. */
function tokenOf(fields: Fields, name: string): string | null {
  const value = fields.value(name);
  const content = typeof value === "object" && value !== null ? (value as JsonObject)["content"] : value;
  if (typeof content === "string") return content;
  if (value === undefined || name.endsWith("_tokens")) return null;
  throw fields.wrong(name, "a token's text");
}

/** Refuses a file that says otherwise than tokenizer.json whether a token stands before or after a text. */
function assertAround(
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
  if (typeof step !== "object" || step === null) return undefined;
  const own = (step as JsonObject)[name] ?? undefined;
  const parts = Object.values(step).filter(Array.isArray).flat();
  return own ?? parts.map((part) => settingOf(part, name)).find((setting) => setting !== undefined);
}
