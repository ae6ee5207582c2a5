import { describe, expect, it } from "vitest";
import { knownShare, listOf, measureTold, predictAccuracy, predictReading } from "../../src/analysis/theory";
import { createRandom } from "../../src/base/random";
import type { Corpus, Passage } from "../../src/base/types";
import { predict, toyExample, toyTask } from "./helpers";

describe("predictReading", () => {
  it("is m + (1 - m) q, and m r + (1 - m) q where captions are silent", () => {
    expect(predictReading({ same: 0.6, otherAgreement: 0.3 })).toBeCloseTo(0.6 + 0.4 * 0.3, 12);
    expect(predictReading({ same: 0.6, otherAgreement: 0.3, sameAgreement: 0.9 })).toBeCloseTo(0.54 + 0.12, 12);
    expect(predictReading({ same: [4, 0], otherAgreement: 0.5 })).toBeCloseTo(0.5 + 0.5 * 0.5, 12);
  });
});

describe("predictAccuracy", () => {
  it("of one reading is the reading's, of two shares the tie", () => {
    expect(predictAccuracy({ same: 0.6, otherAgreement: 0.3, numReadings: 1 })).toBeCloseTo(0.72, 12);
    expect(predictAccuracy({ same: 0.5, otherAgreement: 0, numReadings: 2 })).toBeCloseTo(
      1 / 4 + (1 / 2) * (1 / 2),
      12,
    );
  });

  it("of four readings and two answers is the binomial's, half of the ties", () => {
    const p = 0.7 + 0.3 * 0.2;
    const above = p ** 4 + 4 * p ** 3 * (1 - p);
    const tied = 6 * p ** 2 * (1 - p) ** 2;
    expect(predictAccuracy({ same: 0.7, otherAgreement: 0.2 })).toBeCloseTo(above + tied / 2, 12);
  });

  it("with three answers lets two different wrong readings tie with one right one", () => {
    // one of three readings is right, the others are wrong: the same wrong answer in half of the cases, else all three tie
    const told = { same: [1], otherAgreement: 0, numReadings: 3, numClasses: 3 };
    expect(predictAccuracy(told)).toBeCloseTo((1 / 2) * 0 + (1 / 2) * (1 / 3), 12);
  });

  it("question by question: what one question has too many of does not help another", () => {
    const told = { otherAgreement: 0, numReadings: 4 };
    expect(predictAccuracy({ ...told, same: [4, 0] })).toBeCloseTo(1 / 2, 12);
    expect(predictAccuracy({ ...told, same: [2, 2] })).toBeCloseTo(1 / 2, 12); // both tie
    expect(predictAccuracy({ ...told, same: [3, 1] })).toBeCloseTo(1 / 2, 12);
    expect(predictAccuracy({ ...told, same: [3, 3, 0] })).toBeCloseTo(2 / 3, 12);
  });

  it("what the picture tells needs no passage", () => {
    const vote = predictAccuracy({ same: 0.7, otherAgreement: 0.2 });
    expect(predictAccuracy({ same: 0.7, otherAgreement: 0.2, known: 0.3 })).toBeCloseTo(0.3 + 0.7 * vote, 12);
    expect(predictAccuracy({ same: 0, otherAgreement: 0, known: 1 })).toBe(1);
  });

  it("laws: within [0, 1], grows with m, q and known; chance where nothing is told", () => {
    const random = createRandom("theory");
    for (let i = 0; i < 100; i++) {
      const [same, otherAgreement, known] = [random.next(), random.next(), random.next()];
      const [numReadings, numClasses] = [1 + random.integer(6), 2 + random.integer(5)];
      const told = { same, otherAgreement, known, numReadings, numClasses };
      const value = predictAccuracy(told);
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(1 + 1e-12);
      for (const name of ["same", "otherAgreement", "known"] as const) {
        const more = { ...told, [name]: told[name] + (1 - told[name]) / 2 };
        expect(predictAccuracy(more), name).toBeGreaterThanOrEqual(value - 1e-12);
      }
      const guessed = predictAccuracy({ same: 0, otherAgreement: 1 / numClasses, numReadings, numClasses });
      expect(guessed).toBeCloseTo(1 / numClasses, 10);
    }
  });

  it("refuses shares and numbers that cannot be", () => {
    expect(() => predictAccuracy({ same: 1.2, otherAgreement: 0 })).toThrow(/same must be a number in \[0, 1\]/);
    expect(() => predictAccuracy({ same: 0.5, otherAgreement: -0.1 })).toThrow(/otherAgreement must be/);
    expect(() => predictAccuracy({ same: [5], otherAgreement: 0 })).toThrow(/same must be a whole number in \[0, 4\]/);
    expect(() => predictAccuracy({ same: [], otherAgreement: 0 })).toThrow(/a number for each question; got none/);
    expect(() => predictAccuracy({ same: 0.5, otherAgreement: 0, numClasses: 1 })).toThrow(/numClasses must be/);
    expect(() => predictAccuracy({ same: 0.5, otherAgreement: 0, q: 1 } as never)).toThrow(/has no option "q"/);
  });
});

