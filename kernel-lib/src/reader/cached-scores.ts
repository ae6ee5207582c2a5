import { createHash } from "node:crypto";
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
 * An example without labels (an open question, an empty label set) is scored by its own true answer as a text: entry 0 of its
 * scores, the others 0. Its answer is part of its key.
 *
 * @param labels the task's labels; the cache must hold `scoreWidth(labels)` values per pair.
 */
export function createCachedScores(reader: Reader, labels: readonly Label[], cache: ScoreCache): CachedScores {
  return createCached(cache, {
    keyOf: (pair) => (pair.example.labels.length > 0 ? promptKey(pair) : answerKey(pair)),
    read: (pairs, control) => readMixed(reader, labels, pairs, control),
    numLabels: scoreWidth(labels) / 2,
  });
}

/** Values a cache keeps per pair for these labels: logit and log-likelihood of each, or of an example's own answer. */
export function scoreWidth(labels: readonly Label[]): number {
  return 2 * Math.max(1, labels.length);
}

/**
 * Scores every pair by its own true answer as a text, whether it has labels or not. One entry per pair: logits [1] and
 * logLikelihoods [1]. Otherwise as createCachedScores.
 *
 * @param cache must hold 2 values per pair.
 */
export function createOwnAnswerScores(reader: Reader, cache: ScoreCache): CachedScores {
  return createCached(cache, {
    keyOf: answerKey,
    read: (pairs, control) => readOwnAnswers(reader, pairs, control),
    numLabels: 1,
  });
}

function answerKey(pair: ReadPair): string {
  return createHash("sha256")
    .update(`${promptKey(pair)} ${pair.example.answer}`)
    .digest("hex")
    .slice(0, 32);
}

interface CachedParts {
  readonly keyOf: (pair: ReadPair) => string;
  readonly read: (pairs: readonly ReadPair[], control?: Control) => Promise<LabelScores[]>;
  readonly numLabels: number;
}

function createCached(cache: ScoreCache, { keyOf, read: readMissing, numLabels }: CachedParts): CachedScores {
  let asked = 0;
  let read = 0;
  return {
    stats: () => ({ asked, read, saved: asked - read }),
    score: async (pairs, control) => {
      const keys = pairs.map(keyOf);
      const missing = new Map<string, ReadPair>();
      keys.forEach((key, i) => {
        if (cache.get(key) === undefined) missing.set(key, pairs[i]!);
      });
      const scores = missing.size === 0 ? [] : await readMissing([...missing.values()], control);
      cache.append([...missing.keys()].map((key, i) => [key, packScores(scores[i]!, numLabels)]));
      asked += pairs.length;
      read += missing.size;
      return keys.map((key) => unpackScores(cache.get(key)!, numLabels));
    },
  };
}

/** Labelled pairs by the labels, the others by their own answers. */
async function readMixed(
  reader: Reader,
  labels: readonly Label[],
  pairs: readonly ReadPair[],
  control?: Control,
): Promise<LabelScores[]> {
  const labelled = pairs.filter(({ example }) => example.labels.length > 0);
  const open = pairs.filter(({ example }) => example.labels.length === 0);
  const known = labelled.length === 0 ? [] : await reader.scoreLabels(labelled, labels, control);
  const written = await readOwnAnswers(reader, open, control);
  const [ofLabels, ofAnswers] = [known.values(), written.values()];
  return pairs.map(({ example }) => (example.labels.length > 0 ? ofLabels : ofAnswers).next().value as LabelScores);
}

/** Pairs with the same answer are read together. */
async function readOwnAnswers(reader: Reader, pairs: readonly ReadPair[], control?: Control): Promise<LabelScores[]> {
  const byAnswer = new Map<string, number[]>();
  pairs.forEach(({ example }, i) => {
    const rows = byAnswer.get(example.answer) ?? [];
    rows.push(i);
    byAnswer.set(example.answer, rows);
  });
  const scores = new Array<LabelScores>(pairs.length);
  for (const [answer, rows] of byAnswer) {
    const group = rows.map((row) => pairs[row]!);
    const found = await reader.scoreLabels(group, [{ index: 0, name: answer, answer }], control);
    rows.forEach((row, i) => {
      scores[row] = found[i]!;
    });
  }
  return scores;
}

function packScores({ logits, logLikelihoods }: LabelScores, numLabels: number): Float32Array {
  const values = new Float32Array(2 * numLabels); // [2C]
  values.set(logits);
  values.set(logLikelihoods, numLabels);
  return values;
}

function unpackScores(values: Float32Array, numLabels: number): LabelScores {
  return { logits: values.subarray(0, numLabels), logLikelihoods: values.subarray(numLabels) };
}
