import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createRandom } from "../../src/base/random";
import { macroF1, macroF1OfDraws } from "../../src/metrics/answers";
import { bootstrap } from "../../src/metrics/bootstrap";
import { detectableEffect, holm, intervalTest, mcnemarExact, smallestEffect } from "../../src/metrics/paired-tests";
import { aggregateSeeds, studentQuantile, studentTail, widenForSeeds } from "../../src/metrics/seeds";

interface Reference {
  readonly mcnemar: readonly (readonly [number, number, number])[];
  readonly holm: readonly { readonly p: readonly number[]; readonly adjusted: readonly number[] }[];
  readonly studentTail: readonly (readonly [number, number, number])[];
}
const REFERENCE = JSON.parse(
  readFileSync(join(__dirname, "../reference/metrics/paired-tests.json"), "utf8"),
) as Reference;

test("exact McNemar by hand and as statsmodels says", () => {
  expect(mcnemarExact(8, 1)).toBeCloseTo((2 * (1 + 9)) / 2 ** 9, 14);
  expect(mcnemarExact(0, 0)).toBe(1);
  for (const [gained, lost, p] of REFERENCE.mcnemar) {
    expect(Math.abs(mcnemarExact(gained, lost) / p - 1), `${gained}, ${lost}`).toBeLessThan(1e-9);
    expect(mcnemarExact(lost, gained)).toBe(mcnemarExact(gained, lost));
  }
});

test("exact McNemar is at most as often below 5 % as it says where nothing differs", () => {
  const random = createRandom("mcnemar");
  let rejected = 0;
  for (let draw = 0; draw < 1000; draw++) {
    const gained = Array.from({ length: 18 }, () => random.next()).filter((value) => value < 0.5).length;
    if (mcnemarExact(gained, 18 - gained) < 0.05) rejected++;
  }
  expect(rejected).toBeLessThanOrEqual(50);
  expect(rejected).toBeGreaterThan(10); // it is not the test that never rejects
});

test("Holm's correction by hand and as statsmodels says, in the order given", () => {
  expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
  for (const { p, adjusted } of REFERENCE.holm)
    for (const [i, value] of holm(p).entries()) expect(value).toBeCloseTo(adjusted[i]!, 12);
  expect(holm([])).toEqual([]);
});

test("Student's tail as scipy says, and as its quantile", () => {
  for (const [t, degrees, p] of REFERENCE.studentTail)
    expect(Math.abs(studentTail(t, degrees) / p - 1)).toBeLessThan(1e-9);
  expect(studentTail(studentQuantile(0.975, 3), 3)).toBeCloseTo(0.05, 12);
  expect(studentTail(0, 3)).toBe(1);
});

test("the smallest effect by hand, and that it is found four times in five", () => {
  const sure = 1.959964 + 0.841621;
  expect(smallestEffect(1000, 0.2)).toBeCloseTo(sure * Math.sqrt(0.2 / (1000 + sure ** 2)), 12);
  expect(smallestEffect(156, 0.2)).toBeCloseTo(0.098, 3);
  expect(smallestEffect(2, 0.1)).toBe(0.1); // no difference is larger than what changed
  const [n, changed] = [400, 0.2];
  const effect = smallestEffect(n, changed);
  const random = createRandom("power");
  const found = Array.from({ length: 400 }, () => {
    let [gained, lost] = [0, 0];
    for (let i = 0; i < n; i++) {
      const drawn = random.next();
      if (drawn < (changed + effect) / 2) gained++;
      else if (drawn < changed) lost++;
    }
    return Math.abs(gained - lost) / Math.sqrt(gained + lost) > 1.959964; // McNemar's test
  });
  expect(found.filter(Boolean).length / found.length).toBeGreaterThan(0.74);
  expect(found.filter(Boolean).length / found.length).toBeLessThan(0.86);
});

test("without a changed answer the smallest effect is what shows at all: six answers all on one side, and a little", () => {
  expect(smallestEffect(100)).toBeCloseTo(7.849 / (100 + 7.849), 4);
  expect(mcnemarExact(6, 0)).toBeLessThan(0.05);
  expect(mcnemarExact(5, 0)).toBeGreaterThan(0.05);
  const asked = { numQuestions: 100, numSeeds: 1 };
  expect(detectableEffect({ value: 0, low: 0, high: 0 }, asked)).toBe(smallestEffect(100));
});

