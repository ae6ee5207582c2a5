import { DataError } from "../../base/errors";
import { logSumExp } from "../../base/softmax";
import { fixLinears, type LinearMaps } from "../layers/linear";
import { disposeCache, type KvCache, prefill, type ReadHow, readOn } from "./logits";
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
  how: ReadHow = {},
): Promise<AnswerScore[][]> {
  const answerIds = answerTokens(model, answers);
  const caching = answerIds.some((ids) => ids.length > 1) ? "keep" : "drop";
  return readFirst(model, batch, { ...how, caching }, (cache, maps) => scoreOn(model, cache, { answerIds, maps }));
}

/**
 * Reads a batch, and gives what was read, with the model's maps, to `use`; both are freed when it ends, maps that were given
 * excepted.
 *
 * @param how.caching whether more will be read on top; what was read before is kept in any case.
 */
export async function readFirst<T>(
  model: VisionLanguageModel,
  batch: PromptBatch,
  { caching, ...how }: ReadHow & { readonly caching: "keep" | "drop" },
  use: (cache: KvCache, maps: LinearMaps) => Promise<T>,
): Promise<T> {
  const linears = how.maps === undefined ? fixLinears(model.parameters) : null;
  const maps = how.maps ?? linears!.maps;
  try {
    const cache = prefill(model, batch, how.before === undefined ? caching : "keep", { ...how, maps });
    try {
      return await use(cache, maps);
    } finally {
      disposeCache(cache);
    }
  } finally {
    linears?.dispose();
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
  const first = distributionOf((await cache.logits.data()) as Float32Array, cache.logits.shape[1]);
  const columns: AnswerScore[][] = []; // by answer, then by row
  for (const ids of answerIds) {
    const rest = ids.length === 1 ? [] : await readRest(model, cache, { ids, maps });
    columns.push(Array.from({ length: cache.rows }, (_, row) => addUp(ids, [first, ...rest], row)));
  }
  return Array.from({ length: cache.rows }, (_, row) => columns.map((column) => column[row]!));
}

/** One next-token distribution per row. */
interface Distribution {
  /** [rows, vocabSize] */
  readonly logits: Float32Array;
  /** log Σ exp of each row's logits, [rows]. */
  readonly logSums: Float64Array;
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
    const vocabSize = further.logits.shape[1];
    const all = (await further.logits.data()) as Float32Array;
    return Array.from({ length }, (_, step) =>
      distributionOf(pickStep(all, step, { length, width: vocabSize }), vocabSize),
    );
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

/** Row by row: the engine's own sum of a row depends on how many rows there are. */
function distributionOf(logits: Float32Array, vocabSize: number): Distribution {
  const logSums = Float64Array.from({ length: logits.length / vocabSize }, (_, row) =>
    logSumExp(logits.subarray(row * vocabSize, (row + 1) * vocabSize)),
  );
  return { logits, logSums, vocabSize };
}

function addUp(ids: readonly number[], steps: readonly Distribution[], row: number): AnswerScore {
  let logLikelihood = 0;
  let logit = 0;
  ids.forEach((id, step) => {
    const { logits, logSums, vocabSize } = steps[step]!;
    logLikelihood += logits[row * vocabSize + id]! - logSums[row]!;
    logit += logits[row * vocabSize + id]!;
  });
  return { logLikelihood, meanLogit: logit / ids.length };
}
