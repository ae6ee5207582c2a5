import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Example, Label, Matrix, Passage, RasterImage, Task } from "../../src/base/types";
import { openBackend } from "../../src/compute/backend";
import { loadDualEncoder } from "../../src/models/architectures";
import { saveClip } from "../../src/models/clip/weights";
import { encodeImages } from "../../src/models/dual-encoder/encoder";
import { createReplicaClip } from "../../src/replicas/replica-encoders";
import { createFlatIndex } from "../../src/search/flat-index";
import {
  chooseThresholds,
  chooseWeights,
  type Neighbour,
  type Neighbourhood,
  neighbourShares,
  RAD_LIKE,
} from "../../src/systems/rad-like";
import { openSystem } from "../../src/systems/reading";
import type { SystemParts } from "../../src/systems/system";

const folder = mkdtempSync(join(tmpdir(), "rad-like-"));
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(async () => {
  await openBackend();
  const clip = createReplicaClip(5);
  saveClip(clip, join(folder, "clip"));
  clip.dispose();
});

const near = (score: number, ...labels: number[]): Neighbour => ({ score, labels });
const around = (labelled: Neighbour[], image: Neighbour[] = [], text: Neighbour[] = []): Neighbourhood => ({
  labelled,
  captions: { image, text },
});

test("shares by hand: softmax of score / temperature, lists by their part, an empty list leaves its part to the others", () => {
  // scores 0 and ln 3 apart by one temperature: weights 3/4 and 1/4
  const labelled = [near(Math.log(3), 0), near(0, 1)];
  const weights = { numNeighbours: 4, temperature: 1, captionShare: 0.5 };
  expect(neighbourShares(around(labelled), 3, weights)).toEqual([0.75, 0.25, 0]);
  // the image head's captions name nothing: a quarter against one half is left
  const both = neighbourShares(around(labelled, [], [near(1, 2)]), 3, weights);
  expect(both.map((share) => share * 3)).toEqual([2 * 0.75, 2 * 0.25, 1].map((share) => expect.closeTo(share, 12)));
  const sharp = neighbourShares(around([near(2 * Math.log(3), 0), near(0, 1)]), 2, { ...weights, temperature: 2 });
  expect(sharp).toEqual([0.75, 0.25].map((share) => expect.closeTo(share, 12)));
  expect(neighbourShares(around([near(3, 1), near(2, 0)]), 2, { ...weights, numNeighbours: 1 })).toEqual([0, 1]);
  expect(neighbourShares(around([]), 2, weights)).toEqual([0, 0]);
  expect(() => neighbourShares(around([]), 2, { ...weights, captionShare: 1.5 })).toThrow(/captionShare must/);
});

test("a threshold is the best for F1, of equals nearest to one half, and one half for a label that is never true", () => {
  const shares = [
    [0.3, 0.9, 0.2],
    [0.25, 0.1, 0.2],
    [0.1, 0.8, 0.2],
  ];
  // label 0 is told apart between 0.10 and 0.25; label 1 by anything up to 0.8, so one half; label 2 by nothing
  expect(chooseThresholds(shares, [[0, 1], [0], [1]], 3)).toEqual([0.25, 0.5, 0.5]);
});

const image = (level: number): RasterImage => {
  const data = Uint8Array.from({ length: 64 }, (_, i) => (level === 0 ? i * 4 : 255 - i * 4));
  return { width: 8, height: 8, channels: 1, data };
};
const asked = (id: string, kind: number, held: readonly number[], form: Example["form"]): Example => ({
  ...{ id, task: "toy", split: "test", image: image(kind), question: "which ?", answer: held.join(", ") },
  ...{ labels: held, group: id, ...(form === undefined ? {} : { form }) },
});

test("what is right on validation is chosen: captions where pictures mislead, pictures where captions do", () => {
  const questions = [asked("a", 0, [0], undefined), asked("b", 0, [1], undefined)];
  const misled = [around([near(1, 1)], [near(1, 0)]), around([near(1, 0)], [near(1, 1)])];
  expect(chooseWeights(misled, questions, 2)).toMatchObject({ captionShare: 1, thresholds: null });
  const told = [around([near(1, 0)], [near(1, 1)]), around([near(1, 1)], [near(1, 0)])];
  expect(chooseWeights(told, questions, 2).captionShare).toBe(0);
  const sets = questions.map((question) => ({ ...question, form: "labels" as const }));
  expect(chooseWeights(told, sets, 2).thresholds).toEqual([0.5, 0.5]);
});

const labels: Label[] = ["malignant", "benign"].map((name, index) => ({ index, name, answer: String(index) }));
const card = { title: "", source: "phantom", description: "", licence: "", citation: "", obtain: "" } as const;

/** Four training pictures of two kinds, each kind with its label; captions that name the other one. */
async function toyParts(form: Example["form"]): Promise<SystemParts> {
  const split = (name: string) => [0, 1, 0, 1].map((kind, i) => asked(`${name}${i}`, kind, [kind], form));
  const splits = { train: split("t"), validation: split("v"), test: split("x") };
  const task: Task = { name: "toy", source: "phantom", modality: "", labels, splits, card, fingerprint: "toy" };
  const encoder = loadDualEncoder(join(folder, "clip"));
  const embedded = (kinds: readonly number[]): Promise<Matrix> => encodeImages(encoder, kinds.map(image));
  const [seen, kinds] = [await embedded([0, 1, 0, 1]), await embedded([0, 1])];
  encoder.dispose();
  const passages = ["a benign lesion", "a malignant lesion"].map(
    (text, i): Passage => ({ id: `p${i}`, corpus: "toy", image: image(i), text, licence: "" }),
  );
  const view = createFlatIndex(["p0", "p1"], kinds);
  const corpus = { name: "toy", source: "phantom", passages, card, fingerprint: "toy" } as const;
  const queries = { train: seen, validation: seen, test: seen };
  const [views, embeddings] = [
    { image: view, text: view },
    { image: kinds, text: kinds },
  ];
  const index = { encoder: { folder: join(folder, "clip") }, corpus, views, exact: views, embeddings, queries };
  const known = { name: "RAD-like", task, reader: null, readerFolders: null, index, towers: {} };
  return { ...known, numPerHead: 2, learnedWeight: 0.15, seed: 7, trained: null };
}

test.each([["label"], ["labels"]] as const)(
  "it chooses on validation and answers without a reader: %s",
  async (form) => {
    const parts = await toyParts(form);
    const trained = mkdtempSync(join(folder, `${form}-`));
    await RAD_LIKE.ownTraining!.train(trained, parts, { control: {}, resumeDir: trained, options: {} });
    const choice = JSON.parse(readFileSync(join(trained, "choice.json"), "utf8"));
    expect(choice).toMatchObject({ captionShare: 0 }); // captions lie here
    const system = await openSystem(RAD_LIKE, { ...parts, trained });
    const found = await system.answer(parts.task.splits.test);
    system.dispose();
    const wanted = [0, 1, 0, 1].map((kind) => (form === "labels" ? [kind] : kind));
    expect(found.map(({ answer }) => answer)).toEqual(wanted);
    expect(found[0]).toMatchObject({ form, system: "RAD-like", readings: [], weights: [] });
  },
);

test("it refuses questions that are answered in words", () => {
  expect(RAD_LIKE.refuses!(["label", "labels"])).toBeNull();
  expect(RAD_LIKE.refuses!(["words"])).toMatch(/captions name labels/);
});
