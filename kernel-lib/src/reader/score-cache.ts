import { existsSync, readFileSync, truncateSync } from "node:fs";
import { crc32 } from "node:zlib";
import { assertSameLength } from "../base/check";
import { DataError } from "../base/errors";
import { appendWhole } from "../store/files";

/** What a cache belongs to: scores of another reader or another label set are never mixed in. */
export interface ScoreCacheIdentity {
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
