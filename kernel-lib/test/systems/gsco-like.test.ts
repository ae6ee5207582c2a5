import { expect, test } from "vitest";
import type { Prediction } from "../../src/base/types";
import { chooseShare, GSCO_LIKE, withOpinion } from "../../src/systems/gsco-like";

const known = { system: "s", group: "g", weights: [1], readings: [] } as const;
const one = (id: string, truth: number, p1: number): Prediction<"label"> => ({
  ...{ ...known, form: "label", exampleId: id, truth, answer: p1 > 0.5 ? 1 : 0, probabilities: [1 - p1, p1] },
});

test("a specialist's probabilities are mixed in label by label, and the likeliest label is the answer", () => {
  const mixed = withOpinion(one("a", 0, 0.6), [0.9, 0.1], 0.25) as Prediction<"label">;
  expect(mixed.probabilities[0]).toBeCloseTo(0.25 * 0.9 + 0.75 * 0.4, 12);
  expect(mixed.probabilities[1]).toBeCloseTo(0.25 * 0.1 + 0.75 * 0.6, 12);
  expect(mixed.answer).toBe(0); // 0.525 against 0.475
  expect((withOpinion(one("a", 0, 0.6), [0.9, 0.1], 0) as Prediction<"label">).answer).toBe(1);
});

test("of a set each label is mixed by itself and held above one half", () => {
  const set = { ...known, form: "labels", exampleId: "a", truth: [0], answer: [1], shares: [0.4, 1, 0] } as Prediction;
  const mixed = withOpinion(set, [0.8, 0.1, 0.9], 0.5) as Prediction<"labels">;
  expect(mixed.shares).toEqual([(0.8 + 0.4) / 2, (0.1 + 1) / 2, 0.45]);
  expect(mixed.answer).toEqual([0, 1]);
});

test("the share is the one with most right answers, one half where all are alike", () => {
  const asked = [one("a", 0, 0.6), one("b", 1, 0.9), one("c", 1, 0.7)];
  // the specialist is right of a, and so wrong of c that more than a quarter of it spoils c
  expect(
    chooseShare(asked, [
      [0.9, 0.1],
      [0.5, 0.5],
      [0.99, 0.01],
    ]),
  ).toBe(0.25);
  expect(
    chooseShare(asked, [
      [0.1, 0.9],
      [0, 1],
      [0, 1],
    ]),
  ).toBe(0.5); // a stays wrong with any share
});

test("questions that a classifier of pictures cannot know are refused", () => {
  expect(GSCO_LIKE.refuses!(["label"])).toBeNull();
  expect(GSCO_LIKE.refuses!(["labels"])).toBeNull();
  expect(GSCO_LIKE.refuses!(["yesNo", "words"])).toMatch(/knows no question/);
});
