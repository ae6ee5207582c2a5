import { createHash } from "node:crypto";
import { existsSync, readFileSync, truncateSync } from "node:fs";
import { crc32 } from "node:zlib";
import { assertSameLength } from "../base/check";
import { DataError } from "../base/errors";
import type { Control, Label } from "../base/types";
import { appendWhole } from "../store/files";
import { type LabelScores, promptKey, type Reader, type ReadPair, readInGroups, scoreLabels } from "./reader";

/*
 * A frozen reader's scores, each (query, passage) read once: first the scores by key, in memory and in an append-only file;
 * then the reader behind them, asked only for what is missing.
 */

/** What a cache belongs to: scores of another reader or another label set are never mixed in. */
interface ScoreCacheIdentity {
  /** Fingerprint of the reader's weights and prompt. */
  readonly fingerprint: string;
  /** Values kept per (query, passage). */
  readonly numValues: number;
}

export interface ScoreCacheOptions extends ScoreCacheIdentity {
  /** The file new scores are appended to; without one they live in memory only. */
  readonly file?: string;
  /** Files whose scores are known already; read, never written. */
  readonly base?: readonly string[];
}

/** Scores of a frozen reader by prompt key, so that each (query, passage) is read once. */
export interface ScoreCache extends ScoreCacheIdentity {
  readonly size: number;
  get(key: string): Float32Array | undefined;
  /** Keeps the scores of one batch. On disk a batch is written whole or, after a crash, not at all. */
  append(entries: readonly (readonly [key: string, values: Float32Array])[]): void;
}

const MAGIC = "JSC1";
const KEY_BYTES = 16;
const FRAME_HEADER_BYTES = 8;

function header(identity: ScoreCacheIdentity): Buffer {
  const text = Buffer.from(JSON.stringify({ fingerprint: identity.fingerprint, numValues: identity.numValues }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([Buffer.from(MAGIC), length, text]);
}

/** Reads every whole frame; returns the position behind the last one. */
function readFrames(bytes: Buffer, start: number, numValues: number, entries: Map<string, Float32Array>): number {
  const recordBytes = KEY_BYTES + 4 * numValues;
  let offset = start;
  while (offset + FRAME_HEADER_BYTES <= bytes.length) {
    const end = offset + FRAME_HEADER_BYTES + bytes.readUInt32LE(offset) * recordBytes;
    if (end > bytes.length) break;
    const payload = bytes.subarray(offset + FRAME_HEADER_BYTES, end);
    if (crc32(payload) !== bytes.readUInt32LE(offset + 4)) break;
    for (let at = 0; at < payload.length; at += recordBytes) {
      const values = Float32Array.from({ length: numValues }, (_, i) => payload.readFloatLE(at + KEY_BYTES + 4 * i));
      entries.set(payload.toString("hex", at, at + KEY_BYTES), values);
    }
    offset = end;
  }
  return offset;
}

/** Adds a file's scores; returns how many of its bytes are whole. */
function readScores(file: string, identity: ScoreCacheIdentity, entries: Map<string, Float32Array>): number {
  const bytes = readFileSync(file);
  const wanted = header(identity);
  if (bytes.length < wanted.length && wanted.subarray(0, bytes.length).equals(bytes)) return 0; // torn at birth
  if (!bytes.subarray(0, wanted.length).equals(wanted)) {
    throw new DataError(
      `openScoreCache: ${file} must hold scores of reader ${identity.fingerprint} with ${identity.numValues} values each; it holds something else. Remove the file, or name another one for this reader.`,
      { file, ...identity },
    );
  }
  return readFrames(bytes, wanted.length, identity.numValues, entries);
}

function encodeFrame(entries: readonly (readonly [string, Float32Array])[], numValues: number): Buffer {
  const recordBytes = KEY_BYTES + 4 * numValues;
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + entries.length * recordBytes);
  entries.forEach(([key, values], row) => {
    assertSameLength("ScoreCache.append: values", values.length, numValues);
    const at = FRAME_HEADER_BYTES + row * recordBytes;
    if (frame.write(key, at, KEY_BYTES, "hex") !== KEY_BYTES || key.length !== 2 * KEY_BYTES) {
      throw new DataError(
        `ScoreCache.append: key must be ${2 * KEY_BYTES} hex digits; got "${key}". Use promptKey().`,
        {
          key,
        },
      );
    }
    values.forEach((value, i) => {
      frame.writeFloatLE(value, at + KEY_BYTES + 4 * i);
    });
  });
  frame.writeUInt32LE(entries.length, 0);
  frame.writeUInt32LE(crc32(frame.subarray(FRAME_HEADER_BYTES)), 4);
  return frame;
}

/**
 * Opens the scores of one reader, or begins an empty cache.
 *
 * A tail torn by a crash is cut off. A batch is one checksummed frame: after a crash it is there whole or not at all, so a
 * resumed training reads the missing pairs in the batches an undisturbed one reads them in, and gets the same bits.
 *
 * @throws DataError when a file belongs to another reader or another number of values.
 * @example openScoreCache({ file, fingerprint: reader.fingerprint, numValues: 4 }).get(promptKey(pair))
 */
export function openScoreCache(options: ScoreCacheOptions): ScoreCache {
  const { file, base = [], fingerprint, numValues } = options;
  const entries = new Map<string, Float32Array>();
  for (const known of base) readScores(known, options, entries);
  if (file !== undefined) {
    const whole = existsSync(file) ? readScores(file, options, entries) : 0;
    if (whole > 0) truncateSync(file, whole);
    else {
      if (existsSync(file)) truncateSync(file, 0);
      appendWhole(file, header(options));
    }
  }
  return {
    fingerprint,
    numValues,
    get size() {
      return entries.size;
    },
    get: (key) => entries.get(key),
    append: (added) => {
      if (added.length === 0) return;
      const frame = encodeFrame(added, numValues);
      if (file !== undefined) appendWhole(file, frame);
      for (const [key, values] of added) entries.set(key, Float32Array.from(values));
    },
  };
}

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
  const known = labelled.length === 0 ? [] : await scoreLabels(reader, labelled, labels, control);
  const written = await readOwnAnswers(reader, open, control);
  const [ofLabels, ofAnswers] = [known.values(), written.values()];
  return pairs.map(({ example }) => (example.labels.length > 0 ? ofLabels : ofAnswers).next().value as LabelScores);
}

/** Pairs with the same answer are read together. */
function readOwnAnswers(reader: Reader, pairs: readonly ReadPair[], control?: Control): Promise<LabelScores[]> {
  return readInGroups(
    pairs,
    ({ example }) => example.answer,
    (group) => {
      const { answer } = group[0]!.example;
      return reader.scoreLabels(group, [{ index: 0, name: answer, answer }], control);
    },
  );
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
