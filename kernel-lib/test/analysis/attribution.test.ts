import { describe, expect, test } from "vitest";
import { measureAttribution, measureFlows } from "../../src/analysis/attribution";
import { measureFusionWeights } from "../../src/analysis/fusion-weights";
import { measureListChanges } from "../../src/analysis/list-changes";
import { findMeasurement, type Measurement } from "../../src/analysis/measurement";
import { fusionWeights } from "../../src/answers/fusion";
import type { Corpus, Head, Passage, Prediction } from "../../src/base/types";
import { predict, toyExample, toyTask } from "./helpers";

const image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(0) } as const;
const passage = (id: string, truth?: string): Passage => ({
  ...{ id, corpus: "toy", image, text: "", licence: "" },
  ...(truth === undefined ? {} : { truth }),
});
const IDS = ["e0", "e1", "e2", "e3", "e4"];
const task = toyTask(
  ["accuracy"],
  IDS.map((id) => toyExample(id, { labels: [0] })),
);
const passages = [
  passage("yes1", "yes"),
  passage("yes2", "yes"),
  passage("no1", "no"),
  passage("no2", "no"),
  passage("dark"),
];
const corpus: Corpus = { name: "toy", source: "phantom", passages, card: task.card, fingerprint: "toy" };
const FAST = { bootstrap: { numDraws: 50 } };

/** A prediction of label 0 ("yes") that read these passages, each saying this, fused to `answer`. */
function read(system: string, id: string, says: readonly [passageId: string, label: number][], answer: number) {
  const plain = predict(
    system,
    id,
    0,
    says.map(([, label]) => label),
    answer,
  );
  const readings = plain.readings.map((reading, i) => ({
    ...reading,
    retrieved: { passageId: says[i]![0], head: "image" as Head, score: 1 - i / 10, rank: i },
  }));
  return { ...plain, readings };
}
const BEFORE = [
  read(
    "ft-rag",
    "e0",
    [
      ["yes1", 0],
      ["yes2", 0],
    ],
    0,
  ),
  read(
    "ft-rag",
    "e1",
    [
      ["yes1", 0],
      ["no1", 1],
    ],
    1,
  ),
  read(
    "ft-rag",
    "e2",
    [
      ["yes1", 1],
      ["no1", 1],
    ],
    1,
  ),
  read(
    "ft-rag",
    "e3",
    [
      ["no1", 1],
      ["no2", 1],
    ],
    1,
  ),
  read(
    "ft-rag",
    "e4",
    [
      ["dark", 1],
      ["dark", 1],
    ],
    1,
  ),
];
const AFTER = BEFORE.map((one, i) => ({ ...one, system: "jomed", answer: i === 3 ? 0 : one.answer }));
const shareIn = (rows: readonly Measurement[], subset: string, more: object = {}): number =>
  findMeasurement(rows, { subset, ...more }).value;

