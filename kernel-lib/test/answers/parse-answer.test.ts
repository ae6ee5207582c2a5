import { describe, expect, it } from "vitest";
import { parseAnswer } from "../../src/answers/parse";
import type { Label } from "../../src/base/types";

const LABELS: readonly Label[] = [
  { index: 0, name: "malignant", answer: "0" },
  { index: 1, name: "normal , benign", answer: "1" },
];
const SKIN: readonly Label[] = [
  { index: 0, name: "nevus", answer: "a" },
  { index: 1, name: "blue nevus", answer: "b" },
  { index: 2, name: "grade 1 (mild)", answer: "c" },
];

describe("parseAnswer", () => {
  it.each([
    ["0", 0],
    [" 1\n", 1],
    ["Answer: 1.", 1],
    ["(0)", 0],
    ["1 1", 1],
    ["Malignant", 0],
    ["normal ,\n BENIGN", 1],
    ["0: malignant", 0],
    ["１", 1], // full-width digit
  ])("finds the label in %j", (text, index) => {
    expect(parseAnswer(text, LABELS)).toEqual({ kind: "label", index });
  });

  it.each([
    "",
    "12",
    "10",
    "-1",
    "1.5",
    "0,5",
    "0-1",
    "v1",
    "1st",
    "one",
    "0 or 1",
    "malignant 1",
    "non-malignant",
    "2",
  ])("finds none in %j", (text) => {
    expect(parseAnswer(text, LABELS)).toEqual({ kind: "unparsed", text });
  });

  it("prefers the longer name to the one inside it, and takes special characters literally", () => {
    expect(parseAnswer("a blue nevus", SKIN)).toEqual({ kind: "unparsed", text: "a blue nevus" }); // "a" is label 0
    expect(parseAnswer("Blue nevus.", SKIN)).toEqual({ kind: "label", index: 1 });
    expect(parseAnswer("nevus", SKIN)).toEqual({ kind: "label", index: 0 });
    expect(parseAnswer("grade 1 (mild)", SKIN)).toEqual({ kind: "label", index: 2 });
    expect(parseAnswer("grade 1 mild", SKIN).kind).toBe("unparsed");
  });

  it("finds each of fourteen numbered labels in its own answer only", () => {
    const many = Array.from({ length: 14 }, (_, index) => ({ index, name: `finding ${index}`, answer: String(index) }));
    for (const { index, answer, name } of many) {
      expect(parseAnswer(answer, many)).toEqual({ kind: "label", index });
      expect(parseAnswer(`It is ${name}`, many)).toEqual({ kind: "label", index });
    }
  });

  it("refuses labels that cannot be told apart", () => {
    const twice = [LABELS[0]!, { index: 1, name: "benign", answer: "0" }];
    expect(() => parseAnswer("0", twice)).toThrow(/labels must have answers and names that are distinct/);
    expect(() => parseAnswer("0", [])).toThrow(/labels must have/);
  });
});
