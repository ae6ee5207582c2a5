import { expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import type { AnswerForm, Example, Label, Matrix, Passage, Prediction, RasterImage } from "../../src/base/types";
import type { Reader, ReadPair } from "../../src/reader/reader";
import { createDualHead } from "../../src/retriever/dual-head";
import { createFlatIndex } from "../../src/search/flat-index";
import { createReadingSystem } from "../../src/systems/reading";
import { createFinder, NO_PASSAGES } from "../../src/systems/retrieval";
import type { System } from "../../src/systems/system";

const labels: Label[] = ["clear", "opacity", "effusion"].map((name, index) => ({ index, name, answer: String(index) }));
const image = (byte: number): RasterImage => ({ width: 1, height: 1, channels: 1, data: Uint8Array.of(byte) });
const example = <F extends AnswerForm>(form: F, answer: string, trueLabels: number[]): Example & { form: F } => ({
  id: `x-${answer}`,
  task: "toy",
  split: "test",
  image: image(1),
  question: "which ?",
  answer,
  labels: trueLabels,
  form,
  group: "p1",
});
const passages = ["0, 2", "0", "mumble"].map(
  (text, i): Passage => ({ id: `p${i}`, corpus: "toy", image: image(9), text, licence: "CC0-1.0" }),
);
const ids = passages.map(({ id }) => id);
const rows = (...values: number[][]): Matrix => ({
  data: Float32Array.from(values.flat()),
  rows: values.length,
  cols: 2,
});

/** Writes the passage's text; closed-book "none". */
function parrot(asked: ReadPair[] = []): Reader {
  return {
    fingerprint: "parrot",
    scoreLabels: async () => {
      throw new Error("written answers need no scores");
    },
    writeAnswers: async (pairs) => {
      asked.push(...pairs);
      return pairs.map(({ passage }) => passage?.text ?? "none");
    },
    dispose: () => {},
  };
}

// image head: p0 (1), p1 (0.6); text head: p2 (1), p0 (0.6)
const ftRag = (reader: Reader): System => {
  const retriever = createDualHead({ encodeFrozen: async (images) => rows(...images.map(() => [1, 0])) });
  const views = {
    image: createFlatIndex(ids, rows([1, 0], [0.6, 0.8], [0, 1])),
    text: createFlatIndex(ids, rows([0.6, 0.8], [0, 1], [1, 0])),
  };
  const finder = createFinder({ retriever, views, passages, numPerHead: 2 });
  return createReadingSystem({ name: "ft-rag", labels, reader, finder, fusion: "probabilities" });
};
const closedBook = (reader: Reader): System =>
  createReadingSystem({ name: "closed-book", labels, reader, finder: NO_PASSAGES, fusion: "probabilities" });

async function answer<F extends AnswerForm>(system: System, asked: Example & { form: F }): Promise<Prediction<F>> {
  const [found] = await system.answer([asked]);
  expect(found?.form).toBe(asked.form);
  return found as Prediction<F>;
}

test("label sets: each label by more than half of the readable weight, by hand", async () => {
  const asked: ReadPair[] = [];
  const found = await answer(ftRag(parrot(asked)), example("labels", "0, 2", [0, 2]));
  expect(found.readings.map((reading) => reading.answer)).toEqual([[0, 2], [0], null, [0, 2]]);
  expect(asked).toHaveLength(3); // p0 is found twice, read once
  const [w0, w1, w2, w3] = found.weights;
  const readable = w0! + w1! + w3!;
  expect(found.shares[0]).toBeCloseTo(1, 12);
  expect(found.shares[1]).toBe(0);
  expect(found.shares[2]).toBeCloseTo((w0! + w3!) / readable, 12);
  expect(w0! + w1! + w2! + w3!).toBeCloseTo(1, 12);
  expect(found).toMatchObject({ form: "labels", system: "ft-rag", truth: [0, 2], answer: [0, 2] });
});

test("label sets: closed-book writes the empty set, which is an answer", async () => {
  const found = await answer(closedBook(parrot()), example("labels", "none", []));
  expect(found).toMatchObject({ answer: [], truth: [], weights: [1] });
});

test("words: the wording with the most weight wins", async () => {
  const found = await answer(ftRag(parrot()), example("words", "mumble", []));
  expect(found.readings.map(({ text }) => text)).toEqual(["0, 2", "0", "mumble", "0, 2"]);
  expect(found).toMatchObject({ answer: "0, 2", form: "words", truth: "mumble" });
});

test("one system answers examples of every form, a reading of each form having what the form adds", async () => {
  const reader: Reader = {
    ...parrot(),
    scoreLabels: async (pairs) =>
      pairs.map(() => ({ logits: Float32Array.of(1, 2, 0), logLikelihoods: new Float32Array(3) })),
  };
  const asked = [
    example("words", "left lung", []),
    example("labels", "0", [0]),
    { ...example("label", "1", [1]), id: "y" },
    { ...example("yesNo", "2", [2]), id: "z" },
  ];
  const found = await closedBook(reader).answer(asked);
  expect(found.map(({ form, exampleId }) => [form, exampleId])).toEqual([
    ["label", "y"],
    ["yesNo", "z"],
    ["labels", "x-0"],
    ["words", "x-left lung"],
  ]);
  expect(found.map(({ readings: [reading] }) => Object.keys(reading!).includes("probabilities"))).toEqual([
    ...[true, true],
    ...[false, false],
  ]);
});

test("an example whose truth does not fit its form is refused before anything is read", async () => {
  const asked: ReadPair[] = [];
  const error = await closedBook(parrot(asked))
    .answer([example("label", "0, 1", [0, 1])])
    .catch((caught: unknown) => caught);
  expect(isKernelError(error, "data") && error.message).toMatch(/one label each; x-0, 1 has 2/);
  expect(asked).toEqual([]);
});