test("the smallest effect of an interval by hand: (1.96 + 0.84) standard errors, Student's of few seeds", () => {
  const interval = { value: 0.01, low: -0.01, high: 0.03 };
  const one = detectableEffect(interval, { numQuestions: 400, numSeeds: 1 });
  expect(one).toBeCloseTo((0.02 / 1.959964) * (1.959964 + 0.841621), 6);
  const error = (0.02 / 1.959964) * Math.sqrt(5 / 4);
  const five = detectableEffect(interval, { numQuestions: 2000, numSeeds: 5 });
  expect(five).toBeCloseTo(error * (2.776445 + 0.940965), 6);
});

test("an interval's p is below 0.05 exactly where the interval leaves the edge out", () => {
  for (const numSeeds of [1, 3, 5]) {
    const bootstrapped = { value: 0.05, low: 0.03, high: 0.06 };
    const { low, high } = widenForSeeds(bootstrapped, numSeeds);
    expect(intervalTest(bootstrapped, low, numSeeds)).toBeCloseTo(0.05, 6);
    expect(intervalTest(bootstrapped, high, numSeeds)).toBeCloseTo(0.05, 6);
    expect(intervalTest(bootstrapped, low - 0.001, numSeeds)).toBeLessThan(0.05);
    expect(intervalTest(bootstrapped, 0.05, numSeeds)).toBe(1);
  }
  expect(intervalTest({ value: 0, low: 0, high: 0 }, 0, 5)).toBe(1);
  expect(intervalTest({ value: 0, low: 0, high: 0 }, 0.05, 5)).toBe(0);
});

test("over three and five seeds that differ, a bootstrap interval covers 95 of 100 only when it is widened", () => {
  const random = createRandom("few seeds");
  const covered = (numSeeds: number, widen: typeof widenForSeeds): number => {
    let count = 0;
    for (let sample = 0; sample < 300; sample++) {
      const means = Array.from({ length: numSeeds }, () => random.normal());
      const rows = means.flatMap((mean) => Array.from({ length: 4 }, () => mean + 0.05 * random.normal()));
      const outer = means.flatMap((_, seed) => Array.from({ length: 4 }, () => String(seed)));
      const statistic = (drawn: readonly number[]) => drawn.reduce((sum, i) => sum + rows[i]!, 0) / drawn.length;
      const groups = rows.map((_, i) => String(i));
      const { low, high } = widen(bootstrap(groups, statistic, { outer, numDraws: 200, seed: sample }), numSeeds);
      if (low <= 0 && 0 <= high) count++;
    }
    return count / 300;
  };
  for (const numSeeds of [3, 5]) {
    expect(covered(numSeeds, (interval) => interval)).toBeLessThan(0.9);
    expect(covered(numSeeds, widenForSeeds)).toBeGreaterThan(0.91);
  }
});

test("macro-F1 of a draw leaves out what was not drawn, and is macro-F1 of all rows", () => {
  const [answers, truth] = [
    [0, 0, 1, null, 2],
    [0, 1, 1, 2, 2],
  ];
  const ofDraw = macroF1OfDraws(answers!, truth as number[], 4); // label 3 occurs nowhere
  expect(ofDraw([0, 1, 2, 3, 4])).toBe(macroF1(answers!, truth as number[], 4));
  expect(ofDraw([0, 0])).toBe((1 + 0) / 2); // label 0 right; 1 and 2 not drawn; 3 counts 0
  expect(ofDraw([0, 1])).toBe((2 / 3 + 0 + 0) / 3); // label 1 missed
  expect(macroF1OfDraws([[]], [[]], 2)([0])).toBe(0);
  expect(macroF1OfDraws([[0], [1], []], [[0], [1], []], 2)([2])).toBe(0); // no label was drawn: nothing is left to average
  expect(() => macroF1OfDraws([0], [0, 1], 2)).toThrow(/^macroF1OfDraws: /);
  expect(() => macroF1OfDraws([0], [0], 2)([])).toThrow(/^macroF1OfDraws: /);
});

test("a rare label that is answered right pulls no interval down", () => {
  const truth = [...new Array<number>(40).fill(0), 1];
  const statistic = macroF1OfDraws(truth, truth, 2);
  const groups = truth.map((_, i) => String(i));
  expect(bootstrap(groups, statistic, { numDraws: 200 })).toEqual({ value: 1, low: 1, high: 1 });
});

test("refuses counts, p values and numbers of seeds that are none", () => {
  expect(() => mcnemarExact(-1, 2)).toThrow(/gained must be a whole number/);
  expect(() => mcnemarExact(1, 2.5)).toThrow(/lost must be a whole number/);
  expect(() => holm([0.1, 1.2])).toThrow(/must lie in \[0, 1\]; got 1.2/);
  expect(() => holm([Number.NaN])).toThrow(/must be finite/);
  expect(() => widenForSeeds({ value: 0, low: 0, high: 0 }, 0)).toThrow(/numSeeds must be a whole number/);
});

