import { describe, expect, test } from "vitest";
import { measureAgreement } from "../../src/analysis/agreement";
import { measureAttribution, measureFlows } from "../../src/analysis/attribution";
import { measureEvaluation } from "../../src/analysis/evaluation";
import { measureEvidence } from "../../src/analysis/evidence";
import { measureFusionWeights } from "../../src/analysis/fusion-weights";
import { measureInconsistency } from "../../src/analysis/inconsistency";
import { measureListChanges } from "../../src/analysis/list-changes";
import { findMeasurement, type Measurement } from "../../src/analysis/measurement";
import { measureCandidates, measureOracle } from "../../src/analysis/oracle";
import { measureOverSeeds } from "../../src/analysis/over-seeds";
import { measureTrust } from "../../src/analysis/trust";
import type { Corpus, Head, Passage, Prediction, Reading } from "../../src/base/types";
import type { BootstrapOptions } from "../../src/metrics/bootstrap";
import { toyExample, toyTask } from "./helpers";

// What every analysis keeps to: its rows say of which task they are, its intervals are drawn as it was told, and what it refuses it
// refuses in its own name.

const image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(0) } as const;
const IDS = ["e0", "e1", "e2", "e3"];
const task = toyTask(
  ["accuracy"],
  IDS.map((id) => toyExample(id, { labels: [0] })),
);
const passages = [
  ["yes", "yes"],
  ["no", "no"],
].map(([id, truth]): Passage => {
  return { id: id!, corpus: "toy", image, text: `says ${truth} .`, licence: "", truth: truth! };
});
const corpus: Corpus = { name: "toy", source: "phantom", passages, card: task.card, fingerprint: "toy" };
const facts = {
  signs: ["grain"],
  nuisances: [],
  words: new Map([...IDS, "yes", "no"].map((id) => [id, { grain: "fine", pattern: "1" }])),
};

/** Reads the image head's passage, then the text head's, and answers with the second, where it is right. */
function read(system: string, exampleId: string, [first, second]: readonly [string, string]): Prediction<"label"> {
  const reading = (passageId: string, head: Head): Reading<"label"> => {
    const answer = passageId === "yes" ? 0 : 1;
    const sure = exampleId === "e0" ? 0.9 : 0.7;
    const probabilities = answer === 0 ? [sure, 1 - sure] : [1 - sure, sure];
    const retrieved = { passageId, head, score: 1, rank: 0 };
    return { form: "label", exampleId, retrieved, text: "", answer, logits: probabilities, probabilities };
  };
  return {
    ...{ form: "label", system, exampleId, group: exampleId, truth: 0, weights: [0.5, 0.5], probabilities: [0.5, 0.5] },
    answer: second === "yes" ? 0 : 1,
    readings: [reading(first, "image"), reading(second, "text")],
  };
}
const RAG = IDS.map((id, i) => read("ft-rag", id, [i < 2 ? "yes" : "no", i < 1 ? "yes" : "no"]));
const FULL = IDS.map((id, i) => read("jomed", id, i < 2 ? ["yes", "yes"] : ["no", "yes"]));
const listOf = ({ system, exampleId, readings }: Prediction) => {
  return { system, exampleId, hits: readings.map(({ retrieved }) => retrieved!) };
};

interface Inputs {
  readonly predictions: readonly Prediction<"label">[];
  readonly bootstrap?: BootstrapOptions;
}
type Analysis = (inputs: Inputs) => readonly Measurement[];

