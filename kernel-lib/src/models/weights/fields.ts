import { assertInteger, isObject } from "../../base/check";
import { ConfigError, DataError } from "../../base/errors";

/** An object of a JSON file, kept as it is. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Most layers a model may claim: a damaged file must not make millions of names. */
export const MAX_LAYERS = 1000;
/** Largest size a model may claim. */
export const MAX_SIZE = 2 ** 31;

/** A field's name, or the names it has in several dialects: the first that is there is read. */
type FieldName = string | readonly string[];

/** Bounds of a whole number, and what a missing field counts as. */
interface WholeOptions {
  /** Default: the field must be there. */
  readonly fallback?: number;
  /** Default 0. */
  readonly least?: number;
  /** Default: none. */
  readonly most?: number;
}

/** Who reads a file, for what is said of a wrong one. */
export interface FieldSource {
  /** Named at the start of every message, e.g. "parsePixtralConfig". */
  readonly where: string;
  /** What to do next, a sentence. */
  readonly advice: string;
  /** Named behind the field. Default: only the field is named. */
  readonly file?: string;
}

/**
 * One object of a model's JSON file, read field by field. A field that is null counts as missing. Every refusal names reader,
 * field with its section, rule and value; what was asked for is remembered, so that `refuseOthers` finds what nobody reads.
 */
export class Fields {
  readonly #json: JsonObject;
  readonly #source: FieldSource;
  /** "vision_config." of fields in that section; "" at the top. */
  readonly #path: string;
  readonly #read = new Set<string>();
  readonly #ignored = new Set<string>();

  /** @throws DataError when `json` is no object. */
  constructor(json: unknown, source: FieldSource, path = "") {
    this.#source = source;
    this.#path = path === "" ? "" : `${path}.`;
    if (!isObject(json)) throw refuse(source, path === "" ? (source.file ?? "config.json") : path, "an object", json);
    this.#json = json;
  }

