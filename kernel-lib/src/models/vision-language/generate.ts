import * as tf from "@tensorflow/tfjs-core";
import { assertInteger, assertNotInterrupted } from "../../base/check";
import type { Control } from "../../base/types";
import { fixLinears } from "../layers/linear";
import { disposeCache, prefill, readOn } from "./logits";
import type { VisionLanguageModel } from "./model";
import type { PromptBatch } from "./prompt-batch";

/** What a reader wrote for one prompt. */
export interface Generated {
  /** Without the end token. */
  readonly ids: number[];
  /** Decoded, special tokens left out. */
  readonly text: string;
  /** Whether the reader ended its turn itself, or was cut off. */
  readonly ended: "endToken" | "maxNewTokens";
}

export interface GenerateOptions {
  /** Most tokens written per prompt. Default 8, as in the paper. */
  readonly maxNewTokens?: number;
  readonly control?: Control;
}

/**
 * Writes an answer to every prompt of a batch, always the most likely next token (ties: the lower id).
 *
 * Each token is read once; keys and values of earlier ones are cached. Every end token of the model ends an answer, and so does its pad token.
 *
 * @throws InterruptedError when the control's signal is aborted.
 */
export async function generate(
  model: VisionLanguageModel,
  batch: PromptBatch,
  options: GenerateOptions = {},
): Promise<Generated[]> {
  const { maxNewTokens = 8, control } = options;
  assertInteger("generate: maxNewTokens", maxNewTokens, 1);
  const { endTokenId, padTokenId, otherEndTokenIds = [] } = model.config.text;
  const ends = new Set([endTokenId, padTokenId, ...otherEndTokenIds]);
  const written = Array.from({ length: batch.rows }, (): number[] => []);
  const ended = new Array<boolean>(batch.rows).fill(false);
  let cache = prefill(model, batch, maxNewTokens > 1 ? "keep" : "drop");
  const linears = fixLinears(model.parameters);
  try {
    for (let step = 1; ; step++) {
      assertNotInterrupted("generate", control?.signal);
      const chosen = await mostLikely(cache.logits);
      for (const [row, id] of chosen.entries()) {
        if (ends.has(id)) ended[row] = true;
        if (!ended[row]) written[row]!.push(id);
      }
      if (step === maxNewTokens || ended.every((done) => done)) break;
      const longer = readOn(model, cache, { ids: chosen, length: 1, maps: linears.maps });
      disposeCache(cache);
      cache = longer;
    }
  } finally {
    disposeCache(cache);
    linears.dispose();
  }
  return written.map((ids, row) => ({
    ids,
    text: model.tokenizer.decode(ids),
    ended: ended[row] ? "endToken" : "maxNewTokens",
  }));
}

async function mostLikely(logits: tf.Tensor2D): Promise<Int32Array> {
  const best = tf.argMax(logits, 1);
  try {
    return (await best.data()) as Int32Array;
  } finally {
    best.dispose();
  }
}