const ANALYSES: readonly (readonly [name: string, run: Analysis])[] = [
  ["measureAgreement", ({ predictions, ...more }) => measureAgreement(task, corpus, predictions.map(listOf), more)],
  ["measureAttribution", ({ predictions, ...more }) => measureAttribution(predictions, { task, corpus, ...more })],
  [
    "measureFlows",
    ({ predictions, ...more }) => measureFlows(predictions, ["ft-rag", "jomed"], { task, corpus, ...more }),
  ],
  [
    "measureEvaluation",
    ({ predictions, ...more }) => Object.values(measureEvaluation(task, predictions, more)).flat() as Measurement[],
  ],
  ["measureOverSeeds", ({ predictions, ...more }) => measureOverSeeds([{ seed: 1, task, predictions }], more)],
  ["measureEvidence", ({ predictions, ...more }) => measureEvidence([{ seed: 1, task, predictions }], more)],
  ["measureFusionWeights", ({ predictions, ...more }) => measureFusionWeights(predictions, { task, ...more })],
  [
    "measureInconsistency",
    ({ predictions, ...more }) => measureInconsistency(predictions, { task, base: "ft-rag", ...more }),
  ],
  [
    "measureListChanges",
    ({ predictions, ...more }) => {
      const [before, after] = ["ft-rag", "jomed"].map((name) =>
        predictions.filter(({ system }) => system === name).map(listOf),
      );
      return measureListChanges({ task, corpus, facts, before: before!, after: after!, ...more });
    },
  ],
  ["measureOracle", ({ predictions, ...more }) => measureOracle(predictions, { task, ...more })],
  [
    "measureCandidates",
    ({ predictions, ...more }) => {
      const own = predictions.filter(({ system }) => system === "jomed");
      return measureCandidates(own, { task, ...more });
    },
  ],
  ["measureTrust", ({ predictions, ...more }) => measureTrust(predictions, { task, corpus, facts, ...more })],
];
const predictions = [...RAG, ...FULL];
const FAST = { bootstrap: { numDraws: 20 } };

describe.each(ANALYSES)("%s", (name, run) => {
  test("says of which task its rows are, on how many questions", () => {
    const rows = run({ predictions, ...FAST });
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows)
      expect(row).toMatchObject({ task: "toy", data: "phantom", scale: "replica", seeds: 1, n: expect.any(Number) });
  });

  test("draws its intervals as it is told", () => {
    expect(() => run({ predictions, bootstrap: { numDraws: 0 } })).toThrow(/[bB]ootstrap: numDraws must be/);
    const widths = (level: number) =>
      run({ predictions, bootstrap: { numDraws: 60, level } }).map(({ low, high }) => high - low);
    const [narrow, wide] = [widths(0.5), widths(0.999)];
    expect(narrow.every((width, i) => width <= wide[i]! + 1e-12)).toBe(true);
    if (name !== "measureFusionWeights") expect(narrow.some((width, i) => width < wide[i]!)).toBe(true); // all weigh the same
  });

  test("refuses in its own name", () => {
    const foreign = [...predictions, read("ft-rag", "z", ["yes", "yes"]), read("jomed", "z", ["yes", "yes"])];
    const lacking = predictions.slice(0, -1);
    const twice = [...predictions, FULL[0]!];
    const refusals = [foreign, lacking, twice, []].flatMap((some) => {
      try {
        run({ predictions: some, ...FAST });
        return [];
      } catch (error) {
        return [(error as Error).message];
      }
    });
    const isSeveral = ["measureAgreement", "measureCandidates", "measureTrust"].includes(name); // of one system, or of lists
    expect(refusals.length).toBeGreaterThanOrEqual(isSeveral ? 1 : 2);
    const names = name === "measureEvidence" ? [name, "measureOverSeeds"] : [name];
    for (const message of refusals)
      expect(
        names.some((own) => message.startsWith(`${own}: `)),
        message,
      ).toBe(true);
  });
});

