import * as tf from "@tensorflow/tfjs-core";
import { DataError } from "../../base/errors";
import { fixLinears, type LinearMaps } from "../layers/linear";
import { disposeCache, type KvCache, prefill, readOn } from "./logits";
import type { VisionLanguageModel } from "./model";
import type { PromptBatch } from "./prompt-batch";

/** What a reader thinks of one answer to one prompt. */
export interface AnswerScore {
  /** Log-probability of the answer's tokens over the whole vocabulary, summed (nats). */
  readonly logLikelihood: number;
  /** Mean over the answer's tokens of the logit of that token. */
  readonly meanLogit: number;
}

/**
 * Scores the same answers for every prompt of a batch: result[row][answer].
 *
 * Each prompt is read once. Answers of one token need nothing more; the further tokens of longer ones are read on top
 * of the cached keys and values. Neither an end token nor a space is added to an answer.
 *
 * @throws DataError when an answer has no token.
 */
export async function scoreAnswers(
  model: VisionLanguageModel,
  batch: PromptBatch,
  answers: readonly string[],
): Promise<AnswerScore[][]> {
  const answerIds = answerTokens(model, answers);
  const caching = answerIds.some((ids) => ids.length > 1) ? "keep" : "drop";
  return readFirst(model, batch, caching, (cache, maps) => scoreOn(model, cache, { answerIds, maps }));
}

/**
 * Reads a batch, and gives what was read, with the model's maps, to `use`; both are freed when it ends.
 *
 * @param caching whether more will be read on top.
 */
export async function readFirst<T>(
  model: VisionLanguageModel,
  batch: PromptBatch,
  caching: "keep" | "drop",
  use: (cache: KvCache, maps: LinearMaps) => Promise<T>,
): Promise<T> {
  const cache = prefill(model, batch, caching);
  const linears = fixLinears(model.parameters);
  try {
    return await use(cache, linears.maps);
  } finally {
    disposeCache(cache);
    linears.dispose();
  }
}

/** Token ids of each answer. @throws DataError when an answer has none. */
export function answerTokens(model: VisionLanguageModel, answers: readonly string[]): number[][] {
  return answers.map((answer) => {
    const ids = model.tokenizer.encode(answer, "bare");
    if (ids.length > 0) return ids;
    throw new DataError(`scoreAnswers: an answer must have at least one token; got ${JSON.stringify(answer)}.`, {
      answer,
    });
  });
}

/** Scores answers on top of prompts that were read; the cache stays the caller's. */
export async function scoreOn(
  model: VisionLanguageModel,
  cache: KvCache,
  { answerIds, maps }: { readonly answerIds: readonly (readonly number[])[]; readonly maps: LinearMaps },
): Promise<AnswerScore[][]> {
  const first = await distributionOf(cache.logits);
  const columns: AnswerScore[][] = []; // by answer, then by row
  for (const ids of answerIds) {
    const rest = ids.length === 1 ? [] : await readRest(model, cache, { ids, maps });
    columns.push(Array.from({ length: cache.rows }, (_, row) => addUp(ids, [first, ...rest], row)));
  }
  return Array.from({ length: cache.rows }, (_, row) => columns.map((column) => column[row]!));
}

/** Values of one next-token distribution per row, each [rows, vocabSize]. */
interface Distribution {
  readonly logits: Float32Array;
  readonly logLikelihoods: Float32Array;
  readonly vocabSize: number;
}

/** Distributions of the second and later tokens of an answer. */
async function readRest(
  model: VisionLanguageModel,
  cache: KvCache,
  { ids, maps }: { readonly ids: readonly number[]; readonly maps: LinearMaps },
): Promise<Distribution[]> {
  const length = ids.length - 1; // nothing is predicted from the last token
  const tokens = Int32Array.from({ length: cache.rows * length }, (_, i) => ids[i % length]!);
  const further = readOn(model, cache, { ids: tokens, length, maps });
  try {
    const all = await distributionOf(further.logits);
    const { vocabSize } = all;
    return Array.from({ length }, (_, step) => ({
      vocabSize,
      logits: pickStep(all.logits, step, { length, width: vocabSize }),
      logLikelihoods: pickStep(all.logLikelihoods, step, { length, width: vocabSize }),
    }));
  } finally {
    disposeCache(further);
  }
}

/** [rows, length, width] -> [rows, width] at one step. */
function pickStep(
  values: Float32Array,
  step: number,
  { length, width }: { readonly length: number; readonly width: number },
): Float32Array {
  const rows = values.length / (length * width);
  const picked = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const start = (row * length + step) * width;
    picked.set(values.subarray(start, start + width), row * width);
  }
  return picked;
}

async function distributionOf(logits: tf.Tensor2D): Promise<Distribution> {
  const logLikelihoods = tf.logSoftmax(logits);
  try {
    return {
      logits: (await logits.data()) as Float32Array,
      logLikelihoods: (await logLikelihoods.data()) as Float32Array,
      vocabSize: logits.shape[1],
    };
  } finally {
    logLikelihoods.dispose();
  }
}

function addUp(ids: readonly number[], steps: readonly Distribution[], row: number): AnswerScore {
  let logLikelihood = 0;
  let logit = 0;
  ids.forEach((id, step) => {
    const { logits, logLikelihoods, vocabSize } = steps[step]!;
    logLikelihood += logLikelihoods[row * vocabSize + id]!;
    logit += logits[row * vocabSize + id]!;
  });
  return { logLikelihood, meanLogit: logit / ids.length };
}
