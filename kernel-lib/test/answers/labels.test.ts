import { describe, expect, it } from "vitest";
import { labels as labelSets, parseLabelSet, voteLabelSets } from "../../src/answers/labels";
import type { Label } from "../../src/base/types";

const LABELS: readonly Label[] = ["no finding", "pneumonia", "pleural effusion", "bronchiolitis , mild"].map(
  (name, index) => ({ index, name, answer: String(index) }),
);

describe("parseLabelSet", () => {
  it.each([
    ["0", [0]],
    ["3, 1", [1, 3]],
    ["1,2,3", [1, 2, 3]],
    [" 1;2\n", [1, 2]],
    ["2 and 1.", [1, 2]],
    ["Answer: 1, 1", [1]],
    ["Pneumonia, Pleural  Effusion", [1, 2]],
    ["bronchiolitis , mild", [3]],
    ["No finding", [0]],
    ["The findings are 1 and pleural effusion", [1, 2]],
    ["none", []],
    ["None of them ...", []],
    ["None.", []],
    ["１，２", [1, 2]], // full-width digits and comma
  ])("finds the labels in %j", (text, indices) => {
    expect(parseLabelSet(text, LABELS)).toEqual(indices);
  });

  it.each([
    "",
    "4",
    "1, 17",
    "12",
    "-1",
    "1.5",
    "not 3",
    "no pneumonia",
    "1?",
    "maybe 1",
    "1-2",
    "1, 2 or 3",
    "healthy",
  ])("reads nothing into %j", (text) => {
    expect(parseLabelSet(text, LABELS)).toBeNull();
  });

  it("finds every set it could have been told, in any order", () => {
    for (let mask = 1; mask < 16; mask++) {
      const indices = [0, 1, 2, 3].filter((bit) => (mask >> bit) & 1);
      expect(parseLabelSet([...indices].reverse().join(", "), LABELS)).toEqual(indices);
    }
  });

  it("takes none as a label where a label is called so", () => {
    const labels = [{ index: 0, name: "none", answer: "0" }, ...LABELS.slice(1)];
    expect(parseLabelSet("none", labels)).toEqual([0]);
  });

  it("refuses labels that cannot be told apart", () => {
    expect(() => parseLabelSet("1", [LABELS[0]!, { ...LABELS[0]!, index: 1 }])).toThrow(/parseLabelSet: labels must/);
  });
});

describe("voteLabelSets", () => {
  it("decides each label by more than half of the weight", () => {
    const vote = voteLabelSets([[0, 1], [0], [2]], [0.5, 0.3, 0.2], 3);
    expect(vote.answer).toEqual([0]);
    [0.8, 0.5, 0.2].forEach((share, label) => {
      expect(vote.shares[label]).toBeCloseTo(share, 12);
    });
  });

  it("with one reading is its set; with none readable is null", () => {
    expect(voteLabelSets([[2, 0]], [1], 3).answer).toEqual([0, 2]);
    expect(voteLabelSets([[]], [1], 3).answer).toEqual([]);
    expect(voteLabelSets([null], [1], 3)).toEqual({ answer: null, shares: [0, 0, 0] });
  });

  it("leaves unreadable readings out, unless they hold most of the weight", () => {
    expect(voteLabelSets([[1], null], [0.5, 0.5], 2)).toEqual({ answer: [1], shares: [0, 1] });
    expect(voteLabelSets([[1], null], [0.4, 0.6], 2).answer).toBeNull();
  });

  it("can choose a set that no reading wrote", () => {
    const third = [1 / 3, 1 / 3, 1 / 3];
    expect(
      voteLabelSets(
        [
          [0, 1],
          [1, 2],
          [0, 2],
        ],
        third,
        3,
      ).answer,
    ).toEqual([0, 1, 2]);
  });

  it("does not depend on the order of the readings", () => {
    const there = voteLabelSets([[0], [1, 2], null], [0.3, 0.6, 0.1], 3);
    const back = voteLabelSets([null, [1, 2], [0]], [0.1, 0.6, 0.3], 3);
    expect(back.answer).toEqual(there.answer);
  });

  it("refuses no reading", () => {
    expect(() => voteLabelSets([], [], 2)).toThrow("voteLabelSets: readings must hold at least one; got 0.");
  });
});

it("a label set is worded by its members, with labels by their names; the empty set has a wording of its own", () => {
  expect(labelSets.wording([2, 0])).toBe("{0, 2}");
  expect(labelSets.wording([2, 0], LABELS)).toBe("no finding; pleural effusion");
  expect([labelSets.wording([]), labelSets.wording([], LABELS)]).toEqual(["{}", "none"]);
});
