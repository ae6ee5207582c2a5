import { expect, test } from "vitest";
import { createRandom } from "../../../src/base/random";
import { signsOf } from "../../../src/phantoms/casebook/dials";
import { alikeShare, drawTable, drawWeights, imbalance, patternsOf } from "../../../src/phantoms/casebook/table";
import { attributeOf } from "../../../src/phantoms/general/world";

const WORLDS = [
  [6, 2],
  [12, 2],
  [12, 3],
  [12, 6],
  [24, 2],
  [24, 7],
  [36, 4],
  [36, 7],
  [72, 2],
  [72, 7],
] as const;

const wordsOf = (numPatterns: number) => signsOf(numPatterns).map((sign) => attributeOf(sign).words);
const draw = (numPatterns: number, numClasses: number, alike = 1 / 3, seed = "table") => {
  const patterns = patternsOf(wordsOf(numPatterns));
  return { patterns, classes: drawTable(patterns, { numClasses, alike }, createRandom(seed)) };
};

test.each([6, 12, 24, 36, 72])("%i patterns are all combinations of their signs' words, each once", (numPatterns) => {
  const signs = signsOf(numPatterns);
  const patterns = patternsOf(wordsOf(numPatterns));
  expect(new Set(patterns.map((words) => words.join())).size).toBe(numPatterns);
  expect(signs.reduce((product, sign) => product * attributeOf(sign).words.length, 1)).toBe(numPatterns);
});

test.each(WORLDS)(
  "with %i patterns and %i classes no word of any sign tells anything by itself",
  (patterns_, numClasses) => {
    for (const seed of patterns_ > 36 ? ["a"] : ["a", "b", "c"]) {
      const { patterns, classes } = draw(patterns_, numClasses, 1 / 3, seed);
      expect(imbalance(patterns, classes, numClasses)).toBe(0);
      const counts = Array.from({ length: numClasses }, (_, c) => classes.filter((label) => label === c).length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  },
);

test("a table by hand: look-alikes and imbalance are counted", () => {
  const patterns = [
    ["a", "x"],
    ["a", "y"],
    ["b", "x"],
    ["b", "y"],
  ];
  expect(alikeShare(patterns, [0, 1, 1, 0])).toBe(0); // exclusive or: every one of the 4 pairs differs
  expect(alikeShare(patterns, [0, 0, 1, 1])).toBe(2 / 4); // the first sign tells all
  expect(imbalance(patterns, [0, 1, 1, 0], 2)).toBe(0);
  expect(imbalance(patterns, [0, 0, 1, 1], 2)).toBe(2 * (1 + 1)); // in "a" and in "b", one class too often, one too rare
});

test.each([
  [12, 0, 4 / 24], // three shades and two classes: in each of four triples one pair of three agrees
  [12, 1 / 3, 1 / 3],
  [36, 0.4, 0.4],
  [72, 0.5, 0.5],
])("%i patterns reach the share of look-alikes that agree: %d asked", (numPatterns, asked, reached) => {
  const { patterns, classes } = draw(numPatterns, 2, asked);
  expect(alikeShare(patterns, classes)).toBeGreaterThan(reached - 0.03);
  expect(alikeShare(patterns, classes)).toBeLessThan(reached + 0.03);
});

test("the same stream gives the same table, another one another", () => {
  expect(draw(12, 2, 1 / 3, "one")).toEqual(draw(12, 2, 1 / 3, "one"));
  const tables = ["one", "two", "three", "four"].map((seed) => draw(12, 2, 1 / 3, seed).classes.join());
  expect(new Set(tables).size).toBeGreaterThan(1);
});

test("frequencies fall with the rank, and the rarest patterns are not for training", () => {
  const { everywhere, training } = drawWeights(12, { tail: 1, unseen: 0.25 }, createRandom(1));
  const sorted = [...everywhere].sort((a, b) => b - a);
  expect(sorted[0]! / sorted[3]!).toBeCloseTo(4, 12);
  expect(training.filter((weight) => weight === 0)).toHaveLength(3);
  const rarest = everywhere.filter((_, i) => training[i] === 0);
  expect(Math.max(...rarest)).toBeCloseTo(1 / 10, 12);
  expect(new Set(drawWeights(12, { tail: 0, unseen: 0 }, createRandom(1)).training)).toEqual(new Set([1]));
});
