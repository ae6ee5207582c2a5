import { expect, test } from "vitest";
import { formOf } from "../../src/answers/forms";
import type { Example, Label, Passage, Prediction, RasterImage, Retrieved, Task } from "../../src/base/types";
import type { Reader } from "../../src/reader/reader";
import { createReadingSystem, openSystem } from "../../src/systems/reading";
import type { PassageFinder } from "../../src/systems/retrieval";
import type { SystemDefinition, SystemParts } from "../../src/systems/system";

/** Systems as a stranger would add them: one object each, made of what the library exports. */

const image: RasterImage = { width: 1, height: 1, channels: 1, data: Uint8Array.of(1) };
const labels: Label[] = ["malignant", "benign"].map((name, index) => ({ index, name, answer: String(index) }));
const example = (id: string, label: number): Example => ({
  ...{ id, task: "toy", split: "test", image, question: "which ?" },
  ...{ answer: String(label), labels: [label], group: id },
});
const card = { title: "", source: "phantom", description: "", licence: "", citation: "", obtain: "" } as const;
const task: Task = {
  ...{ name: "toy", source: "phantom", modality: "", labels, card, fingerprint: "toy" },
  splits: {
    train: [example("t1", 1), example("t2", 0), example("t3", 1)],
    validation: [],
    test: [example("x", 0), example("y", 1)],
  },
};
const parts: SystemParts = {
  ...{ name: "toy", task, reader: null, readerFolders: null, index: null, towers: {}, trained: null },
  ...{ numPerHead: 2, learnedWeight: 0.15, seed: 7 },
};

/** A baseline without reader and index: the commonest label of the training split. */
const majority: SystemDefinition = {
  name: "majority",
  label: "Majority class",
  kind: "control",
  needs: { reader: null, retriever: null },
  refuses: (forms) => (forms.every((form) => form === "label") ? null : "it knows only single labels"),
  open: async ({ name, task: { labels: known, splits } }) => {
    const shares = known.map(({ index }) => splits.train.filter((each) => each.labels[0] === index).length);
    const probabilities = shares.map((count) => count / splits.train.length);
    const answer = probabilities.indexOf(Math.max(...probabilities));
    return {
      answer: async (examples) =>
        examples.map((asked): Prediction<"label"> => {
          const { id: exampleId, group } = asked;
          const truth = formOf("label").truth(asked);
          return {
            form: "label",
            system: name,
            exampleId,
            group,
            truth,
            answer,
            probabilities,
            weights: [],
            readings: [],
          };
        }),
      dispose: () => {},
    };
  },
};

test("a majority-class baseline: no reader, no readings, probabilities of its own", async () => {
  const system = await openSystem(majority, { ...parts, name: "majority" });
  const found = await system.answer(task.splits.test);
  expect(found).toMatchObject([
    {
      system: "majority",
      exampleId: "x",
      truth: 0,
      answer: 1,
      probabilities: [1 / 3, 2 / 3],
      readings: [],
      weights: [],
    },
    { exampleId: "y", truth: 1, answer: 1 },
  ]);
  system.dispose();
});

/** Writes the passage's text, "0" by itself; sure of what it writes. */
const parrot: Reader = {
  fingerprint: "parrot",
  scoreLabels: async (pairs) =>
    pairs.map(({ passage }) => ({
      logits: passage?.text === "1" ? Float32Array.of(0, 1) : Float32Array.of(1, 0),
      logLikelihoods: new Float32Array(2),
    })),
  writeAnswers: async (pairs) => pairs.map(({ passage }) => passage?.text ?? "0"),
  dispose: () => {},
};

/** A retriever of its own: passages by the example's id, as many as are nearly as good as the best, none where nothing is good. */
const SCORES: Readonly<Record<string, readonly number[]>> = { x: [0.9, 0.85, 0.2], y: [0.8, 0.1, 0.1], z: [0.1, 0, 0] };
const pool = ["1", "1", "0"].map(
  (text, i): Passage => ({ id: `p${i}`, corpus: "own", image, text, licence: "CC0-1.0" }),
);
const adaptiveFinder: PassageFinder = {
  passages: new Map(pool.map((passage) => [passage.id, passage])),
  find: async (examples) =>
    examples.map(({ id }) => {
      const scores = SCORES[id]!;
      const hits = scores.map((score, rank): Retrieved => ({ passageId: `p${rank}`, head: "image", score, rank }));
      return hits.filter(({ score }) => score > 0.5 && score > 0.9 * scores[0]!);
    }),
  dispose: () => {},
};
const adaptive: SystemDefinition = {
  name: "adaptive",
  label: "Adaptive contexts",
  kind: "system",
  needs: { reader: "retrieval", retriever: null },
  open: async ({ name, task: { labels: known }, reader }) =>
    createReadingSystem({ name, labels: known, reader: reader!, finder: adaptiveFinder, fusion: "probabilities" }),
};

test("a system with a retriever of its own reads as many passages as it finds good, or the question by itself", async () => {
  const system = await openSystem(adaptive, { ...parts, name: "adaptive", reader: parrot });
  const found = await system.answer([...task.splits.test, example("z", 0)]);
  expect(found.map(({ readings }) => readings.map(({ retrieved }) => retrieved?.passageId ?? null))).toEqual([
    ["p0", "p1"],
    ["p0"],
    [null],
  ]);
  expect(found.map(({ weights }) => weights.length)).toEqual([2, 1, 1]);
  expect(found.map(({ answer }) => answer)).toEqual([1, 1, 0]);
  system.dispose();
});