describe("attribution", () => {
  test("each question by the first step that went wrong; shares sum to 1", () => {
    const closed: Prediction[] = IDS.map((id, i) => predict("closed-book", id, 0, [i < 2 ? 0 : 1], i < 2 ? 0 : 1));
    const rows = measureAttribution([...BEFORE, ...closed], { task, corpus, ...FAST });
    const ftRag = rows.filter(({ system }) => system === "ft-rag");
    for (const outcome of ["right", "fusion lost it", "reader misread it", "retrieval missed it", "truth unknown"])
      expect(shareIn(ftRag, outcome), outcome).toBe(1 / 5);
    expect(ftRag.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(1, 12);
    const alone = rows.filter(({ system }) => system === "closed-book");
    expect(alone.filter(({ value }) => value > 0).map(({ subset, value }) => [subset, value])).toEqual([
      ["right", 2 / 5],
      ["nothing retrieved", 3 / 5],
    ]);
  });

  test("flows: what became of each outcome; shares sum to 1", () => {
    const rows = measureFlows([...BEFORE, ...AFTER], ["ft-rag", "jomed"], { task, corpus, ...FAST });
    expect(shareIn(rows, "retrieval missed it → right")).toBe(1 / 5);
    expect(shareIn(rows, "right → right")).toBe(1 / 5);
    expect(rows.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(1, 12);
    expect(rows.every(({ system, splitBy }) => system === "jomed" && splitBy === "ft-rag")).toBe(true);
  });

  test("refuses a system that did not answer and a passage of another corpus", () => {
    expect(() => measureFlows(BEFORE, ["ft-rag", "jomed"], { task, corpus })).toThrow(/hold jomed; they hold ft-rag/);
    const other = { ...corpus, passages: passages.slice(1) };
    expect(() => measureAttribution(BEFORE, { task, corpus: other })).toThrow(/was retrieved; yes1 is missing/);
  });
});

describe("list changes", () => {
  const list = (system: string, id: string, ids: readonly string[]) => ({
    ...{ system, exampleId: id },
    hits: ids.map((passageId, rank) => ({ passageId, head: "image" as Head, score: 1 - rank / 10, rank })),
  });
  const before = [list("ft-rag", "e0", ["yes1", "no1"]), list("ft-rag", "e1", ["no1", "no2"])];
  const after = [list("jomed", "e1", ["yes1", "no2"]), list("jomed", "e0", ["yes1", "yes2"])]; // in another order
  const sides = { left: [...IDS, "no1", "no2"], right: ["yes1", "yes2"] };
  const words = new Map(Object.entries(sides).flatMap(([side, ids]) => ids.map((id) => [id, { side }] as const)));
  const facts = { signs: [], nuisances: ["side"], words };

  test("by hand: what stayed, what the lists agree in before and after, what came in and went", () => {
    const rows = measureListChanges({ task, corpus, facts, before, after, ...FAST });
    expect(shareIn(rows, "image head", { metric: "kept" })).toBe(2 / 4);
    expect(shareIn(rows, "image head", { metric: "agreement", system: "ft-rag" })).toBe(1 / 4);
    expect(shareIn(rows, "image head", { metric: "agreement", system: "jomed" })).toBe(3 / 4);
    expect(shareIn(rows, "image head", { metric: "agreement", system: "jomed", baseline: "ft-rag" })).toBe(2 / 4);
    expect(shareIn(rows, "image head, came in")).toBe(1);
    expect(shareIn(rows, "image head, went")).toBe(0);
    expect(shareIn(rows, "image head, nuisance side", { system: "jomed" })).toBe(1 / 4); // the nuisance went with the truth
    expect(rows.some(({ subset }) => subset.startsWith("text head"))).toBe(false);
  });

  test("equal lists keep all, and nothing came in or went", () => {
    const same = before.map((one) => ({ ...one, system: "jomed" }));
    const rows = measureListChanges({ task, corpus, before, after: same, ...FAST });
    expect(shareIn(rows, "image head", { metric: "kept" })).toBe(1);
    expect(rows.some(({ subset }) => /came in|went/.test(subset))).toBe(false);
  });

  test("refuses lists of other questions, of several systems, of another corpus", () => {
    expect(() => measureListChanges({ task, corpus, before, after: after.slice(1) })).toThrow(/the same questions/);
    expect(() => measureListChanges({ task, corpus, before: [...before, ...after], after })).toThrow(/one system/);
    const other = { ...corpus, passages: passages.slice(1) };
    expect(() => measureListChanges({ task, corpus: other, before, after })).toThrow(
      /every passage that was retrieved; yes1 is missing/,
    );
  });
});

describe("fusion weights", () => {
  test("by hand: scores over their maximum, a softmax, nearly equal; a low temperature makes them uneven", () => {
    const rows = measureFusionWeights(BEFORE, { task, temperatures: [1, 0.01], ...FAST });
    const [first] = fusionWeights(BEFORE[0]!.readings.flatMap(({ retrieved }) => retrieved ?? []));
    expect(shareIn(rows, "temperature 1", { metric: "largestWeight" })).toBeCloseTo(first!, 12);
    expect(first).toBeCloseTo(1 / (1 + Math.exp(0.9 - 1)), 12); // 0.525
    expect(shareIn(rows, "temperature 0.01", { metric: "largestWeight" })).toBeCloseTo(1 / (1 + Math.exp(-10)), 12);
    expect(shareIn(rows, "temperature 1", { metric: "equalWeight" })).toBe(1 / 2);
  });

  test("equal weights give the same answers as long as no reading is outweighed", () => {
    const unsure = BEFORE.map((one) => ({
      ...one,
      readings: one.readings.map((reading, i) => ({ ...reading, probabilities: i === 0 ? [0.6, 0.4] : [0.35, 0.65] })),
    }));
    const rows = measureFusionWeights(unsure, { task, temperatures: [1, 0.01], ...FAST });
    expect(shareIn(rows, "temperature 1", { metric: "sameAsEqual" })).toBe(1); // 0.525 · 0.6 + 0.475 · 0.35 < 1/2
    expect(shareIn(rows, "temperature 0.01", { metric: "sameAsEqual" })).toBe(0);
  });

  test("a system that reads one passage or none has no rows; temperatures have to be some", () => {
    const alone = IDS.map((id) => predict("closed-book", id, 0, [0], 0));
    expect(measureFusionWeights(alone, { task })).toEqual([]);
    expect(() => measureFusionWeights(BEFORE, { task, temperatures: [] })).toThrow(/at least one/);
    expect(() => measureFusionWeights(BEFORE, { task, temperatures: [0] })).toThrow(/temperatures must be a number/);
  });
});

describe("what lists changed, by hand", () => {
  const list = (system: string, id: string, hits: readonly (readonly [passageId: string, head: Head])[]) => ({
    ...{ system, exampleId: id },
    hits: hits.map(([passageId, head], rank) => ({ passageId, head, score: 1, rank })),
  });
  const both = (system: string, ...ids: readonly string[]) =>
    IDS.slice(0, 2).map((id, i) =>
      list(system, id, [
        [ids[i]!, "image"],
        [ids[i + 2]!, "text"],
      ]),
    );
  const words = new Map(
    Object.entries({ e0: "left", e1: "right", yes1: "left", yes2: "left", no1: "right" }).map(([id, side]) => [
      id,
      { side },
    ]),
  );
  const facts = { signs: ["side"], nuisances: [], words };
  const rowsOf = (before: string[], after: string[]) =>
    measureListChanges({
      task,
      corpus,
      facts,
      before: both("ft-rag", ...before),
      after: both("jomed", ...after),
      ...FAST,
    });

  test("each head by itself, the table's rows in order", () => {
    const rows = rowsOf(["yes1", "no1", "no1", "no1"], ["yes1", "yes2", "no1", "no1"]);
    expect(rows.map(({ system, baseline, metric, subset, n }) => [metric, subset, system, baseline, n])).toEqual([
      ["kept", "image head", "jomed", null, 2],
      ["agreement", "image head", "ft-rag", null, 2],
      ["agreement", "image head", "jomed", null, 2],
      ["agreement", "image head, came in", "jomed", null, 1],
      ["agreement", "image head, went", "ft-rag", null, 1],
      ["agreement", "image head", "jomed", "ft-rag", 2],
      ["agreement", "image head, sign side", "ft-rag", null, 2],
      ["agreement", "image head, sign side", "jomed", null, 2],
      ["agreement", "image head, sign side, came in", "jomed", null, 1],
      ["agreement", "image head, sign side, went", "ft-rag", null, 1],
      ["agreement", "image head, sign side", "jomed", "ft-rag", 2],
      ["kept", "text head", "jomed", null, 2],
      ["agreement", "text head", "ft-rag", null, 2],
      ["agreement", "text head", "jomed", null, 2],
      ["agreement", "text head", "jomed", "ft-rag", 2],
      ["agreement", "text head, sign side", "ft-rag", null, 2],
      ["agreement", "text head, sign side", "jomed", null, 2],
      ["agreement", "text head, sign side", "jomed", "ft-rag", 2],
    ]);
    const value = (subset: string, system: string) => shareIn(rows, subset, { metric: "agreement", system });
    expect([value("image head", "ft-rag"), value("image head", "jomed")]).toEqual([1 / 2, 1]);
    expect(shareIn(rows, "image head", { metric: "kept" })).toBe(1 / 2);
    // e0 is left as yes1 is; e1 is right, as no1 is and yes2 is not
    expect([value("image head, sign side", "ft-rag"), value("image head, sign side", "jomed")]).toEqual([1, 1 / 2]);
    expect(shareIn(rows, "image head, sign side, went", { system: "ft-rag" })).toBe(1);
    expect(shareIn(rows, "image head, sign side, came in", { system: "jomed" })).toBe(0);
  });

  test("what nobody knows is left out of values, and of the difference where it is of either list", () => {
    const rows = rowsOf(["dark", "no1", "no1", "no1"], ["yes1", "no1", "no1", "no1"]);
    const about = { metric: "agreement" };
    expect(findMeasurement(rows, { ...about, subset: "image head", system: "ft-rag" })).toMatchObject({
      value: 0,
      n: 1,
    });
    expect(findMeasurement(rows, { ...about, subset: "image head", system: "jomed" })).toMatchObject({
      value: 1 / 2,
      n: 2,
    });
    const difference = findMeasurement(rows, { ...about, subset: "image head", system: "jomed", baseline: "ft-rag" });
    expect(difference).toMatchObject({ value: 0, n: 1 }); // of e1 alone
    const dark = rowsOf(["dark", "dark", "no1", "no1"], ["yes1", "yes1", "no1", "no1"]);
    expect(dark.filter(({ subset, metric }) => subset === "image head" && metric === "agreement")).toHaveLength(1);
  });

  test("refuses lists that do not belong together, and says which", () => {
    const [before, after] = [both("ft-rag", "yes1", "no1", "no1", "no1"), both("jomed", "yes1", "no1", "no1", "no1")];
    const refusal = (more: object) => () => measureListChanges({ task, corpus, before, after, ...more });
    expect(refusal({ before: [] })).toThrow(
      "measureListChanges: before must hold the lists of one system; got no list. Pass one system's.",
    );
    expect(refusal({ after: [...after, ...before] })).toThrow(
      "measureListChanges: after must hold the lists of one system; got jomed, ft-rag. Pass one system's.",
    );
    const rule = "measureListChanges: before and after must be lists of the same questions, one each; got";
    expect(refusal({ before: before.slice(1) })).toThrow(`${rule} 1 and 2.`);
    expect(refusal({ after: [after[0]!, after[0]!] })).toThrow(`${rule} 2 and 2.`);
    expect(refusal({ after: [after[0]!, { ...after[1]!, exampleId: "e4" }] })).toThrow(`${rule} 2 and 2.`);
    const foreign = [before, after].map((lists) => [{ ...lists[0]!, exampleId: "z" }]);
    expect(refusal({ before: foreign[0], after: foreign[1] })).toThrow(
      /^measureListChanges: exampleId must be an example/,
    );
  });
});

describe("fusion weights of what cannot be weighed", () => {
  test("questions with one reading, or with one that was not retrieved, are left out", () => {
    const [first, second, third] = BEFORE;
    const one = { ...second!, readings: second!.readings.slice(0, 1), weights: [1] };
    const half = {
      ...third!,
      readings: third!.readings.map((each, i) => (i === 0 ? { ...each, retrieved: null } : each)),
    };
    const rows = measureFusionWeights([first!, one, half], { task, temperatures: [1], ...FAST });
    expect(rows.map(({ metric, n, subset, system }) => [system, metric, subset, n])).toEqual(
      ["largestWeight", "equalWeight", "sameAsEqual"].map((metric) => ["ft-rag", metric, "temperature 1", 1]),
    );
  });

  test("intervals draw questions", () => {
    const [first, second, third] = BEFORE;
    const uneven = {
      ...second!,
      readings: second!.readings.map((each, i) => ({ ...each, retrieved: { ...each.retrieved!, score: 1 - i } })),
    };
    const rows = measureFusionWeights([first!, uneven, third!], { task, temperatures: [1], ...FAST });
    const { value, low, high } = findMeasurement(rows, { metric: "largestWeight", subset: "temperature 1" });
    const even = 1 / (1 + Math.exp(-0.1));
    expect(value).toBeCloseTo((2 * even + 1 / (1 + Math.exp(-1))) / 3, 12);
    expect([low < value, value < high]).toEqual([true, true]);
  });

  test("the temperatures are these where none is named, and refusals say the rule", () => {
    const subsets = measureFusionWeights(BEFORE, { task, ...FAST }).map(({ subset }) => subset);
    expect([...new Set(subsets)]).toEqual([1, 0.1, 0.03, 0.01].map((temperature) => `temperature ${temperature}`));
    expect(() => measureFusionWeights(BEFORE, { task, temperatures: [] })).toThrow(
      "measureFusionWeights: temperatures must hold at least one; got none.",
    );
    expect(measureFusionWeights(BEFORE, { task, temperatures: [1000, 1e-6], ...FAST })).toHaveLength(6);
  });
});

describe("every outcome", () => {
  const alone = (id: string, answer: number, more: object = {}) => ({
    ...read(
      "x",
      id,
      [
        ["yes1", 1],
        ["no1", 1],
      ],
      answer,
    ),
    ...more,
  });
  const outcomes = (predictions: readonly Prediction[]) =>
    measureAttribution(predictions, { task, corpus, ...FAST })
      .filter(({ value }) => value > 0)
      .map(({ subset, value, n }) => [subset, value, n]);

  test("a question without a label has no passage that could show it: its truth is unknown", () => {
    const open = toyTask(["accuracy"], [toyExample("e0", { labels: [] })]);
    const rows = measureAttribution([alone("e0", 1)], { task: open, corpus, ...FAST });
    expect(rows.filter(({ value }) => value > 0).map(({ subset }) => subset)).toEqual(["truth unknown"]);
  });

  test("one passage that shows the label is enough for the reader to be to blame", () => {
    expect(outcomes([alone("e0", 1)])).toEqual([["reader misread it", 1, 1]]);
    expect(
      outcomes([
        read(
          "x",
          "e0",
          [
            ["no1", 1],
            ["dark", 1],
          ],
          1,
        ),
      ]),
    ).toEqual([["retrieval missed it", 1, 1]]);
    expect(
      outcomes([
        read(
          "x",
          "e0",
          [
            ["dark", 0],
            ["dark", 1],
          ],
          1,
        ),
      ]),
    ).toEqual([["fusion lost it", 1, 1]]);
    expect(outcomes([alone("e0", 0)])).toEqual([["right", 1, 1]]);
  });

  test("all flows are there, from the first system to the second", () => {
    const rows = measureFlows([...BEFORE, ...AFTER], ["ft-rag", "jomed"], { task, corpus, ...FAST });
    expect(rows).toHaveLength(36);
    expect(new Set(rows.map(({ metric }) => metric))).toEqual(new Set(["flow"]));
    expect(shareIn(rows, "right → fusion lost it")).toBe(0);
    expect(() => measureFlows(BEFORE, ["ft-rag", "jomed"], { task, corpus })).toThrow(
      "measureFlows: predictions must hold jomed; they hold ft-rag. Predict it on this split.",
    );
  });
});
