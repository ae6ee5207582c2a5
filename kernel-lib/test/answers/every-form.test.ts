import { describe, expect, it } from "vitest";
import { answerWordings, FORMS, formsOf, isCorrect, isOneLabel, labelPredictions } from "../../src/answers/forms";
import { label, parseLabel } from "../../src/answers/label";
import { voteLabelSets } from "../../src/answers/labels";
import { answerWords, labelWordings, normaliseText } from "../../src/answers/wording";
import { voteAnswers } from "../../src/answers/words";
import type { Example, Label, Prediction } from "../../src/base/types";
import { refusal } from "../helpers/refusal";

const LABELS: readonly Label[] = [
  { index: 0, name: "no mass", answer: "no" },
  { index: 1, name: "mass", answer: "yes" },
];
const OPTIONS = { labels: LABELS, fusion: "probabilities" } as const;

describe("every form", () => {
  it("gives its answers to the metrics that are defined for it, and to no other", () => {
    const scored = Object.fromEntries(
      Object.entries(FORMS).map(([name, { score }]) => {
        const answer = name === "labels" ? [1] : name === "words" ? "the mass" : 1;
        const each = Object.entries(score) as [string, (said: never, labels: readonly Label[]) => unknown][];
        return [name, Object.fromEntries(each.map(([metric, see]) => [metric, see(answer as never, LABELS)]))];
      }),
    );
    expect(scored).toEqual({
      label: { accuracy: 1, macroF1: 1 },
      yesNo: { accuracy: 1, macroF1: 1, closedAccuracy: "yes", tokenRecall: "yes" },
      labels: { exactMatch: [1], macroF1: [1] },
      words: { closedAccuracy: "the mass", tokenRecall: "the mass" },
    });
  });

  it("words an answer by the label's index, or by its name where labels are given", () => {
    expect([label.wording(1), label.wording(1, LABELS)]).toEqual(["1", "mass"]);
    expect([FORMS.yesNo.wording(0), FORMS.yesNo.wording(0, LABELS)]).toEqual(["0", "no mass"]);
    expect(FORMS.words.wording("Left  lung!")).toBe("left lung");
  });

  it("is listed in the order of the table, each once; an example that names none is of one label", () => {
    expect(formsOf([{ form: "words" }, {}, { form: "words" }, { form: "yesNo" }])).toEqual(["label", "yesNo", "words"]);
  });
});

/** A prediction of a form, one reading each of these answers. */
function prediction(form: Prediction["form"], truth: unknown, answer: unknown, readings: unknown[]): Prediction {
  return { exampleId: "e1", form, truth, answer, readings: readings.map((each) => ({ answer: each })) } as never;
}

describe("predictions", () => {
  it("of one label or yes and no have probabilities, others not", () => {
    const [one, yes] = [prediction("label", 1, 1, []), prediction("yesNo", 1, 1, [])];
    const [set, free] = [prediction("labels", [1], [1], []), prediction("words", "a", "a", [])];
    expect([one, yes, set, free].map(isOneLabel)).toEqual([true, true, false, false]);
    expect(labelPredictions([one, yes])).toEqual([one, yes]);
    for (const [other, form] of [
      [set, "labels"],
      [free, "words"],
    ] as const) {
      const { message, details } = refusal(() => labelPredictions([one, other]));
      expect(message).toBe(
        `labelPredictions: predictions must be answered with one label each; e1 has the form "${form}". Keep the others apart.`,
      );
      expect(details).toEqual({ exampleId: "e1", form });
    }
  });

  it("are made comparable in any form, and are right where the words are the true ones", () => {
    const said = prediction("words", "left lung", "The left lung.", ["liver", null, "?"]);
    expect(answerWordings(said)).toEqual({ truth: "left lung", answer: "left lung", readings: ["liver", null, null] });
    expect(isCorrect(said)).toBe(true);
    expect(isCorrect(prediction("labels", [0, 2], [2, 0], []))).toBe(true);
    expect(isCorrect(prediction("label", 1, 0, []))).toBe(false);
    expect(isCorrect(prediction("label", 1, null, []))).toBe(false);
    expect(isCorrect(prediction("words", "?", null, []))).toBe(false); // nothing said equals nothing
  });
});

