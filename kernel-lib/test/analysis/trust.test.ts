import { expect, test } from "vitest";
import { findMeasurement } from "../../src/analysis/measurement";
import { measureTrust } from "../../src/analysis/trust";
import type { Corpus, Passage, Prediction, RasterImage, Task } from "../../src/base/types";
import type { PictureFacts } from "../../src/phantoms/phantom";

const image: RasterImage = { width: 1, height: 1, channels: 1, data: Uint8Array.of(1) };
const labels = ["malignant", "benign"].map((name, index) => ({ index, name, answer: String(index) }));
const card = { title: "", source: "phantom", description: "", licence: "", citation: "", obtain: "" } as const;
const splits = { train: [], validation: [], test: [] };
const task: Task = {
  name: "toy",
  source: "phantom",
  modality: "",
  labels,
  splits,
  card,
  fingerprint: "toy",
  metrics: [],
};

const texts = {
  same: "a malignant lesion",
  alike: "a benign lesion",
  other: "a benign lesion",
  chest: "benign chest",
  silent: "a lesion",
  both: "malignant or benign",
};
const passages = Object.entries(texts).map(([id, text]): Passage => ({ id, corpus: "toy", image, text, licence: "" }));
const corpus: Corpus = { name: "toy", source: "phantom", passages, card, fingerprint: "toy" };
let number = 0;
/** A mark stands in some pictures of a pattern and not in others: it is none of the pattern's signs. */
const seen = (grain: string, ground: string) => ({
  ...{ grain, ground, side: "left" },
  ...{ pattern: `${grain} ${ground}`, mark: `mark ${number++}` },
});
const facts = {
  signs: ["grain", "ground", "mark"],
  nuisances: ["side"],
  words: new Map([
    ["q", seen("fine", "clear")],
    ["same", seen("fine", "clear")],
    ["alike", seen("fine", "shadow")],
    ["other", seen("coarse", "shadow")],
    ["silent", seen("fine", "clear")],
    ["both", seen("fine", "clear")],
  ]),
};

/** A prediction that read these passages, each with its probability of "malignant". */
function prediction(reads: Readonly<Record<string, number>>, exampleId = "q"): Prediction<"label"> {
  const readings = Object.entries(reads).map(([passageId, p], rank) => ({
    ...{ form: "label", exampleId, text: "", answer: p > 0.5 ? 0 : 1, logits: [0, 0], probabilities: [p, 1 - p] },
    retrieved: { passageId, head: "image", score: 1, rank },
  }));
  const known = { form: "label", system: "ft-rag", exampleId, group: exampleId, truth: 0, answer: 0 };
  return {
    ...known,
    probabilities: [0.5, 0.5],
    weights: readings.map(() => 0.25),
    readings,
  } as unknown as Prediction<"label">;
}

test("trust is the mean probability of what the caption says, by how many signs the pictures share", () => {
  const rows = measureTrust(
    [prediction({ same: 0.9, alike: 0.4, other: 0.7, chest: 0.2 }), prediction({ same: 0.3 })],
    {
      ...{ task, corpus, facts },
      bootstrap: { numDraws: 20 },
    },
  );
  const value = (subset: string, metric = "trust") => findMeasurement(rows, { system: "ft-rag", subset, metric }).value;
  expect(value("same pattern")).toBeCloseTo(0.6, 12);
  expect(value("look-alike")).toBeCloseTo(0.6, 12); // it says benign, of which the reader thinks 0.6
  expect(value("other pattern")).toBeCloseTo(0.3, 12);
  expect(value("another picture")).toBeCloseTo(0.8, 12);
  expect(value("same pattern", "followsCaption")).toBe(0.5);
  expect(value("other pattern", "followsCaption")).toBe(0);
});

test("the gap is trust in the same pattern minus trust in the others, with its own interval", () => {
  // a reader that compares: 0.9 and 0.7 for its own pattern, 0.6 and 0.4 for what a look-alike says
  const asked = ["q", "r"].map((id, i) => prediction({ same: 0.9 - 0.2 * i, alike: 0.4 + 0.2 * i }, id));
  const known = { ...facts, words: new Map([...facts.words, ["r", facts.words.get("q")!] as const]) };
  const rows = measureTrust(asked, { task, corpus, facts: known, bootstrap: { numDraws: 200 } });
  const gaps = rows.filter(({ metric }) => metric === "trustGap");
  expect(gaps.map(({ subset }) => subset)).toEqual(["look-alike"]);
  expect(gaps[0]!.value).toBeCloseTo((0.9 + 0.7) / 2 - (0.6 + 0.4) / 2, 12);
  expect(gaps[0]!.low).toBeCloseTo(0.3, 12); // question by question it is 0.3 both times
  expect(gaps[0]!.high).toBeCloseTo(0.3, 12);
});

