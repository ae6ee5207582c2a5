import { expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import type { AnswerForm, Example, Label, Matrix, Passage, RasterImage } from "../../src/base/types";
import type { Reader, ReadPair } from "../../src/reader/reader";
import { createDualHead } from "../../src/retriever/dual-head";
import { createFlatIndex } from "../../src/search/flat-index";
import { answerExamples, answerInWords, answerLabelSets } from "../../src/systems/answer";
import type { RetrievingParts } from "../../src/systems/system";
import { closedBook, ftRag } from "../../src/systems/system";

const labels: Label[] = ["clear", "opacity", "effusion"].map((name, index) => ({ index, name, answer: String(index) }));
const image = (byte: number): RasterImage => ({ width: 1, height: 1, channels: 1, data: Uint8Array.of(byte) });
const example = (form: AnswerForm, answer: string, trueLabels: number[]): Example => ({
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
const parts = (reader: Reader, temperature = 1): RetrievingParts => ({
  reader,
  retriever: createDualHead({ encodeFrozen: async (images) => rows(...images.map(() => [1, 0])) }),
  views: {
    image: createFlatIndex(ids, rows([1, 0], [0.6, 0.8], [0, 1])),
    text: createFlatIndex(ids, rows([0.6, 0.8], [0, 1], [1, 0])),
  },
  passages: new Map(passages.map((entry) => [entry.id, entry])),
  numPerHead: 2,
  fusionTemperature: temperature,
});

test("label sets: each label by more than half of the readable weight, by hand", async () => {
  const asked: ReadPair[] = [];
  const [found] = await answerLabelSets(ftRag(parts(parrot(asked))), labels, [example("labels", "0, 2", [0, 2])]);
  expect(found!.readings.map((reading) => reading.answer)).toEqual([[0, 2], [0], null, [0, 2]]);
  expect(asked).toHaveLength(3); // p0 is found twice, read once
  const [w0, w1, w2, w3] = found!.weights;
  const readable = w0! + w1! + w3!;
  expect(found!.shares[0]).toBeCloseTo(1, 12);
  expect(found!.shares[1]).toBe(0);
  expect(found!.shares[2]).toBeCloseTo((w0! + w3!) / readable, 12);
  expect(w0! + w1! + w2! + w3!).toBeCloseTo(1, 12);
  expect(found).toMatchObject({ form: "labels", system: "ft-rag", truth: [0, 2], answer: [0, 2] });
});

test("label sets: closed-book writes the empty set, which is an answer", async () => {
  const [found] = await answerLabelSets(closedBook(parrot()), labels, [example("labels", "none", [])]);
  expect(found).toMatchObject({ answer: [], truth: [], weights: [1] });
});

test("words: the wording with the most weight wins", async () => {
  const [found] = await answerInWords(ftRag(parts(parrot())), [example("words", "mumble", [])]);
  expect(found!.readings.map(({ text }) => text)).toEqual(["0, 2", "0", "mumble", "0, 2"]);
  expect(found).toMatchObject({ answer: "0, 2", form: "words", truth: "mumble" });
});

test.each([
  ["answerExamples", (examples: Example[]) => answerExamples(closedBook(parrot()), labels, examples), "labels"],
  ["answerLabelSets", (examples: Example[]) => answerLabelSets(closedBook(parrot()), labels, examples), "words"],
  ["answerInWords", (examples: Example[]) => answerInWords(closedBook(parrot()), examples), "label"],
] as const)("%s refuses another form, naming the example", async (name, answer, form) => {
  const error = await answer([example(form, "0", [0])]).catch((caught: unknown) => caught);
  expect(isKernelError(error, "data") && error.message).toMatch(new RegExp(`${name}.*x-0 has "${form}"`));
});