describe("words", () => {
  it.each([
    ["zero one two three four five six seven eight nine ten", ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]],
    ["eleven", ["eleven"]],
    ["an a the", ["an", "a", "the"]],
    ["an opacity", ["opacity"]],
    ["12.25 mm", ["12.25", "mm"]],
    ["1.2.3", ["1.2.3"]],
    ["12,500", ["12,500"]],
    ["3.", ["3"]],
    ["patient’s heart's", ["patient", "heart"]],
    ["sister", ["sister"]],
    ["s", ["s"]],
    ["d1b2", ["d1b2"]],
  ])("of %j", (text, found) => {
    expect(answerWords(text)).toEqual(found);
  });

  it("are compared without white space around and between them", () => {
    expect(normaliseText("  A \n\tB ")).toBe("a b");
  });

  it("of labels: longer wordings go first, so that one inside another is not taken for it", () => {
    const { pattern, indexOf } = labelWordings("x", LABELS);
    expect(pattern).toBe("no mass|mass|yes|no");
    expect([...indexOf]).toEqual([
      ["no mass", 0],
      ["mass", 1],
      ["yes", 1],
      ["no", 0],
    ]);
    expect(parseLabel("No mass.", LABELS)).toBe(0);
  });

  it("of labels that cannot be told apart are listed in the refusal", () => {
    const twice = [LABELS[0]!, { index: 1, name: "No", answer: "1" }];
    const { message, details } = refusal(() => labelWordings("parseLabel", twice));
    expect(message).toMatch(
      /^parseLabel: labels must have answers .*; got \[\["no","no mass"\],\["1","No"\]\]\. Check/,
    );
    expect(details).toEqual({ labels: twice });
    expect(refusal(() => labelWordings("x", [{ index: 0, name: "", answer: "a" }])).message).toMatch(/not empty/);
    expect(refusal(() => parseLabel("0", [])).message).toMatch(/^parseLabel: /);
  });
});

describe("truth", () => {
  it("of one label is the example's only one", () => {
    const example = (labels: readonly number[]) => ({ id: "e7", labels }) as unknown as Example;
    expect(label.truth(example([1]))).toBe(1);
    const { message, details } = refusal(() => label.truth(example([0, 1])));
    expect(message).toBe("label: examples must have one label each; e7 has 2.");
    expect(details).toEqual({ id: "e7" });
  });
});

describe("votes at the edges", () => {
  const [sure, unsure] = [
    { answer: 1, logits: [0, 1], probabilities: [0, 1] },
    { answer: null, logits: [0, 1], probabilities: [0, 1] },
  ];

  it("exactly half of the weight that cannot be read does not silence the rest", () => {
    // thirds and tenths do not add up exactly: a hair above one half is still one half
    const tenths = [0.1, 0.2, 0.2, 0.5];
    expect(voteAnswers(["…", "", "?", "liver"], tenths)).toBe("liver");
    expect(FORMS.label.fuse([unsure, unsure, unsure, sure], tenths, OPTIONS).answer).toBe(1);
    expect(voteLabelSets([null, null, null, [1]], tenths, 2).answer).toEqual([1]);
    expect(voteLabelSets([[0], [1]], [0.5, 0.5], 2).answer).toEqual([]); // neither has more than half
  });

  it("a reading of no weight may stand beside the others", () => {
    expect(FORMS.label.fuse([sure, unsure], [1, 0], OPTIONS).answer).toBe(1);
  });

  it("the heavier wording wins wherever it stands, without the white space around it", () => {
    expect(voteAnswers(["liver", " spleen ", "spleen"], [0.4, 0.3, 0.3])).toBe("spleen");
    expect(voteAnswers(["left lung", "leftlung"], [0.5, 0.5])).toBe("left lung");
    expect(voteAnswers([null, "liver"], [0.4, 0.6])).toBe("liver");
    expect(voteAnswers(["spleen", "liver"], [0.4, 0.6])).toBe("liver");
  });

  it("wrong weights and readings are named", () => {
    const { message, details } = refusal(() => voteAnswers(["a", "b"], [0.9, 0.2]));
    expect(message).toMatch("voteAnswers: weights must be at least 0 and sum to 1; got [0.9, 0.2].");
    expect(details).toMatchObject({ weights: [0.9, 0.2] });
    expect(refusal(() => voteAnswers(["a"], [Number.NaN])).message).toMatch("voteAnswers: weights must be finite");
    const short = { answer: 1, logits: [1], probabilities: [1] };
    expect(refusal(() => FORMS.label.fuse([sure, short], [0.5, 0.5], OPTIONS)).message).toMatch(
      "fuseProbabilities: probabilities of reading 1 must have 2 entries; got 1.",
    );
    const nan = { answer: 1, logits: [1, 1], probabilities: [Number.NaN, 1] };
    expect(refusal(() => FORMS.label.fuse([nan], [1], OPTIONS)).message).toMatch(
      "probabilities of reading 0 must be finite",
    );
  });
});
