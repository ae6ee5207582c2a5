import { expect, test } from "vitest";
import { findMeasurement } from "../../src/analysis/measurement";
import { measureTrust } from "../../src/analysis/trust";
import type { Corpus, Passage, Prediction, RasterImage, Task } from "../../src/base/types";

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
