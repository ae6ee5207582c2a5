import { DataError } from "../../base/errors";
import { Fields, type JsonObject, wordsOf } from "../weights/fields";
import type { TextTokenizer } from "./tokenizer";

/*
 * generation_config.json, and which tokens end an answer or fill up a prompt: several files say so, and one of them wins.
 */

/** What a model's own text configuration says of its tokens. */
interface KnownTokens {
  readonly vocabSize: number;
  readonly padTokenId: number;
  readonly endTokenId: number;
  readonly otherEndTokenIds?: readonly number[];
}

/** How texts are drawn or searched, which is never done here: the most likely token is written. And how much, how fast, what else. */
const IRRELEVANT = wordsOf(`
  _from_model_config assistant_confidence_threshold assistant_early_exit assistant_lookbehind attn_implementation bos_token_id
  cache_config cache_implementation chat_format compile_config continuous_batching_config decoder_start_token_id disable_compile
  diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size epsilon_cutoff eta_cutoff generation_kwargs
  is_assistant length_penalty low_memory max_length max_matching_ngram_size max_new_tokens max_time max_window_size min_p
  num_assistant_tokens num_assistant_tokens_schedule num_beam_groups num_return_sequences output_attentions
  output_hidden_states output_logits output_scores penalty_alpha prefill_chunk_size prompt_lookup_num_tokens
  remove_invalid_values return_dict_in_generate return_legacy_cache target_lookbehind temperature token_healing top_h top_k
  top_p transformers_version trust_remote_code typical_p use_cache use_mtp
`);

/** Fields that change which token is the most likely one, and the values that do not. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  num_beams: [1],
  repetition_penalty: [1],
  encoder_repetition_penalty: [1],
  guidance_scale: [1],
  no_repeat_ngram_size: [0],
  min_length: [0],
  min_new_tokens: [0],
  renormalize_logits: [true, false],
};

/** Reads a generation_config.json. @throws DataError naming a field that is unknown or changes the most likely token. */
function parseGenerationConfig(json: JsonObject): { endTokenIds: readonly number[]; padTokenId: number | null } {
  const fields = new Fields(json, {
    where: "loadReaderModel",
    file: "generation_config.json",
    advice: "Take the field out of the file if answers may be written without it.",
  });
  for (const [field, values] of Object.entries(NEUTRAL)) {
    const value = fields.value(field) ?? values[0];
    if (!values.includes(value)) throw fields.wrong(field, values.map((each) => JSON.stringify(each)).join(" or "));
  }
  const endTokenIds = fields.tokenIds("eos_token_id", []);
  const padTokenId = fields.value("pad_token_id") === undefined ? null : fields.tokenId("pad_token_id");
  fields.ignore(IRRELEVANT);
  fields.refuseOthers();
  return { endTokenIds, padTokenId };
}

/**
 * A text configuration with the tokens that its folder asks for: every end token of config.json or generation_config.json ends
 * an answer, and prompts are filled up with the tokenizer's pad token, else generation_config.json's, else config.json's.
 *
 * @param generation content of generation_config.json; null without one.
 * @throws DataError when a token is not among the model's, or generation_config.json asks for what is not done.
 */
export function withFolderTokens<T extends KnownTokens>(
  text: T,
  tokenizer: TextTokenizer,
  generation: JsonObject | null,
): T {
  const { endTokenIds, padTokenId } = parseGenerationConfig(generation ?? {});
  const ends = new Set([...(text.otherEndTokenIds ?? []), ...endTokenIds]);
  ends.delete(text.endTokenId);
  const pad = tokenizer.pad === null ? (padTokenId ?? text.padTokenId) : tokenizer.idOf(tokenizer.pad);
  for (const id of [text.endTokenId, ...ends, pad])
    if (id >= text.vocabSize)
      throw new DataError(
        `loadReaderModel: end and pad tokens must be below vocab_size = ${text.vocabSize}; got ${id}. Use the config.json, generation_config.json and tokenizer_config.json of one model.`,
        { id, vocabSize: text.vocabSize },
      );
  return { ...text, padTokenId: pad, ...(ends.size === 0 ? {} : { otherEndTokenIds: [...ends] }) };
}
