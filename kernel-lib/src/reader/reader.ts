import { createHash } from "node:crypto";
import { assertSameLength } from "../base/check";
import type { Control, Example, Label, Passage, RasterImage } from "../base/types";

/** One pass of the reader: a query with one passage, or closed-book (`passage` null). */
export interface ReadPair {
  readonly example: Example;
  readonly passage: Passage | null;
}

/** What the reader thinks of each label, in the task's order. */
export interface LabelScores {
  /** Mean over a label's tokens of the logits at those positions, [C]. */
  readonly logits: Float32Array;
  /** Log-probability of the label's tokens over the whole vocabulary, summed, [C] (nats). */
  readonly logLikelihoods: Float32Array;
}

/** What the reader thinks of each label, and what it writes. */
export interface ScoredAnswer {
  readonly scores: LabelScores;
  readonly text: string;
}

/** A vision-language model that reads one passage per pass. Local and served readers look the same from outside. */
export interface Reader {
  /** Hash of everything its scores depend on besides the pair: weights, adapter, prompt. */
  readonly fingerprint: string;
  scoreLabels(pairs: readonly ReadPair[], labels: readonly Label[], control?: Control): Promise<LabelScores[]>;
  /** Greedy answers, decoded. */
  writeAnswers(pairs: readonly ReadPair[], control?: Control): Promise<string[]>;
  /** What the two give, from one reading of each pair; left out by a reader that has to read twice. */
  scoreAndWrite?(pairs: readonly ReadPair[], labels: readonly Label[], control?: Control): Promise<ScoredAnswer[]>;
  dispose(): void;
}

/** The task's labels as they are written in answers to this example's question. */
export function labelsFor({ id, wordings }: Example, labels: readonly Label[]): readonly Label[] {
  if (wordings === undefined) return labels;
  assertSameLength(`labelsFor: wordings of ${id}`, wordings.length, labels.length);
  return labels.map((label, i) => ({ ...label, answer: wordings[i]! }));
}

/** Reads pairs group by group, those of one key together; the values come back in the order of the pairs. */
export async function readInGroups<T>(
  pairs: readonly ReadPair[],
  keyOf: (pair: ReadPair) => string,
  read: (group: readonly ReadPair[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const groups = new Map<string, number[]>();
  for (const [i, pair] of pairs.entries()) {
    const rows = groups.get(keyOf(pair)) ?? [];
    rows.push(i);
    groups.set(keyOf(pair), rows);
  }
  const values = new Array<T>(pairs.length);
  for (const rows of groups.values()) {
    const found = await read(rows.map((row) => pairs[row]!));
    for (const [i, row] of rows.entries()) values[row] = found[i]!;
  }
  return values;
}

/** Asks a reader for the scores of the labels, as each pair's question wants them written; pairs that want them alike are read together. */
export function scoreLabels(
  reader: Reader,
  pairs: readonly ReadPair[],
  labels: readonly Label[],
  control?: Control,
): Promise<LabelScores[]> {
  return readInGroups(pairs, wordingsKey, (group) =>
    reader.scoreLabels(group, labelsFor(group[0]!.example, labels), control),
  );
}

/** Pairs of one key want the labels written alike. */
function wordingsKey({ example }: ReadPair): string {
  return JSON.stringify(example.wordings ?? null);
}

/**
 * Scores of the labels, as scoreLabels gives them, and the written answers. Each pair is read once where the reader can and all questions want
 * the labels written alike; otherwise once for either.
 */
export async function scoreAndWrite(
  reader: Reader,
  pairs: readonly ReadPair[],
  labels: readonly Label[],
  control?: Control,
): Promise<ScoredAnswer[]> {
  const [first] = pairs;
  if (first === undefined) return [];
  if (reader.scoreAndWrite !== undefined && new Set(pairs.map(wordingsKey)).size === 1)
    return reader.scoreAndWrite(pairs, labelsFor(first.example, labels), control);
  const scores = await scoreLabels(reader, pairs, labels, control);
  const texts = await reader.writeAnswers(pairs, control);
  return texts.map((text, i) => ({ scores: scores[i]!, text }));
}

const digests = new WeakMap<object, string>();

function digestOnce(owner: object, make: () => string): string {
  const known = digests.get(owner);
  if (known !== undefined) return known;
  const made = make();
  digests.set(owner, made);
  return made;
}

/** Hash of a picture's size and bytes, 32 hex digits. */
function imageDigest(image: RasterImage): string {
  return digestOnce(image, () => {
    const size = `${image.width}x${image.height}x${image.channels}:`;
    return createHash("sha256").update(size).update(image.data).digest("hex").slice(0, 32);
  });
}

const keys = new WeakMap<Example, WeakMap<Passage, string>>();

/** Names one prompt by its contents, not by ids: 32 hex digits, the key of the score cache. */
export function promptKey({ example, passage }: ReadPair): string {
  const query = digestOnce(example, () =>
    hashOf([imageDigest(example.image), example.question, ...(example.wordings ?? [])]),
  );
  if (passage === null) return hashOf([query, "closed-book"]);
  const own = keys.get(example) ?? new WeakMap<Passage, string>();
  const key =
    own.get(passage) ?? hashOf([query, digestOnce(passage, () => hashOf([imageDigest(passage.image), passage.text]))]);
  keys.set(example, own.set(passage, key)); // a training asks for the same pairs again and again
  return key;
}

function hashOf(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
