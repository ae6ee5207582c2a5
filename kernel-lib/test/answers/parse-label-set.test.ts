import { describe, expect, it } from "vitest";
import { parseLabelSet, parseYesNo } from "../../src/answers/parse";
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
    ["None.", []],
    ["１，２", [1, 2]], // full-width digits and comma
  ])("finds the labels in %j", (text, indices) => {
    expect(parseLabelSet(text, LABELS)).toEqual({ kind: "labels", indices });
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
    expect(parseLabelSet(text, LABELS)).toEqual({ kind: "unparsed", text });
  });

  it("finds every set it could have been told, in any order", () => {
    for (let mask = 1; mask < 16; mask++) {
      const indices = [0, 1, 2, 3].filter((bit) => (mask >> bit) & 1);
      expect(parseLabelSet([...indices].reverse().join(", "), LABELS)).toEqual({ kind: "labels", indices });
    }
  });

  it("takes none as a label where a label is called so", () => {
    const labels = [{ index: 0, name: "none", answer: "0" }, ...LABELS.slice(1)];
    expect(parseLabelSet("none", labels)).toEqual({ kind: "labels", indices: [0] });
  });

  it("refuses labels that cannot be told apart", () => {
    expect(() => parseLabelSet("1", [LABELS[0]!, { ...LABELS[0]!, index: 1 }])).toThrow(/parseLabelSet: labels must/);
  });
});

describe("parseYesNo", () => {
  it.each([
    ["yes", "yes"],
    ["No.", "no"],
    ["YES, there is", "yes"],
    ["No, it is not visible", "no"],
    ["The answer is yes", "yes"],
    ["no no", "no"],
    ["Yes, there is no effusion beside it", "yes"],
  ])("%j says %s", (text, answer) => {
    expect(parseYesNo(text)).toEqual({ kind: "answer", answer });
  });

  it.each(["", "maybe", "nothing", "not normal", "yes or no", "no / yes", "I say yes and then no", "noyes", "0"])(
    "%j says neither",
    (text) => {
      expect(parseYesNo(text)).toEqual({ kind: "unparsed", text });
    },
  );
});