  /** All names, in the file's order. */
  names(): string[] {
    return Object.keys(this.#json);
  }

  /** Any value; undefined where there is none. */
  value(name: FieldName): unknown {
    const names = typeof name === "string" ? [name] : name;
    return names.map((each) => this.raw(each) ?? undefined).find((value) => value !== undefined);
  }

  /** The value as it stands, for fields where null says something of its own. */
  raw(name: string): unknown {
    this.#read.add(name);
    return this.#json[name];
  }

  /** A whole number. */
  whole(name: FieldName, { fallback, least = 0, most = Number.MAX_SAFE_INTEGER }: WholeOptions = {}): number {
    const value = this.value(name) ?? fallback;
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
    const bounds =
      most === Number.MAX_SAFE_INTEGER ? (least === 0 ? "" : ` from ${least}`) : ` from ${least} to ${most}`;
    throw this.wrong(name, `a whole number${bounds}`);
  }

  /** A size of a model: a whole number from 1 to `most`. */
  size(name: FieldName, fallback?: number, most: number = MAX_SIZE): number {
    return this.whole(name, { least: 1, most, ...(fallback === undefined ? {} : { fallback }) });
  }

  /** A token's id, or several: one at least, unless the fallback is empty and nothing is there. */
  tokenIds(name: FieldName, fallback?: readonly number[]): readonly number[] {
    const value = this.value(name);
    if (value === undefined && fallback !== undefined) return fallback;
    const ids: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (ids.length > 0 && ids.every((id) => Number.isSafeInteger(id) && (id as number) >= 0)) return ids as number[];
    throw this.wrong(name, "a whole number, or several");
  }

  /** A token's id, or the first of several. */
  tokenId(name: FieldName, fallback?: number): number {
    return this.tokenIds(name, fallback === undefined ? undefined : [fallback])[0]!;
  }

  /** A finite number above 0. */
  real(name: FieldName, fallback?: number): number {
    const value = this.value(name) ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
    throw this.wrong(name, "a number above 0");
  }

  /** Any finite number. */
  number(name: FieldName, fallback?: number): number {
    const value = this.value(name) ?? fallback;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw this.wrong(name, "a number");
  }

  /** `count` finite numbers. */
  numbers(name: FieldName, count: number, fallback?: readonly number[]): number[] {
    const value = this.value(name) ?? fallback;
    if (Array.isArray(value) && value.length === count && value.every(Number.isFinite)) return [...(value as number[])];
    throw this.wrong(name, `${count} numbers`);
  }

  /** True or false. @param unlessSaid what a missing field counts as. */
  flag(name: FieldName, unlessSaid: "on" | "off"): boolean {
    const value = this.value(name) ?? unlessSaid === "on";
    if (typeof value === "boolean") return value;
    throw this.wrong(name, "true or false");
  }

  text(name: FieldName, fallback?: string): string {
    const value = this.value(name) ?? fallback;
    if (typeof value === "string") return value;
    throw this.wrong(name, "a text");
  }

  /** A list of objects. @param what they are, in the plural. */
  objects(name: FieldName, what: string, fallback?: readonly JsonObject[]): readonly JsonObject[] {
    const value = this.value(name) ?? fallback;
    if (Array.isArray(value) && value.every(isObject)) return value;
    throw this.wrong(name, `a list of ${what}`);
  }

  oneOf<T extends string>(name: FieldName, allowed: readonly T[], fallback?: T): T {
    const value = this.value(name) ?? fallback;
    const found = allowed.find((each) => each === value);
    if (found !== undefined) return found;
    throw this.wrong(name, allowed.map((each) => JSON.stringify(each)).join(" or "));
  }

  /** Refuses any value but `wanted`, of which null means "missing"; a missing field counts as `fallback`, default `wanted`. */
  only(name: FieldName, wanted: unknown, fallback: unknown = wanted): void {
    if ((this.value(name) ?? fallback ?? null) !== wanted) throw this.wrong(name, JSON.stringify(wanted));
  }

  /** Refuses any value but `wanted`; the field must be there. */
  exactly(name: FieldName, wanted: string): void {
    if (this.value(name) !== wanted) throw this.wrong(name, JSON.stringify(wanted));
  }

  /** Refuses a list with any other entry than `wanted`. A missing one passes. */
  everyOf(name: FieldName, wanted: string): void {
    const value = this.value(name) ?? [];
    if (!Array.isArray(value) || value.some((each) => each !== wanted))
      throw this.wrong(name, `${JSON.stringify(wanted)} throughout`);
  }

  /** Lets fields pass that stand here as well as in a section, where they are read, if they say the same there. */
  agreeWith(section: Fields): void {
    for (const name of section.#read) {
      const [here, there] = [this.#json[name] ?? null, section.#json[name] ?? null];
      if (this.#read.has(name) || here === null) continue;
      if (JSON.stringify(here) !== JSON.stringify(there))
        throw this.wrong(name, `left out, or ${section.#path}${name}, ${JSON.stringify(there)}`);
      this.#ignored.add(name);
    }
  }

  /** An object of the file, fields of their own. @param fallback what a missing one counts as. Default: it must be there. */
  section(name: FieldName, fallback?: JsonObject): Fields {
    return new Fields(this.value(name) ?? fallback, this.#source, `${this.#path}${nameOf(name)}`);
  }

  /** Whether a field was asked for. */
  isKnown(name: string): boolean {
    return this.#read.has(name);
  }

  /** Marks fields that change nothing of what is computed, so that `refuseOthers` lets them pass. */
  ignore(names: Iterable<string>): void {
    for (const name of names) this.#ignored.add(name);
  }

  /**
   * Refuses fields that were neither asked for nor ignored: an option nobody reads would change the model without a word. One
   * that is null asks for nothing.
   */
  refuseOthers(): void {
    const known = [...this.#read].join(", ");
    for (const name of this.names())
      if (!this.#read.has(name) && !this.#ignored.has(name) && this.#json[name] !== null)
        throw this.wrong(name, `left out, or one of ${known}`);
  }

  /** The error for a field. @param value what is wrong. Default: what the file holds. */
  wrong(name: FieldName, rule: string, value: unknown = this.value(name)): DataError {
    return refuse(this.#source, `${this.#path}${nameOf(name)}`, rule, value);
  }
}

const nameOf = (name: FieldName): string => (typeof name === "string" ? name : name[0]!);

function refuse({ where, advice, file }: FieldSource, field: string, rule: string, value: unknown): DataError {
  const place = file === undefined || field === file ? field : `${field} of ${file}`;
  return new DataError(`${where}: ${place} must be ${rule}; got ${JSON.stringify(value)}. ${advice}`, { field, value });
}

/** Throws ConfigError when a size of a configuration is no multiple of another. */
export function assertMultiple(
  where: string,
  [name, value]: [string, number],
  [unit, divisor]: [string, number],
): void {
  if (value % divisor === 0) return;
  throw new ConfigError(`${where}: ${name} must be a multiple of ${unit} = ${divisor}; got ${value}.`, {
    name,
    value,
    divisor,
  });
}

/**
 * Throws ConfigError when a size of a configuration is no whole number from 1 to `MAX_SIZE`, or a number of layers is above
 * `MAX_LAYERS`.
 *
 * @param others fields that are no sizes.
 */
export function assertSizes(where: string, config: object, others: readonly string[]): void {
  for (const [name, value] of Object.entries(config))
    if (!others.includes(name))
      assertInteger(`${where}: ${name}`, value, 1, /^(numLayers|depth)$/.test(name) ? MAX_LAYERS : MAX_SIZE);
}

/**
 * Fields that transformers, and programs that train with it, write into any section of a config.json, whatever the model: how
 * to generate, name, return, initialise and train. None of them changes what a model computes.
 */
const TRANSFORMERS_FIELDS: readonly string[] = wordsOf(`
  _attn_implementation _attn_implementation_autoset _attn_implementation_internal _commit_hash _name_or_path
  add_cross_attention architectures attention_dropout attn_implementation auto_map bad_words_ids begin_suppress_tokens
  bos_token_id chunk_size_feed_forward cross_attention_hidden_size decoder_start_token_id diversity_penalty do_sample dtype
  early_stopping encoder_no_repeat_ngram_size eos_token_id exponential_decay_length_penalty finetuning_task
  forced_bos_token_id forced_eos_token_id gradient_checkpointing id2label initializer_factor initializer_range is_decoder
  is_composition is_encoder_decoder label2id length_penalty max_length min_length model_type no_repeat_ngram_size num_beam_groups
  num_beams num_return_sequences output_attentions output_hidden_states output_scores pad_token_id prefix problem_type
  remove_invalid_values repetition_penalty return_dict return_dict_in_generate sep_token_id suppress_tokens
  task_specific_params temperature tf_legacy_loss tie_encoder_decoder tie_word_embeddings tokenizer_class top_k top_p
  torch_dtype torchscript transformers.js_config transformers_version typical_p unsloth_fixed unsloth_version
  use_bfloat16 use_cache
`);

/** Words of a text. */
export function wordsOf(text: string): string[] {
  return text.trim().split(/\s+/);
}

/**
 * Says that a section of a config.json is read: what is neither read, nor in `irrelevant`, nor a field that transformers
 * writes everywhere, is refused by name and value.
 */
export function closeSection(fields: Fields, irrelevant: readonly string[] = []): void {
  const pruned = fields.value("pruned_heads") ?? {};
  if (typeof pruned !== "object" || Object.keys(pruned as object).length > 0)
    throw fields.wrong("pruned_heads", "empty: heads that are cut out are not built");
  fields.ignore([...irrelevant, ...TRANSFORMERS_FIELDS]);
  fields.refuseOthers();
}