describe("refusals", () => {
  const told = { same: 0.5, otherAgreement: 0 };
  it.each([
    [() => predictReading({ ...told, same: 2 }), "predictReading: same must be a number in [0, 1]; got 2."],
    [() => predictAccuracy({ ...told, same: 2 }), "predictAccuracy: same must be a number in [0, 1]; got 2."],
    [() => predictAccuracy({ ...told, same: [-1] }), "predictAccuracy: same must be a whole number in [0, 4]; got -1."],
    [
      () => predictAccuracy({ ...told, same: [] }),
      "predictAccuracy: same must hold a number for each question; got none.",
    ],
    [
      () => predictAccuracy({ ...told, otherAgreement: 2 }),
      "predictAccuracy: otherAgreement must be a number in [0, 1]",
    ],
    [() => predictAccuracy({ ...told, sameAgreement: 2 }), "predictAccuracy: sameAgreement must be a number in [0, 1]"],
    [() => predictAccuracy({ ...told, known: 2 }), "predictAccuracy: known must be a number in [0, 1]"],
    [
      () => predictAccuracy({ ...told, numReadings: 0 }),
      "predictAccuracy: numReadings must be a whole number in [1, 16]",
    ],
    [
      () => predictAccuracy({ ...told, numClasses: 51 }),
      "predictAccuracy: numClasses must be a whole number in [2, 50]",
    ],
    [
      () => predictReading({ ...told, q: 1 } as never),
      'predictReading: has no option "q". Use one of same, otherAgreement,',
    ],
    [() => knownShare(2, 0.5), "knownShare: accuracy must be a number in [0, 1]; got 2."],
    [() => knownShare(0.5, -1), "knownShare: chance must be a number in [0, 0.999999999]; got -1."],
  ])("say the function, the number and the rule: %#", (call, message) => {
    expect(call).toThrow(message);
  });

  it("but the largest numbers are taken", () => {
    const wide = { same: 1, otherAgreement: 1, sameAgreement: 1, known: 1, numReadings: 16, numClasses: 50 };
    expect(predictAccuracy(wide)).toBe(1);
    expect(predictAccuracy({ ...wide, known: 0 })).toBeCloseTo(1, 9);
  });
});

describe("knownShare", () => {
  it("takes guesses off, and is never negative", () => {
    expect(knownShare(0.65, 0.5)).toBeCloseTo(0.3, 12);
    expect(knownShare(0.4, 0.5)).toBe(0);
    expect(() => knownShare(0.5, 1)).toThrow(/chance must be a number/);
  });
});