describe("by hand, of these four questions", () => {
  test("agreement is of each system's own lists", () => {
    const rows = measureAgreement(task, corpus, predictions.map(listOf), FAST);
    const of = (system: string, subset: string) => findMeasurement(rows, { system, subset, metric: "agreement" }).value;
    expect([of("ft-rag", "image head"), of("ft-rag", "text head")]).toEqual([2 / 4, 1 / 4]);
    expect([of("jomed", "image head"), of("jomed", "text head")]).toEqual([2 / 4, 1]);
    expect(rows).toHaveLength(2 * 2 * 2);
  });

  test("what is refused names what it found", () => {
    const details = (call: () => unknown): unknown => {
      try {
        call();
      } catch (error) {
        return (error as { details: unknown }).details;
      }
      return "not refused";
    };
    const other = { ...corpus, passages: passages.slice(1) };
    const [lists, bySystem] = [predictions.map(listOf), { before: RAG.map(listOf), after: FULL.map(listOf) }];
    expect(details(() => measureAgreement(task, other, lists))).toEqual({ passageId: "yes" });
    const alone = { ...corpus, passages: passages.slice(0, 1) };
    expect(details(() => measureAttribution(predictions, { task, corpus: alone }))).toEqual({ passageId: "no" });
    expect(details(() => measureFlows(RAG, ["ft-rag", "jomed"], { task, corpus }))).toEqual({ system: "jomed" });
    expect(details(() => measureListChanges({ task, corpus: other, ...bySystem }))).toEqual({ passageId: "yes" });
    expect(details(() => measureListChanges({ task, corpus, ...bySystem, before: lists }))).toEqual({
      systems: ["ft-rag", "jomed"],
    });
    expect(details(() => measureTrust(RAG, { task, corpus: other, facts }))).toEqual({ passageId: "yes" });
    expect(details(() => measureTrust([read("ft-rag", "z", ["yes", "no"])], { task, corpus, facts }))).toEqual({
      exampleId: "z",
    });
    expect(details(() => measureInconsistency(RAG, { base: "x" }))).toEqual({ base: "x", known: ["ft-rag"] });
    const words = RAG.map((one) => ({ ...one, form: "words", answer: "a", truth: "a", readings: [] }) as Prediction);
    expect(details(() => measureInconsistency(words, { base: "ft-rag", numLabels: 2 }))).toEqual({ exampleId: "e0" });
    expect(details(() => measureOverSeeds([1, 1].map((seed) => ({ seed, task, predictions }))))).toEqual({
      seeds: [1, 1],
    });
    const seeds = [predictions, RAG].map((own, seed) => ({ seed, task, predictions: own }));
    expect(details(() => measureOverSeeds(seeds))).toEqual({ seed: 1 });
    expect(details(() => findMeasurement([], { system: "x" }))).toEqual({ wanted: { system: "x" }, matches: 0 });
    expect(details(() => measureOracle([...RAG, ...FULL.slice(1)]))).toEqual({ system: "jomed", exampleId: "e0" });
  });

  test.each([
    [() => measureEvidence([{ seed: 1, task, predictions }], { seed: 3 } as object), /^measureEvidence: has no option/],
    [() => measureFusionWeights(RAG, { task, heads: 1 } as never), /^measureFusionWeights: has no option "heads"/],
    [() => measureCandidates(FULL, { task, heads: 1 } as never), /^measureCandidates: has no option "heads"/],
    [() => measureTrust(RAG, { task, corpus, facts, questions: "x" as "all" }), /^measureTrust: questions must be one/],
    [() => measureFusionWeights(RAG, { task, temperatures: [0] }), /^measureFusionWeights: temperatures must be a/],
    [() => measureCandidates(FULL, { task, depths: [0.5] }), /^measureCandidates: depths must be a whole number/],
  ])("an option is refused in the analysis' own name: %#", (call, wording) => {
    expect(call).toThrow(wording);
  });

  test("intervals over seeds draw seeds: where one is all right and the other all wrong, from 0 to 1", () => {
    const right = IDS.map((id) => read("ft-rag", id, ["yes", "yes"]));
    const wrong = IDS.map((id) => read("ft-rag", id, ["no", "no"]));
    const seeds = [right, wrong].map((own, seed) => ({ seed, task, predictions: own }));
    const rows = measureOverSeeds(seeds, { bootstrap: { numDraws: 100 } });
    expect(findMeasurement(rows, { metric: "accuracy" })).toMatchObject({ value: 1 / 2, low: 0, high: 1, seeds: 2 });
    const full = seeds.map(({ predictions: own, ...more }) => {
      return { ...more, predictions: own.map((one) => ({ ...one, system: "jomed" })) };
    });
    const evidence = measureEvidence(full, { bootstrap: { numDraws: 100 } });
    expect(findMeasurement(evidence, { metric: "oracle" })).toMatchObject({ value: 1 / 2, low: 0, high: 1, seeds: 2 });
  });

  test("groups are drawn whole: questions of one patient that are alike leave an interval of no width", () => {
    const one = predictions.map((each) => ({ ...each, group: "patient" }));
    for (const [name, run] of ANALYSES)
      for (const { low, high } of run({ predictions: one, ...FAST }))
        if (name !== "measureListChanges" && name !== "measureAgreement") expect(high - low, name).toBeCloseTo(0, 12);
  });
});
