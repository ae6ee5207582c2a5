import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Example, Label, Passage, RasterImage, Task } from "../../src/base/types";
import { openBackend } from "../../src/compute/backend";
import { saveClip } from "../../src/models/clip/weights";
import { createReplicaClip } from "../../src/replicas/replica-encoders";
import { createFlatIndex } from "../../src/search/flat-index";
import { CAPTION_VOTE, labelsNamed, voteOfCaptions, withOtherLabel } from "../../src/systems/caption-vote";
import { openSystem } from "../../src/systems/reading";

const labels: Label[] = ["malignant", "normal, benign", "cyst"].map((name, index) => ({
  index,
  name,
  answer: String(index),
}));
const folder = mkdtempSync(join(tmpdir(), "caption-vote-"));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => {
  await openBackend();
  const clip = createReplicaClip(5);
  saveClip(clip, folder);
  clip.dispose();
});

test("a caption names labels by a part of their name or by number, as whole words", () => {
  expect(labelsNamed("breast . benign lesion", labels)).toEqual([1]);
  expect(labelsNamed("premalignant lesion", labels)).toEqual([]);
  expect(labelsNamed("retina . class 0 , 2 dark", labels)).toEqual([0, 2]);
  expect(labelsNamed("Malignant or normal", labels)).toEqual([0, 1]);
});

test("a caption with another label in its place keeps all else; where it names none, several or cannot, there is none", () => {
  const next = (named: number) => (named + 1) % labels.length;
  expect(withOtherLabel("breast . Malignant lesion left", labels, next)).toBe("breast . normal lesion left");
  expect(withOtherLabel("benign lesion , benign", labels, next)).toBe("cyst lesion , cyst");
  expect(withOtherLabel("premalignant cyst", labels, next)).toBe("premalignant malignant");
  expect(withOtherLabel("retina . class 0 dark", labels, next)).toBe("retina . class 1 dark");
  expect(withOtherLabel("retina . dark", labels, next)).toBeNull();
  expect(withOtherLabel("malignant or normal", labels, next)).toBeNull();
  expect(withOtherLabel("retina . class 0 , 2", labels, next)).toBeNull();
});

test("single labels: the most named, the first named of equals, none where none is named; sets: what more than half name", () => {
  expect(voteOfCaptions([[1], [0], [1], []], 3)).toEqual({ counts: [1, 2, 0], label: 1, set: [] });
  expect(voteOfCaptions([[2], [0], [0], [2]], 3)).toMatchObject({ label: 2, set: [] });
  expect(voteOfCaptions([[], []], 3)).toEqual({ counts: [0, 0, 0], label: null, set: [] });
  expect(voteOfCaptions([[0, 2], [0], [0, 1], [2]], 3)).toMatchObject({ counts: [3, 1, 2], set: [0] });
});

const image: RasterImage = { width: 2, height: 2, channels: 1, data: Uint8Array.of(9, 9, 9, 9) };
const example = (id: string, form: Example["form"], held: readonly number[]): Example => ({
  ...{ id, task: "toy", split: "test", image, question: "which ?", answer: held.join(", "), labels: held, group: id },
  ...(form === undefined ? {} : { form }),
});
const texts = ["a malignant lesion", "a cyst", "a malignant cyst", "a lesion"];
const passages = texts.map((text, i): Passage => ({ id: `p${i}`, corpus: "toy", image, text, licence: "" }));

/** The system over four passages that both heads find for every query: each caption is heard twice. */
async function answers(examples: readonly Example[]) {
  const rows = passages.map(() => Float32Array.from({ length: 64 }, () => 0.125));
  const matrix = { data: Float32Array.from(rows.flatMap((row) => [...row])), rows: 4, cols: 64 };
  const ids = passages.map(({ id }) => id);
  const view = createFlatIndex(ids, matrix);
  const card = { title: "", source: "phantom", description: "", licence: "", citation: "", obtain: "" } as const;
  const splits = { train: [], validation: [], test: examples };
  const task: Task = { name: "toy", source: "phantom", modality: "", labels, splits, card, fingerprint: "toy" };
  const corpus = { name: "toy", source: "phantom", passages, card, fingerprint: "toy" } as const;
  const queries = { train: matrix, validation: matrix, test: matrix };
  const [views, embeddings] = [
    { image: view, text: view },
    { image: matrix, text: matrix },
  ];
  const index = { encoder: { folder }, corpus, views, exact: views, embeddings, queries };
  const system = await openSystem(CAPTION_VOTE, {
    ...{ name: "caption vote", task, reader: null, readerFolders: null, index, towers: {}, trained: null },
    ...{ numPerHead: 4, learnedWeight: 0.15, seed: 7 },
  });
  const found = await system.answer(examples);
  system.dispose();
  view.dispose();
  return found;
}

test("it answers from the captions alone, with the shares of the vote as probabilities and no reading", async () => {
  const [one, set] = await answers([example("x", undefined, [0]), example("y", "labels", [0, 2])]);
  expect(one).toMatchObject({ system: "caption vote", form: "label", truth: 0, answer: 0, readings: [], weights: [] });
  expect((one as { probabilities: readonly number[] }).probabilities).toEqual([0.5, 0, 0.5]);
  expect(set).toMatchObject({ form: "labels", truth: [0, 2], answer: [], shares: [0.5, 0, 0.5] }); // half is not more than half
});

test("it refuses questions that are answered in words", () => {
  expect(CAPTION_VOTE.refuses!(["label", "labels"])).toBeNull();
  expect(CAPTION_VOTE.refuses!(["yesNo", "words"])).toMatch(/captions name labels/);
});
