import { expect, test } from "vitest";
import { isInconsistent } from "../../src/analysis/inconsistency";
import { isOracleCorrect, measureOracle } from "../../src/analysis/oracle";
import { answerWordings, isCorrect } from "../../src/answers/forms";
import type { Prediction } from "../../src/base/types";

const base = { system: "s", exampleId: "e", group: "g", weights: [0.5, 0.5] };
const sets = (
  truth: number[],
  answer: number[] | null,
  readings: (number[] | null)[],
  exampleId = "e",
): Prediction => ({
  ...base,
  form: "labels",
  exampleId,
  truth,
  answer,
  shares: [],
  readings: readings.map((each) => ({ form: "labels", exampleId, retrieved: null, text: "", answer: each })),
});
const words = (truth: string, answer: string | null, readings: string[], exampleId = "e"): Prediction => ({
  ...base,
  form: "words",
  exampleId,
  truth,
  answer,
  readings: readings.map((each) => ({ form: "words", exampleId, retrieved: null, text: each, answer: each })),
});
const one = (truth: number, answer: number | null, readings: (number | null)[], exampleId = "e"): Prediction => ({
  ...base,
  form: "label",
  exampleId,
  truth,
  answer,
  probabilities: [],
  readings: readings.map((each) => ({
    form: "label",
    exampleId,
    retrieved: null,
    text: "",
    answer: each,
    logits: [],
    probabilities: [],
  })),
});

test("sets are compared as sets: order does not matter, the empty set is an answer, unparsed is none", () => {
  expect(answerWordings(sets([2, 0], [0, 2], [[0, 2], null])).readings).toEqual(["{0, 2}", null]);
  expect(isCorrect(sets([2, 0], [0, 2], [[0, 2]]))).toBe(true);
  expect(isCorrect(sets([], [], [[]]))).toBe(true);
  expect(isCorrect(sets([], null, [null]))).toBe(false);
  expect(
    isInconsistent(
      sets(
        [0],
        [0],
        [
          [0, 2],
          [2, 0],
        ],
      ),
    ),
  ).toBe(false);
  expect(isInconsistent(sets([0], [0], [[0], null]))).toBe(true);
  expect(isInconsistent(sets([0], [0], [[], null]))).toBe(true);
});

test("words are compared as answerWords makes them; an answer without a word equals no truth", () => {
  expect(isCorrect(words("left lung", "The left lung.", ["left lung"]))).toBe(true);
  expect(isCorrect(words("left lung", "lung left", ["left lung"]))).toBe(false);
  expect(isInconsistent(words("liver", "liver", ["Liver", "the liver."]))).toBe(false);
  expect(isCorrect(words("liver", null, ["?"]))).toBe(false);
  expect(isCorrect(words("?!", null, ["."]))).toBe(false);
});

test("the oracle takes every form", () => {
  expect(isOracleCorrect(sets([1], [0], [[0], [1]]))).toBe(true);
  expect(isOracleCorrect(words("liver", "lung", ["lung", "liver!"]))).toBe(true);
  expect(isOracleCorrect(words("?!", "lung", ["lung", "."]))).toBe(false);
  const mixed = [one(1, 1, [1, 0], "a"), sets([1], [0], [[0], [1]], "b"), words("liver", "lung", ["lung"], "c")];
  const found = measureOracle(mixed);
  expect(found.map(({ metric }) => metric)).toEqual(["accuracy", "oracle", "oracleGap"]);
  expect(found.map(({ value }) => value)).toEqual([1 / 3, 2 / 3, 1 / 3].map((value) => expect.closeTo(value, 12)));
});
