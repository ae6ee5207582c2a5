import type { Control, Label } from "../base/types";
import { type LabelScores, promptKey, type Reader, type ReadPair } from "./reader";
import type { ScoreCache } from "./score-cache";

/** Label scores through a cache, with the count of what the cache saved. */
export interface CachedScores {
  score(pairs: readonly ReadPair[], control?: Control): Promise<LabelScores[]>;
  /** Pairs asked for so far, and how many of them the reader really read. */
  stats(): { readonly asked: number; readonly read: number; readonly saved: number };
}

/**
 * Scores pairs with a frozen reader, reading only those the cache does not know. What is missing in one call is read
 * and stored as one batch; a pair asked for twice in a call is read once.
 *
 * @param labels the task's labels; the cache must hold 2 * labels.length values per pair.
 */
export function createCachedScores(reader: Reader, labels: readonly Label[], cache: ScoreCache): CachedScores {
  let asked = 0;
  let read = 0;
  return {
    stats: () => ({ asked, read, saved: asked - read }),
    score: async (pairs, control) => {
      const keys = pairs.map(promptKey);
      const missing = new Map<string, ReadPair>();
      keys.forEach((key, i) => {
        if (cache.get(key) === undefined) missing.set(key, pairs[i]!);
      });
      const scores = missing.size === 0 ? [] : await reader.scoreLabels([...missing.values()], labels, control);
      cache.append([...missing.keys()].map((key, i) => [key, packScores(scores[i]!)]));
      asked += pairs.length;
      read += missing.size;
      return keys.map((key) => unpackScores(cache.get(key)!, labels.length));
    },
  };
}

function packScores(scores: LabelScores): Float32Array {
  return Float32Array.of(...scores.logits, ...scores.logLikelihoods); // [2C]
}

function unpackScores(values: Float32Array, numLabels: number): LabelScores {
  return { logits: values.subarray(0, numLabels), logLikelihoods: values.subarray(numLabels) };
}
