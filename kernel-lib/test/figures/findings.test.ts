import { describe, expect, it } from "vitest";
import { embeddingMapRows } from "../../src/analysis/embedding-map";
import { measureInconsistency } from "../../src/analysis/inconsistency";
import { measureOracle } from "../../src/analysis/oracle";
import type { Figure, Prediction } from "../../src/base/types";
import { ablationFigure } from "../../src/figures/ablation-figure";
import { confusionFigure } from "../../src/figures/confusion-figure";
import { curveFigure } from "../../src/figures/curve-figure";
import { embeddingMapFigure } from "../../src/figures/embedding-map-figure";
import { ideaFigure } from "../../src/figures/idea-figure";
import { inconsistencyFigure } from "../../src/figures/inconsistency-figure";
import { mainTableFigure } from "../../src/figures/main-table-figure";
import { oracleFigure } from "../../src/figures/oracle-figure";
import { preferenceFigure } from "../../src/figures/preference-figure";
import { recallFigure } from "../../src/figures/recall-figure";
import { sweepFigure } from "../../src/figures/sweep-figure";
import { taskPanelsFigure } from "../../src/figures/task-panels-figure";
import { ideaInput, samplePrediction } from "./sample-rows";

const titleOf = (figure: Figure): string => (figure.layout["meta"] as { title: string }).title;

const results = (jomed: number, rag: number, half = 0.01): object[] =>
  [
    ["ft-rag", rag],
    ["jomed", jomed],
  ].map(([system, value]) => ({
    system,
    metric: "accuracy",
    value,
    low: (value as number) - half,
    high: (value as number) + half,
  }));

/** Predictions of two systems: right on the first `right` of 10 queries; the last `split` of each have readings that disagree. */
const predictions = (rightRag: number, rightJomed: number, split: number): Prediction[] =>
  [
    { system: "ft-rag", right: rightRag },
    { system: "jomed", right: rightJomed },
  ].flatMap(({ system, right }) =>
    Array.from({ length: 10 }, (_, i) => {
      const truth = i % 2;
      const answer = i < right ? truth : 1 - truth;
      const readings = i >= 10 - split ? [truth, 1 - truth, truth, truth] : [answer, answer, answer, answer];
      return samplePrediction({ system, exampleId: `e${i}`, group: `e${i}`, truth, answer, readings });
    }),
  );
const inconsistencyOf = (...made: Parameters<typeof predictions>): Figure =>
  inconsistencyFigure(measureInconsistency(predictions(...made), { base: "ft-rag" }));
const oracleOf = (made: readonly Prediction[]): Figure => oracleFigure(measureOracle(made));

