import { expect, test } from "vitest";
import { labelPredictions } from "../../src/answers/forms";
import { isKernelError } from "../../src/base/errors";
import type { Example, Label, Matrix, Passage, RasterImage } from "../../src/base/types";
import type { Reader, ReadPair } from "../../src/reader/reader";
import { createDualHead } from "../../src/retriever/dual-head";
import { createFlatIndex } from "../../src/search/flat-index";
import { createReadingSystem } from "../../src/systems/reading";
import { createFinder, type FinderParts, NO_PASSAGES } from "../../src/systems/retrieval";
import type { System } from "../../src/systems/system";

const labels: Label[] = ["malignant", "benign"].map((name, index) => ({ index, name, answer: String(index) }));
const image = (byte: number): RasterImage => ({ width: 1, height: 1, channels: 1, data: Uint8Array.of(byte) });
const example = (id: string, label: number): Example => ({
  id,
  task: "toy",
  split: "test",
  image: image(label),
  question: "which ?",
  answer: String(label),
  labels: [label],
  group: id,
});
const passage = (id: string, text: string): Passage => ({
  id,
  corpus: "toy",
  image: image(9),
  text,
  licence: "CC0-1.0",
});
const passages = [passage("a", "0"), passage("b", "1"), passage("c", "mumble")];
const rows = (...values: number[][]): Matrix => ({
  data: Float32Array.from(values.flat()),
  rows: values.length,
  cols: values[0]!.length,
});
const ids = passages.map(({ id }) => id);

/** Writes the passage's text; logit 1 for the label it names. */
function parrot(): Reader & { readonly pairs: ReadPair[] } {
  const pairs: ReadPair[] = [];
  return {
    fingerprint: "parrot",
    pairs,
    scoreLabels: async (asked) => {
      pairs.push(...asked);
      return asked.map(({ passage: read }) => ({
        logits: Float32Array.of(read?.text === "0" ? 1 : 0, read?.text === "1" ? 1 : 0),
        logLikelihoods: new Float32Array(2),
      }));
    },
    writeAnswers: async (asked) => asked.map(({ passage: read }) => read?.text ?? "0"),
    dispose: () => {},
  };
}

const encodeFrozen = async (images: readonly RasterImage[]) => rows(...images.map(() => [1, 0]));
const finderParts: FinderParts = {
  retriever: createDualHead({ encodeFrozen }),
  views: {
    image: createFlatIndex(ids, rows([0.8, 0.6], [0.6, 0.8], [0, 1])),
    text: createFlatIndex(ids, rows([0.6, 0.8], [0.5, 0.5], [0.9, 0])),
  },
  passages,
  numPerHead: 2,
};
const ftRag = (reader: Reader, fusion: "probabilities" | "logits" = "probabilities", over: Partial<FinderParts> = {}) =>
  createReadingSystem({
    name: "ft-rag",
    labels,
    reader,
    finder: createFinder({ ...finderParts, ...over }),
    fusion,
  });
const closedBook = (reader: Reader): System =>
  createReadingSystem({ name: "closed-book", labels, reader, finder: NO_PASSAGES, fusion: "probabilities" });
const answer = async (system: System, asked: Example) => labelPredictions(await system.answer([asked]))[0]!;

test("closed-book: one reading without a passage, of weight 1", async () => {
  const prediction = await answer(closedBook(parrot()), example("x", 0));
  expect(prediction).toMatchObject({
    system: "closed-book",
    exampleId: "x",
    form: "label",
    truth: 0,
    answer: 0,
    weights: [1],
  });
  expect(prediction.readings).toHaveLength(1);
  expect(prediction.readings[0]!.retrieved).toBeNull();
});

test("ft-rag by hand: image head finds a, b; text head finds c, a; weights are the code's, probabilities the paper's", async () => {
  const reader = parrot();
  const prediction = await answer(ftRag(reader), example("x", 1));
  expect(prediction.readings.map((reading) => reading.retrieved!.passageId)).toEqual(["a", "b", "c", "a"]);
  const scaled = [1, 0.6 / 0.8, 1, 0.6 / 0.9].map(Math.exp);
  const total = scaled.reduce((sum, value) => sum + value, 0);
  prediction.weights.forEach((weight, k) => {
    expect(weight).toBeCloseTo(scaled[k]! / total, 5);
  });
  const sure = Math.E / (Math.E + 1);
  const [w0, w1, w2, w3] = prediction.weights as [number, number, number, number];
  expect(prediction.probabilities[0]).toBeCloseTo((w0 + w3) * sure + w1 * (1 - sure) + w2 * 0.5, 6);
  expect(prediction.answer).toBe(0);
  expect(prediction.readings.map(({ answer }) => answer)).toEqual([0, 1, null, 0]);
  expect(reader.pairs).toHaveLength(3); // a is read once for both heads
});

test("fused logits differ from fused probabilities", async () => {
  const ask = (fusion: "logits" | "probabilities") => answer(ftRag(parrot(), fusion), example("x", 1));
  const [logits, probabilities] = [await ask("logits"), await ask("probabilities")];
  const [w0, w1, , w3] = logits.weights as [number, number, number, number];
  expect(logits.probabilities[0]).toBeCloseTo(1 / (1 + Math.exp(w1 - (w0 + w3))), 6);
  expect(Math.abs(logits.probabilities[0]! - probabilities.probabilities[0]!)).toBeGreaterThan(1e-4);
});

test("a passage the corpus does not hold and an example with two labels are refused", async () => {
  const failure = (run: Promise<unknown>) =>
    run.then(
      () => "accepted",
      (e) => (isKernelError(e, "data") ? e.message : e),
    );
  expect(await failure(answer(ftRag(parrot(), "probabilities", { passages: [] }), example("x", 0)))).toMatch(
    /a is missing/,
  );
  const two = { ...example("x", 0), labels: [0, 1] };
  expect(await failure(answer(closedBook(parrot()), two))).toMatch(/x has 2/);
});
