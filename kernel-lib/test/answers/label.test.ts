import { describe, expect, it } from "vitest";
import { parseLabel } from "../../src/answers/label";
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

describe("parseLabel", () => {
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
    expect(parseLabel(text, LABELS)).toBe(index);
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
    expect(parseLabel(text, LABELS)).toBeNull();
  });

  it("prefers the longer name to the one inside it, and takes special characters literally", () => {
    expect(parseLabel("a blue nevus", SKIN)).toBeNull(); // "a" is label 0
    expect(parseLabel("Blue nevus.", SKIN)).toBe(1);
    expect(parseLabel("nevus", SKIN)).toBe(0);
    expect(parseLabel("grade 1 (mild)", SKIN)).toBe(2);
    expect(parseLabel("grade 1 mild", SKIN)).toBeNull();
  });

  it("finds each of fourteen numbered labels in its own answer only", () => {
    const many = Array.from({ length: 14 }, (_, index) => ({ index, name: `finding ${index}`, answer: String(index) }));
    for (const { index, answer, name } of many) {
      expect(parseLabel(answer, many)).toBe(index);
      expect(parseLabel(`It is ${name}`, many)).toBe(index);
    }
  });

  it("refuses labels that cannot be told apart", () => {
    const twice = [LABELS[0]!, { index: 1, name: "benign", answer: "0" }];
    expect(() => parseLabel("0", twice)).toThrow(/labels must have answers and names that are distinct/);
    expect(() => parseLabel("0", [])).toThrow(/labels must have/);
  });
});