test("of the unmarked questions those count whose picture shows no diagnosis by a mark", () => {
  const marks = { q: "none", r: "malignant" };
  const words = new Map([...facts.words]);
  for (const [id, mark] of Object.entries(marks)) words.set(id, { ...facts.words.get("q")!, mark });
  const asked = [prediction({ same: 0.9 }), prediction({ same: 0.1 }, "r")];
  const inputs = { task, corpus, facts: { ...facts, words }, bootstrap: { numDraws: 20 } };
  const trustIn = (questions: "all" | "unmarked") =>
    findMeasurement(measureTrust(asked, { ...inputs, questions }), {
      system: "ft-rag",
      subset: "same pattern",
      metric: "trust",
    });
  expect([trustIn("all").value, trustIn("unmarked").value, trustIn("unmarked").n]).toEqual([0.5, 0.9, 1]);
  expect(() => measureTrust(asked, { ...inputs, questions: "marked" as "all" })).toThrow(
    /"all", "unmarked"|all, unmarked/,
  );
});

test("captions that name no label or two, and readings without a passage, are left out", () => {
  const alone = {
    ...prediction({ same: 0.5 }),
    readings: [{ ...prediction({ same: 0.5 }).readings[0]!, retrieved: null }],
  };
  expect(measureTrust([prediction({ silent: 0.9, both: 0.9 }), alone], { task, corpus, facts })).toEqual([]);
});

test("a passage of another corpus, and a question of which nothing is known, are refused by name", () => {
  expect(() => measureTrust([prediction({ nowhere: 0.9 })], { task, corpus, facts })).toThrow(/nowhere is missing/);
  expect(() => measureTrust([prediction({ same: 0.9 }, "r")], { task, corpus, facts })).toThrow(
    /nothing is known of r/,
  );
});

test("each system by itself; in the order of the relations, a gap to each but the first", () => {
  const other = prediction({ same: 0.1, alike: 0.9 });
  const rows = measureTrust(
    [prediction({ same: 0.9, alike: 0.4, chest: 0.2 }), { ...other, system: "jomed" }, prediction({ other: 0.7 })],
    { task, corpus, facts, bootstrap: { numDraws: 20 } },
  );
  expect(rows.map(({ system, metric, subset, n }) => [system, metric, subset, n])).toEqual([
    ["ft-rag", "trust", "same pattern", 1],
    ["ft-rag", "followsCaption", "same pattern", 1],
    ["ft-rag", "trust", "look-alike", 1],
    ["ft-rag", "followsCaption", "look-alike", 1],
    ["ft-rag", "trustGap", "look-alike", 2],
    ["ft-rag", "trust", "other pattern", 1],
    ["ft-rag", "followsCaption", "other pattern", 1],
    ["ft-rag", "trustGap", "other pattern", 2],
    ["ft-rag", "trust", "another picture", 1],
    ["ft-rag", "followsCaption", "another picture", 1],
    ["ft-rag", "trustGap", "another picture", 2],
    ["jomed", "trust", "same pattern", 1],
    ["jomed", "followsCaption", "same pattern", 1],
    ["jomed", "trust", "look-alike", 1],
    ["jomed", "followsCaption", "look-alike", 1],
    ["jomed", "trustGap", "look-alike", 2],
  ]);
  const gap = (system: string, subset: string) => findMeasurement(rows, { system, subset, metric: "trustGap" }).value;
  expect(gap("ft-rag", "look-alike")).toBeCloseTo(0.9 - 0.6, 12);
  expect(gap("jomed", "look-alike")).toBeCloseTo(0.1 - 0.1, 12);
  expect(gap("ft-rag", "another picture")).toBeCloseTo(0.9 - 0.8, 12);
});

test("a draw without one of the two kinds takes that kind's mean of all readings", () => {
  // two patients: one read the same pattern alone, the other the look-alike alone; every draw gives 0.9 - 0.6
  const words = new Map([...facts.words, ["r", facts.words.get("q")!] as const]);
  const rows = measureTrust([prediction({ same: 0.9 }), prediction({ alike: 0.4 }, "r")], {
    ...{ task, corpus, facts: { ...facts, words } },
    bootstrap: { numDraws: 100 },
  });
  expect(findMeasurement(rows, { system: "ft-rag", metric: "trustGap", subset: "look-alike" })).toMatchObject({
    value: expect.closeTo(0.3, 12),
    low: expect.closeTo(0.3, 12),
    high: expect.closeTo(0.3, 12),
  });
});

test("without passages of the same pattern there is trust and no gap; a question without a mark counts as unmarked", () => {
  const inputs = { task, corpus, facts, bootstrap: { numDraws: 20 } };
  expect(measureTrust([prediction({ alike: 0.4 })], inputs).map(({ metric }) => metric)).toEqual([
    "trust",
    "followsCaption",
  ]);
  const { mark: _, ...unmarked } = facts.words.get("q")!;
  const words = new Map([...facts.words, ["q", unmarked] as const]) as PictureFacts["words"];
  const rows = measureTrust([prediction({ same: 0.9 })], {
    ...inputs,
    facts: { ...facts, words },
    questions: "unmarked",
  });
  expect(findMeasurement(rows, { metric: "trust", system: "ft-rag", subset: "same pattern" }).n).toBe(1);
});

test("refusals name the analysis and what to pass", () => {
  expect(() => measureTrust([prediction({ nowhere: 0.9 })], { task, corpus, facts })).toThrow(
    "measureTrust: corpus must hold every passage that was retrieved; nowhere is missing. Pass the corpus that was searched.",
  );
  expect(() => measureTrust([prediction({ same: 0.9 }, "r")], { task, corpus, facts })).toThrow(
    "measureTrust: facts must know the question's picture; nothing is known of r. Pass the facts of this task and seed.",
  );
});
