import * as tf from "@tensorflow/tfjs-core";
import { assertInteger, assertNotInterrupted } from "../../base/check";
import type { Control } from "../../base/types";
import type { LinearMaps } from "../layers/linear";
import { type AnswerScore, answerTokens, readFirst, scoreOn } from "./answer-scores";
import { disposeCache, type KvCache, type ReadHow, readOn } from "./logits";
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

export interface GenerateOptions extends ReadHow {
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
  const { maxNewTokens = 8, control, ...how } = options;
  assertInteger("generate: maxNewTokens", maxNewTokens, 1);
  const caching = maxNewTokens > 1 ? "keep" : "drop";
  return readFirst(model, batch, { ...how, caching }, (cache, maps) =>
    writeOn(model, cache, { maxNewTokens, maps, control }),
  );
}

/**
 * What `scoreAnswers` and `generate` give of the same prompts, each prompt read once.
 *
 * @throws as these two.
 */
export async function scoreAndGenerate(
  model: VisionLanguageModel,
  batch: PromptBatch,
  { answers, maxNewTokens = 8, control, ...how }: GenerateOptions & { readonly answers: readonly string[] },
): Promise<{ readonly scores: AnswerScore[][]; readonly written: Generated[] }> {
  assertInteger("generate: maxNewTokens", maxNewTokens, 1);
  const answerIds = answerTokens(model, answers);
  return readFirst(model, batch, { ...how, caching: "keep" }, async (cache, maps) => {
    const scores = await scoreOn(model, cache, { answerIds, maps });
    return { scores, written: await writeOn(model, cache, { maxNewTokens, maps, control }) };
  });
}

interface WriteOptions {
  readonly maxNewTokens: number;
  readonly maps: LinearMaps;
  readonly control: Control | undefined;
}

/** Writes on top of prompts that were read; the cache stays the caller's. */
async function writeOn(
  model: VisionLanguageModel,
  read: KvCache,
  { maxNewTokens, control, maps }: WriteOptions,
): Promise<Generated[]> {
  const { endTokenId, padTokenId, otherEndTokenIds = [] } = model.config.text;
  const ends = new Set([endTokenId, padTokenId, ...otherEndTokenIds]);
  const written = Array.from({ length: read.rows }, (): number[] => []);
  const ended = new Array<boolean>(read.rows).fill(false);
  let cache = read;
  try {
    for (let step = 1; ; step++) {
      assertNotInterrupted("generate", control?.signal);
      const chosen = await mostLikely(cache.logits);
      for (const [row, id] of chosen.entries()) {
        if (ends.has(id)) ended[row] = true;
        if (!ended[row]) written[row]!.push(id);
      }
      if (step === maxNewTokens || ended.every((done) => done)) break;
      const longer = readOn(model, cache, { ids: chosen, length: 1, maps });
      if (cache !== read) disposeCache(cache);
      cache = longer;
    }
  } finally {
    if (cache !== read) disposeCache(cache);
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