describe("measureTold", () => {
  const examples = ["a", "b", "c"].map((id) => toyExample(id, { labels: [0] }));
  const task = toyTask(["accuracy"], [...examples, toyExample("d", { labels: [0, 1] })]);
  const passage = (id: string, text: string): Passage => {
    const image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(0) } as const;
    return { id, corpus: "toy", image, text, licence: "" };
  };
  const texts = { p: "says yes .", q: "says no .", r: "silent .", s: "says yes ." };
  const passages = Object.entries(texts).map(([id, text]) => passage(id, text));
  const corpus = { name: "toy", passages } as unknown as Corpus;
  const patterns = Object.entries({ a: "1", b: "2", d: "1", p: "1", q: "2", r: "1", s: "3" });
  const facts = { signs: [], nuisances: [], words: new Map(patterns.map(([id, pattern]) => [id, { pattern }])) };
  const from = { task, corpus, facts };
  const list = (exampleId: string, ids: readonly string[]) => ({
    exampleId,
    hits: ids.map((passageId, rank) => ({ passageId, head: "image" as const, rank, score: 1 })),
  });

  it("counts passages of the own pattern, and what these and the others tell", () => {
    const told = measureTold(from, [list("a", ["p", "r", "q"]), list("b", ["q", "p", "s"])]);
    expect(told.same).toEqual([2, 1]);
    expect(told.sameShare).toBeCloseTo(3 / 6, 12);
    expect(told.sameAgreement).toBeCloseTo((1 + 1 / 2 + 0) / 3, 12); // yes; silent: a guess of two; no
    expect(told.otherAgreement).toBeCloseTo((0 + 1 + 1) / 3, 12);
    expect(told).toMatchObject({ numReadings: 3, numClasses: 2 });
  });

  it("takes the lists of predictions, and refuses those of a system that reads none", () => {
    const made = predict("ft-rag", "a", 0, [0], 0);
    const [hit] = list("a", ["p"]).hits;
    const read = { ...made, readings: [{ ...made.readings[0]!, retrieved: hit! }] };
    expect(listOf(read)).toEqual(list("a", ["p"]));
    expect(() => measureTold(from, [listOf(made)])).toThrow(/lists must be equally long; a has not/);
  });

  it("names in its details what it refuses", () => {
    const details = (list_: ReturnType<typeof list>) => {
      try {
        measureTold(from, [list_]);
      } catch (error) {
        return [(error as Error).message, (error as { details: unknown }).details];
      }
      return "not refused";
    };
    expect(details(list("c", ["p"]))).toEqual([
      "measureTold: facts must say the pattern of every question; c has not. Use the lists of one retrieving system on a casebook.",
      { id: "c" },
    ]);
    expect(details(list("z", ["p"]))).toEqual([expect.stringMatching(/^measureTold: exampleId must be/), { id: "z" }]);
    expect(details(list("a", []))).toEqual([
      expect.stringMatching(/lists must be equally long; a has not/),
      { id: "a" },
    ]);
  });

  it("takes a caption of several labels for a guess, and chance for what was never read", () => {
    const both = passage("both", "says yes or no .");
    const more = { ...from, corpus: { ...corpus, passages: [...passages, both] } as Corpus };
    expect(measureTold(more, [list("a", ["both"])])).toMatchObject({
      otherAgreement: 1 / 2,
      sameAgreement: 1,
      sameShare: 0,
    });
    expect(measureTold(from, [list("a", ["p"])])).toMatchObject({
      otherAgreement: 1 / 2,
      sameAgreement: 1,
      sameShare: 1,
    });
  });

  it("refuses unknown patterns, several labels, passages and questions from elsewhere, lists of other lengths, and nothing", () => {
    expect(() => measureTold(from, [list("c", ["p"])])).toThrow(/the pattern of every question; c has not/);
    expect(() => measureTold(from, [list("d", ["p"])])).toThrow(/one label; d has not/);
    expect(() => measureTold(from, [list("a", ["z"])])).toThrow(
      /corpus must hold every passage that was retrieved; z is missing/,
    );
    expect(() => measureTold(from, [list("z", ["p"])])).toThrow(/z/);
    expect(() => measureTold(from, [list("a", ["p"]), list("b", ["p", "q"])])).toThrow(/equally long; b has not/);
    expect(() => measureTold(from, [])).toThrow(/at least one; got 0/);
  });
});
