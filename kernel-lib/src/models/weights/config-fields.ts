import { DataError } from "../../base/errors";

/** An object of a JSON file. */
export type JsonFields = Readonly<Record<string, unknown>>;

/** Reads fields of one JSON file; every refusal names the file's reader, the field, the rule and the value. */
export interface FieldReader {
  object(value: unknown, field: string): JsonFields;
  /** A whole number ≥ 0. */
  whole(json: JsonFields, field: string, fallback?: number): number;
  /** A finite number above 0. */
  real(json: JsonFields, field: string, fallback?: number): number;
  /** Refuses any value but `wanted`; a missing field counts as `fallback`. */
  only(json: JsonFields, field: string, wanted: unknown, fallback?: unknown): void;
  /** The error for a field. */
  wrong(field: string, rule: string, value: unknown): DataError;
}

/**
 * @param where named at the start of every message, e.g. "parsePixtralConfig".
 * @param advice what to do next, a sentence.
 */
export function createFieldReader(where: string, advice: string): FieldReader {
  const wrong = (field: string, rule: string, value: unknown): DataError =>
    new DataError(`${where}: ${field} must be ${rule}; got ${JSON.stringify(value)}. ${advice}`, { field, value });
  return {
    wrong,
    object: (value, field) => {
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonFields;
      throw wrong(field, "an object", value);
    },
    whole: (json, field, fallback) => {
      const value = json[field] ?? fallback;
      if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
      throw wrong(field, "a whole number", value);
    },
    real: (json, field, fallback) => {
      const value = json[field] ?? fallback;
      if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
      throw wrong(field, "a number above 0", value);
    },
    only: (json, field, wanted, fallback) => {
      const value = json[field] ?? fallback;
      if (value !== wanted) throw wrong(field, JSON.stringify(wanted), value);
    },
  };
}

/**
 * Fields that transformers writes into any section of a config.json, whatever the model: how to generate, name and return.
 * None of them changes what an encoder computes.
 */
export const TRANSFORMERS_FIELDS: ReadonlySet<string> = new Set([
  ...[
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "add_cross_attention",
    "architectures",
    "auto_map",
  ],
  ...[
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
  ],
  ...[
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
  ],
  ...[
    "eos_token_id",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
  ],
  ...[
    "id2label",
    "is_decoder",
    "is_encoder_decoder",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "model_type",
  ],
  ...["no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences", "output_attentions"],
  ...["output_hidden_states", "output_scores", "pad_token_id", "prefix", "problem_type", "pruned_heads"],
  ...["remove_invalid_values", "repetition_penalty", "return_dict", "return_dict_in_generate", "sep_token_id"],
  ...["suppress_tokens", "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder"],
  ...["tie_word_embeddings", "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript", "transformers_version"],
  ...["typical_p", "use_bfloat16"],
]);