test("a Student's interval over seeds is not widened again", () => {
  const over = aggregateSeeds([0.02, 0.05, 0.03, 0.06, 0.04]);
  expect(intervalTest(over, over.low, 5, "student")).toBeCloseTo(0.05, 6);
  expect(intervalTest(over, over.low, 5)).toBeGreaterThan(0.05);
});

test("p of an interval by hand: with two degrees of freedom the tail is 1 - t / √(2 + t²), with one seed it is the normal one", () => {
  const interval = { value: 1, low: 0, high: 2 };
  const t = 0.5 / (1 / 4.302653);
  expect(intervalTest(interval, 0.5, 3, "student")).toBeCloseTo(1 - t / Math.sqrt(2 + t ** 2), 6);
  expect(intervalTest(interval, 1.5, 3, "student")).toBeCloseTo(1 - t / Math.sqrt(2 + t ** 2), 6);
  expect(intervalTest(interval, 0.5, 1)).toBeCloseTo(0.327095, 5); // 2 (1 - Φ(0.979982))
  // by bootstrap over three seeds both ends are 4.302653 / 1.959964 · √(3 / 2) times as far out
  const wide = 0.5 / ((4.302653 / 1.959964) * Math.sqrt(3 / 2) * (1 / 4.302653));
  expect(intervalTest(interval, 0.5, 3)).toBeCloseTo(1 - wide / Math.sqrt(2 + wide ** 2), 6);
  expect(intervalTest({ value: 1, low: 1, high: 1 }, 0, 3)).toBe(0);
  expect(intervalTest({ value: 1, low: 1, high: 1 }, 1, 3)).toBe(1);
  expect(intervalTest({ value: 1, low: -5, high: 2 }, 2, 1)).toBeCloseTo(0.05, 6); // the side that looks at the edge counts
  expect(intervalTest({ value: 1, low: 0, high: 9 }, 0, 1)).toBeCloseTo(0.05, 6);
});

test("nearly all lies beyond almost no t, and nothing beyond a huge one", () => {
  for (const degrees of [1, 4, 1e6]) {
    expect(studentTail(1e-200, degrees)).toBe(1);
    expect(studentTail(1e200, degrees)).toBe(0);
  }
});

test("what these tests refuse they refuse in their own names", () => {
  const refused = (call: () => unknown) => {
    try {
      call();
    } catch (error) {
      return [(error as Error).message, (error as { details: object }).details];
    }
    return "not refused";
  };
  expect(refused(() => holm([0.5, -0.1]))).toEqual(["holm: pValues must lie in [0, 1]; got -0.1.", { value: -0.1 }]);
  expect(refused(() => holm([1.1]))).toEqual(["holm: pValues must lie in [0, 1]; got 1.1.", { value: 1.1 }]);
  expect(holm([0, 1])).toEqual([0, 1]);
  expect(refused(() => studentTail(-1, 4))[0]).toMatch(/^studentTail: t must be a number in \[0, /);
  expect(refused(() => studentTail(1, 0))[0]).toMatch(/^studentTail: degrees must be a number in \[1, /);
  for (const [place, name] of ["value", "low", "high"].entries())
    expect(refused(() => widenForSeeds({ value: 0, low: 0, high: 0, [name]: Number.NaN }, 2))[0]).toBe(
      `widenForSeeds: interval must be finite; got NaN at position ${place}.`,
    );
  expect(refused(() => widenForSeeds({ value: 0, low: 0, high: 0 }, 0))[0]).toMatch(/^widenForSeeds: numSeeds must be/);
  expect(refused(() => holm([Number.NaN]))[0]).toBe("holm: pValues must be finite; got NaN at position 0.");
  expect(refused(() => smallestEffect(0))[0]).toMatch(/^smallestEffect: numQuestions must be a whole number in \[1, /);
  expect(refused(() => smallestEffect(1, 2))[0]).toBe(
    "smallestEffect: changedShare must be a number in [0, 1]; got 2.",
  );
  expect(refused(() => mcnemarExact(-1, 0))[0]).toMatch(/^mcnemarExact: gained must be a whole number in \[0, /);
  expect(refused(() => mcnemarExact(0, 0.5))[0]).toMatch(/^mcnemarExact: lost must be a whole number in \[0, /);
});
