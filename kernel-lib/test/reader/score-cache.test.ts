import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import type { Example, Label, Passage, RasterImage } from "../../src/base/types";
import { promptKey, type Reader, type ReadPair } from "../../src/reader/reader";
import { createCachedScores, openScoreCache } from "../../src/reader/score-cache";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "scores-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const image = (byte: number): RasterImage => ({ width: 1, height: 1, channels: 1, data: Uint8Array.of(byte) });
const example = (byte: number): Example => ({
  id: `e${byte}`,
  task: "toy",
  split: "train",
  image: image(byte),
  question: "what ?",
  answer: "0",
  labels: [0],
  group: `g${byte}`,
});
const passage = (byte: number, text = "words"): Passage => ({
  id: `p${byte}`,
  corpus: "toy",
  image: image(byte),
  text,
  licence: "CC0-1.0",
});
const labels: Label[] = [0, 1].map((index) => ({ index, name: `label ${index}`, answer: String(index) }));
const key = (byte: number): string => promptKey({ example: example(byte), passage: passage(byte) });
const identity = { fingerprint: "reader-a", numValues: 4 };

function countingReader(): Reader & { calls: ReadPair[][] } {
  const calls: ReadPair[][] = [];
  return {
    fingerprint: "reader-a",
    calls,
    scoreLabels: async (pairs) => {
      calls.push([...pairs]);
      return pairs.map(({ example: e, passage: p }) => ({
        logits: Float32Array.of(e.image.data[0]! / 3, p?.image.data[0] ?? -1),
        logLikelihoods: Float32Array.of(-0.1, -2.5),
      }));
    },
    writeAnswers: async (pairs) => pairs.map(() => "0"),
    dispose: () => {},
  };
}

test("scores survive a round trip bit for bit", () => {
  const file = join(folder, "round.bin");
  const values = Float32Array.of(Math.PI, -1e-30, 1e30, -0);
  openScoreCache({ file, ...identity }).append([[key(1), values]]);
  const again = openScoreCache({ file, ...identity });
  expect(again.size).toBe(1);
  expect(Buffer.from(again.get(key(1))!.buffer)).toEqual(Buffer.from(values.buffer));
});

test("each pair is read once, over calls, over files and within a call", async () => {
  const file = join(folder, "once.bin");
  const reader = countingReader();
  const pairs = [1, 2, 1, 3].map((byte) => ({ example: example(byte), passage: passage(7) }));
  const first = createCachedScores(reader, labels, openScoreCache({ file, ...identity }));
  const scores = await first.score(pairs);
  expect(first.stats()).toEqual({ asked: 4, read: 3, saved: 1 });
  expect(scores[0]).toEqual(scores[2]);
  expect(scores[3]!.logits[0]).toBeCloseTo(3 / 3, 6);

  const second = createCachedScores(reader, labels, openScoreCache({ file, ...identity }));
  expect(await second.score(pairs)).toEqual(scores);
  expect(second.stats()).toEqual({ asked: 4, read: 0, saved: 4 });
  expect(reader.calls.map((pairsOfCall) => pairsOfCall.length)).toEqual([3]);
});

test("known scores of base files are used and not written again", async () => {
  const base = join(folder, "base.bin");
  const file = join(folder, "own.bin");
  openScoreCache({ file: base, ...identity }).append([[key(1), Float32Array.of(1, 2, 3, 4)]]);
  const cache = openScoreCache({ file, base: [base], ...identity });
  const before = statSync(base).size;
  cache.append([[key(2), Float32Array.of(5, 6, 7, 8)]]);
  expect([...cache.get(key(1))!]).toEqual([1, 2, 3, 4]);
  expect(statSync(base).size).toBe(before);
  expect(openScoreCache({ file, ...identity }).size).toBe(1);
});

test("wherever a crash tears the file, whole batches stay and the rest is cut off", () => {
  const file = join(folder, "torn.bin");
  const cache = openScoreCache({ file, ...identity });
  const empty = statSync(file).size;
  cache.append([1, 2].map((byte) => [key(byte), Float32Array.of(byte, 0, 0, 0)] as const));
  const oneBatch = statSync(file).size;
  cache.append([[key(3), Float32Array.of(3, 0, 0, 0)]]);
  const whole = readFileSync(file);
  for (let length = 0; length <= whole.length; length++) {
    writeFileSync(file, whole);
    truncateSync(file, length);
    const size = length < oneBatch ? 0 : length < whole.length ? 2 : 3;
    expect(openScoreCache({ file, ...identity }).size).toBe(size);
    expect(statSync(file).size).toBe([empty, 0, oneBatch, whole.length][size === 0 ? 0 : size]);
  }
});

test("a batch with a flipped bit, and what stands behind it, is not used", () => {
  const file = join(folder, "flipped.bin");
  openScoreCache({ file, ...identity }).append([[key(1), Float32Array.of(1, 0, 0, 0)]]);
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
  appendFileSync(file, "tail");
  expect(openScoreCache({ file, ...identity }).size).toBe(0);
});

test("scores of another reader or another number of labels are refused", () => {
  const file = join(folder, "other.bin");
  openScoreCache({ file, ...identity });
  for (const other of [
    { fingerprint: "reader-b", numValues: 4 },
    { fingerprint: "reader-a", numValues: 6 },
  ]) {
    let error: unknown;
    try {
      openScoreCache({ file, ...other });
    } catch (caught) {
      error = caught;
    }
    expect(isKernelError(error, "data") && error.message).toMatch(/must hold scores of reader/);
  }
});

test("the key depends on picture, question and text, not on ids", () => {
  const pair = { example: example(1), passage: passage(2) };
  expect(promptKey({ ...pair, passage: { ...passage(2), id: "renamed" } })).toBe(promptKey(pair));
  const others = [
    { ...pair, passage: passage(2, "other words") },
    { ...pair, passage: passage(3) },
    { ...pair, passage: null },
    { ...pair, example: { ...example(1), question: "why ?" } },
    { ...pair, example: example(4) },
  ];
  expect(new Set([pair, ...others].map(promptKey)).size).toBe(6);
});