describe("titles state what the rows show", () => {
  it("main table: more, less and the same; whether that is chance, the paired difference alone tells", () => {
    const paired = (value: number, half: number): object => ({
      ...{ system: "jomed", baseline: "ft-rag", metric: "accuracy" },
      ...{ value, low: value - half, high: value + half },
    });
    const overlapping = results(0.82, 0.8, 0.05); // intervals of their own that overlap decide nothing
    expect(titleOf(mainTableFigure([...overlapping, paired(0.02, 0.01)]))).toBe(
      "JOMED answers 82.0 % of the questions right, clearly more than FT RAG (+2.0 points, paired)",
    );
    expect(titleOf(mainTableFigure([...results(0.9, 0.8), paired(0.1, 0.12)]))).toBe(
      "JOMED answers 90.0 % of the questions right, 10.0 points more than FT RAG, which may be chance",
    );
    expect(titleOf(mainTableFigure([...results(0.7, 0.8), paired(-0.1, 0.02)]))).toContain(
      "clearly less than FT RAG (−10.0",
    );
    expect(titleOf(mainTableFigure(results(0.9, 0.8)))).toBe(
      "JOMED answers 90.0 % of the questions right, 10.0 points more than FT RAG",
    );
    expect(titleOf(mainTableFigure(results(0.8, 0.8)))).toBe(
      "JOMED and FT RAG answer equally many questions right (80.0 %)",
    );
  });

  it("main table: a better third system is named", () => {
    const rows = [...results(0.8, 0.7), { system: "closed-book", metric: "accuracy", value: 0.95, low: 0.9, high: 1 }];
    expect(titleOf(mainTableFigure(rows))).toContain("best is Closed-book (95.0 %)");
  });

  it("ablation: worse, better and no clear difference", () => {
    const row = (system: string, low: number, high: number): object => ({
      system,
      metric: "accuracy",
      value: (low + high) / 2,
      low,
      high,
    });
    const title = titleOf(
      ablationFigure([row("ft-rag", -0.1, -0.01), row("text-head", -0.02, 0.02), row("mine", 0.01, 0.1)]),
    );
    expect(title).toBe(
      "FT RAG is clearly worse than JOMED; mine is clearly better than JOMED; no clear difference for + text head",
    );
    expect(titleOf(ablationFigure([row("ft-rag", -0.1, 0.01)]))).toContain("No variant differs");
    expect(titleOf(ablationFigure([row("mine", 0.01, 0.1)], { full: "jomed" }))).toBe(
      "mine is clearly better than JOMED",
    );
  });

  it("ablation: identical answers are said, with whose they are", () => {
    const row = (system: string): object => ({ system, metric: "accuracy", value: -0.02, low: -0.03, high: -0.01 });
    const figure = ablationFigure([row("no heads"), row("no prior")], { identical: { "no prior": "no heads" } });
    expect(figure.data.flatMap((trace) => trace["text"])).toEqual(["−2.0", "−2.0, identical answers to no heads"]);
    expect((figure.layout["meta"] as { caption: string }).caption).toContain(
      "no prior −2.0, identical answers to no heads",
    );
  });

  it("inconsistency: gain on the disputed queries, and none to speak of", () => {
    expect(titleOf(inconsistencyOf(6, 10, 4))).toBe(
      "On the 40.0 % of queries where candidates disagree, JOMED is right for 100 %, 100.0 points more than FT RAG",
    );
    expect(titleOf(inconsistencyOf(8, 7, 0))).toContain("No query is inconsistent");
    expect(titleOf(inconsistencyOf(8, 7, 4))).toContain("25.0 points less than FT RAG, which may be chance");
  });

  it("oracle: above, equal, and beaten by fusion", () => {
    expect(titleOf(oracleOf(predictions(6, 7, 4)))).toContain("For 100 % of the queries some candidate gives JOMED");
    expect(titleOf(oracleOf(predictions(6, 10, 0)))).toContain("as many questions right as its oracle");
    const beaten = predictions(6, 7, 0).map((each) => {
      const { truth } = each as Prediction<"label">;
      return samplePrediction({ ...(each as Prediction<"label">), readings: new Array(4).fill(1 - truth) });
    });
    expect(titleOf(oracleOf(beaten))).toContain("more questions right than any pick");
  });

  it("recall: faster, slower, and too low", () => {
    const rows = (recall: number, speed: number): object[] => [
      { index: "hnsw", ef: 32, k: 10, recall, queriesPerSecond: speed },
      { index: "exact", ef: null, k: 10, recall: 1, queriesPerSecond: 100 },
    ];
    expect(titleOf(recallFigure(rows(0.97, 500)))).toBe(
      "HNSW finds 97.0 % of the true 10 nearest at ef = 32, 5.0 times as fast as the exact search",
    );
    expect(titleOf(recallFigure(rows(0.97, 50)))).toContain("but the exact search is 2.0 times as fast");
    expect(titleOf(recallFigure(rows(0.5, 101)))).toContain("no more than 50.0 %");
  });

  it("recall: two views are judged by the worse one", () => {
    const view = (name: string, recall: number, speed: number): object[] => [
      { index: `hnsw, ${name}`, head: name, ef: 32, k: 10, recall, queriesPerSecond: speed },
      { index: `exact, ${name}`, head: name, ef: null, k: 10, recall: 1, queriesPerSecond: 100 },
    ];
    const figure = recallFigure([...view("text view", 0.97, 500), ...view("image view", 0.99, 300)]);
    expect(titleOf(figure)).toBe(
      "HNSW finds at least 97.0 % of the true 10 nearest at ef = 32, at least 3.0 times as fast as the exact search",
    );
    expect(figure.data.map((trace) => trace["name"])).toEqual([
      "hnsw, text view",
      "hnsw, text view",
      "hnsw, image view",
      "hnsw, image view",
    ]);
  });

  it("sweep: a rise is said only where the ends lie apart; without a line there is no rise to tell", () => {
    const row = (knowledge: number, value: number, half = 0.01) => {
      const dials = { knowledge, visibility: 1, pull: 1 };
      return { task: `k${knowledge}`, ...dials, measure: "gain", value, low: value - half, high: value + half };
    };
    expect(titleOf(sweepFigure([row(1, 0.072), row(0, 0.001)]))).toBe(
      "The more has to be looked up, the more training the retriever gains: +0.1 points at knowledge 0, +7.2 points at knowledge 1",
    );
    expect(titleOf(sweepFigure([row(1, 0.072, 0.05), row(0, 0.001, 0.05)]))).toMatch(
      /^What training the retriever gains: /,
    );
    expect(titleOf(sweepFigure([row(1, 0.072)]))).toBe(
      "What training the retriever gains, by setting: JOMED over FT RAG",
    );
  });

  it("sweep: a panel for each dial that was turned, through the standard place; other places only in the first", () => {
    const row = (knowledge: number, visibility: number, pull: number) => {
      const task = `k${knowledge}v${visibility}p${pull}`;
      return { task, knowledge, visibility, pull, measure: "gain", value: 0.05, low: 0.04, high: 0.06 };
    };
    const shown = (rows: object[]): [string, unknown, unknown][] =>
      sweepFigure(rows).data.map((trace) => [String(trace["name"]), trace["xaxis"], trace["x"]]);
    const cross = [row(0, 1, 1), row(0.7, 1, 1), row(1, 1, 1), row(0.7, 0.6, 1), row(0.7, 1, 0)];
    expect(shown(cross)).toEqual([
      ["measured", "x", [0, 70, 100]],
      ["measured", "x2", [0.6, 1]],
      ["measured", "x3", [0, 1]],
    ]);
    expect(shown([row(0, 1, 1), row(1, 1, 1), row(0, 0.6, 1), row(1, 0.6, 1)])).toEqual([
      ["measured", "x", [0, 100]],
      ["measured", "x2", [0.6, 1]],
      ["visibility 0.6, pull 1", "x", [0, 100]],
    ]);
    expect(shown([row(0.7, 1, 1)])).toEqual([["measured", "x", [70]]]);
  });

  it("ablation: the baseline is named by the rows", () => {
    const row = { system: "no heads", baseline: "jomed", metric: "accuracy", value: -0.1, low: -0.2, high: -0.05 };
    expect(titleOf(ablationFigure([row]))).toBe("no heads is clearly worse than JOMED");
    expect(titleOf(ablationFigure([{ ...row, system: "jomed", baseline: "ft-rag" }]))).toContain("than FT RAG");
  });

  it("curve: best in the middle, at the end, at the start", () => {
    const rows = (...values: number[]): object[] =>
      values.map((value, i) => ({ stage: "reader", step: 10 * i, split: "validation", metric: "loss", value }));
    expect(titleOf(curveFigure(rows(3, 1, 2)))).toBe(
      "Validation loss is lowest at step 10 of 20 (1.00), then gets no better",
    );
    expect(titleOf(curveFigure(rows(3, 2, 1)))).toContain("more steps might help");
    expect(titleOf(curveFigure(rows(1, 2, 3)))).toContain("never improves on its first value");
  });

  it("preference: how much of the weight moves, and nothing", () => {
    const row = (prior: number, target: number): object => ({ prior, preference: target, target });
    const kl = 0.9 * Math.log(0.9 / 0.5) + 0.1 * Math.log(0.1 / 0.5);
    expect(titleOf(preferenceFigure([row(0.5, 0.9), row(0.5, 0.1)]))).toBe(
      `The reader moves 40 % of the weight (KL ${kl.toFixed(3)} nats); candidate 1 gains most, from 50.0 to 90.0 %`,
    );
    expect(titleOf(preferenceFigure([row(0.5, 0.5), row(0.5, 0.5)]))).toContain("no preference");
  });

  it("embedding map: unknown passages are no finding, and grey", () => {
    const data = Float32Array.from([0, 0, 1, 0, 9, 0, 10, 0]);
    const passages = ["a", "b", "c", "d"].map((id) => ({ id }));
    const figure = embeddingMapFigure(embeddingMapRows("image view", { data, rows: 4, cols: 2 }, passages));
    expect(titleOf(figure)).toBe("The corpus as the encoder sees it; what its passages show is not known");
    expect(figure.data[0]).toMatchObject({ name: "unknown", marker: { color: "#9aa5b1" } });
  });

  it("task panels: how many tasks differ is counted by paired differences", () => {
    const row = (task: string, system: string, value: number, more: object = {}): object => ({
      ...{ task, system, baseline: null, metric: "accuracy", value, low: value - 0.05, high: value + 0.05, n: 100 },
      ...more,
    });
    const values = ["a", "b"].flatMap((task) => [row(task, "ft-rag", 0.8), row(task, "jomed", 0.82)]);
    expect(titleOf(taskPanelsFigure(values))).toBe("JOMED is above FT RAG on 2 of 2 tasks");
    const paired = [
      row("a", "jomed", 0.02, { baseline: "ft-rag", low: 0.01, high: 0.03 }),
      row("b", "jomed", 0.02, { baseline: "ft-rag", low: -0.01 }),
    ];
    expect(titleOf(taskPanelsFigure([...values, ...paired]))).toBe(
      "JOMED is above FT RAG on 2 of 2 tasks, on 1 by more than chance (paired)",
    );
  });

  it("embedding map: neighbours that agree, and neighbours that do not", () => {
    const map = (...truths: string[]): Figure => {
      const data = Float32Array.from([0, 1, 9, 10].flatMap((x) => [x, 0]));
      const passages = truths.map((truth, i) => ({ id: `p${i}`, truth }));
      return embeddingMapFigure(embeddingMapRows("image view", { data, rows: 4, cols: 2 }, passages));
    };
    expect(titleOf(map("a", "a", "b", "b"))).toContain("show the same finding: 100 %");
    expect(titleOf(map("a", "b", "a", "b"))).toContain("no more than chance");
  });

  it("confusion: the most frequent mistake, and none", () => {
    const rows = (label: string | null): object[] =>
      [0, 0, 1].map((truth) => ({ system: "jomed", truth: String(truth), answer: truth === 0 ? label : "1" }));
    expect(titleOf(confusionFigure(rows("1")))).toBe("JOMED’s most frequent mistake: 0 taken for 1 (2 of 2)");
    expect(titleOf(confusionFigure(rows(null)))).toContain("by naming no label (2 of 2)");
    expect(titleOf(confusionFigure(rows("0")))).toBe("JOMED answers every question right (3 of 3)");
  });

  it("idea: candidates that disagree, and a single one", () => {
    expect(titleOf(ideaFigure(ideaInput(4)))).toContain("Candidates disagree: 3 of 4 lead to “malignant”");
    expect(titleOf(ideaFigure(ideaInput(1)))).toBe("The one candidate leads to “malignant”, which is right");
  });

  it("idea: answers of any form, right by what they say", () => {
    const input = ideaInput(1);
    const { retrieved } = input.prediction.readings[0]!;
    const told = { system: "jomed", exampleId: "breast-12", group: "12", weights: [1] };
    const words = {
      form: "words",
      exampleId: "breast-12",
      retrieved,
      text: "The left lung.",
      answer: "The left lung.",
    } as const;
    const prediction = {
      ...told,
      form: "words",
      truth: "left lung",
      answer: "The left lung.",
      readings: [words],
    } as const;
    expect(titleOf(ideaFigure({ ...input, prediction }))).toContain("leads to “The left lung.”, which is right");
    const set = { form: "labels", exampleId: "breast-12", retrieved, text: "0", answer: [0] } as const;
    const both = { ...told, form: "labels", truth: [0, 1], answer: [0], shares: [1, 0], readings: [set] } as const;
    expect(titleOf(ideaFigure({ ...input, prediction: both }))).toContain("leads to “malignant”, which is wrong");
  });
});
