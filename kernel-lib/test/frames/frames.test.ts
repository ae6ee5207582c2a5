import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Corpus, Prediction, Reading, Task } from "../../src/base/types";
import {
  curveFrame,
  examplesFrame,
  passagesFrame,
  preferenceFrame,
  recallFrame,
  retrievedFrame,
} from "../../src/frames/data-frames";
import { predictionsFrame, publishedFrame, readingsFrame, resultsFrame } from "../../src/frames/result-frames";
import { FRAMES, type FrameName } from "../../src/frames/schemas";
import type { Table } from "../../src/frames/table";
import { defineFrame, loadFrame, makeFrame, saveFrame, tableCsv } from "../../src/frames/table";
import { drawCorpusPhantom } from "../../src/phantoms/corpora/breast-corpus";
import { loadTask } from "../../src/phantoms/load-task";
import { refusal } from "../data/helpers";

let task: Task;
let corpus: Corpus;
let folder = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "frames-"));
  task = await loadTask("breast-mnist");
  corpus = drawCorpusPhantom({ numPassages: 30 });
});
afterAll(() => rmSync(folder, { recursive: true }));

function reading(label: number | null, passageId: string | null): Reading<"label"> {
  const retrieved = passageId === null ? null : ({ passageId, head: "image", score: 0.5, rank: 0 } as const);
  const [text, exampleId] = [label === null ? "?" : String(label), task.splits.test[0]!.id];
  return { form: "label", exampleId, retrieved, text, answer: label, logits: [0, 0], probabilities: [0.5, 0.5] };
}

function prediction(truth: number, answer: number | null, readings: readonly Reading<"label">[]): Prediction<"label"> {
  const { id: exampleId, group } = task.splits.test[0]!;
  const weights = readings.map(() => 1 / readings.length);
  const probabilities = [0.25, 0.75];
  return { form: "label", system: "JOMED", exampleId, group, truth, answer, probabilities, weights, readings };
}

const expected = (name: FrameName, numClasses = 0) => [
  ...FRAMES[name].columns.map((column) => column.name),
  ...Array.from({ length: numClasses }, (_, c) => `p${c}`),
];

test("every frame has exactly its columns, also without rows", () => {
  const frames: [FrameName, Table, number][] = [
    ["examples", examplesFrame(task), 0],
    ["passages", passagesFrame(corpus), 0],
    ["curve", curveFrame([]), 0],
    ["recall", recallFrame([]), 0],
    ["retrieved", retrievedFrame(task, corpus, []), 0],
    ["preference", preferenceFrame(task, task.splits.test[0]!, [], { prior: [], preference: [], target: [] }), 0],
    ["readings", readingsFrame(task, []), 2],
    ["predictions", predictionsFrame(task, []), 2],
    ["results", resultsFrame([]), 0],
    ["published", publishedFrame([]), 0],
  ];
  for (const [name, table, numClasses] of frames) expect(table.columnNames()).toEqual(expected(name, numClasses));
  expect(frames.map(([name]) => name).sort()).toEqual(Object.keys(FRAMES).sort());
});

test("docs/architecture.md lists the same columns", () => {
  const page = readFileSync(join(__dirname, "../../../docs/architecture.md"), "utf8");
  for (const [name, { columns, tail }] of Object.entries(FRAMES)) {
    const row = page.split("\n").find((line) => line.startsWith(`| ${name} |`)) ?? "";
    const listed = row
      .split("|")[2]!
      .replaceAll(/\([^)]*\)/g, "")
      .split(",")
      .map((part) => part.trim());
    expect(listed).toEqual([...columns.map((column) => column.name), ...(tail === "none" ? [] : ["p0 … pC-1"])]);
  }
});

test("predictions by hand: correct, distinct answers, oracle; unparsed is null and wrong", () => {
  const table = predictionsFrame(task, [
    prediction(0, 1, [reading(1, "phantom/000001"), reading(0, "phantom/000002"), reading(null, "phantom/000003")]),
    prediction(0, null, [reading(null, null)]),
  ]);
  const facts = { task: "breast-mnist", system: "JOMED", form: "label", kind: null, truth: "0" };
  expect(table.objects()).toMatchObject([
    { ...facts, answer: "1", correct: 0, numReadings: 3, distinctAnswers: 3, oracleCorrect: 1, p0: 0.25, p1: 0.75 },
    { ...facts, answer: null, correct: 0, numReadings: 1, distinctAnswers: 1, oracleCorrect: 0 },
  ]);
});

test("readings by hand: closed-book has nulls", () => {
  const rows = readingsFrame(task, [
    prediction(0, 0, [reading(0, null)]),
    prediction(0, 1, [reading(1, "phantom/000001")]),
    prediction(0, null, [reading(null, "phantom/000002")]),
  ]);
  expect(rows.objects()).toMatchObject([
    { passageId: null, head: null, rank: null, score: null, weight: 1, truth: "0", answer: "0", text: "0", p0: 0.5 },
    { passageId: "phantom/000001", head: "image", rank: 0, score: 0.5, weight: 1, answer: "1", form: "label" },
    { passageId: "phantom/000002", answer: null, text: "?" },
  ]);
});

test("retrieved says whether a passage agrees, and null where its truth is unknown", () => {
  const example = task.splits.test[0]!;
  const name = task.labels[example.labels[0]!]!.name;
  const right = corpus.passages.find((passage) => passage.truth === name)!;
  const wrong = corpus.passages.find((passage) => passage.truth !== undefined && passage.truth !== name)!;
  const other = corpus.passages.find((passage) => passage.truth === undefined)!;
  const hits = [right, wrong, other].map(({ id }, rank) => ({
    passageId: id,
    head: "text" as const,
    score: -rank,
    rank,
  }));
  const table = retrievedFrame(task, corpus, [{ exampleId: example.id, system: "JOMED", hits }]);
  expect(table.objects()).toMatchObject([{ agrees: 1, split: "test", rank: 0 }, { agrees: 0 }, { agrees: null }]);
});

test("a query's candidates with what retriever and reader think of each", async () => {
  const example = task.splits.test[0]!;
  const name = task.labels[example.labels[0]!]!.name;
  const [right, other] = [true, false].map((known) => corpus.passages.find(({ truth }) => (truth === name) === known)!);
  const shares = { prior: [0.5, 0.5], preference: [0.9, 0.1], target: [0.8, 0.2] };
  expect(preferenceFrame(task, example, [right!, other!], shares).objects()).toMatchObject([
    { passageId: right!.id, prior: 0.5, preference: 0.9, target: 0.8, agrees: 1 },
    { passageId: other!.id, agrees: other!.truth === undefined ? null : 0 },
  ]);
  const short = await refusal(() => preferenceFrame(task, example, [right!], shares));
  expect([short.code, short.message]).toEqual(["shape", expect.stringContaining("preferenceFrame: prior")]);
});

test("frames are saved and loaded, equal, nulls included", async () => {
  const file = join(folder, "deep", "passages.arrow");
  const table = passagesFrame(corpus);
  saveFrame(table, file);
  expect((await loadFrame(file, FRAMES.passages)).objects()).toEqual(table.objects());
  const empty = join(folder, "curve.arrow");
  saveFrame(curveFrame([]), empty);
  expect((await loadFrame(empty, FRAMES.curve)).columnNames()).toEqual(expected("curve"));
});

test("a missing, foreign, truncated or other frame's file is refused by name", async () => {
  const file = join(folder, "x.arrow");
  saveFrame(curveFrame([{ stage: "s", step: 1, split: "train", metric: "loss", value: 2 }]), file);
  const whole = readFileSync(file);
  const other = await refusal(() => loadFrame(file, FRAMES.results));
  expect(other.message).toMatch(/must have the columns of results, among them task, system, .*; got stage, step/);
  writeFileSync(file, whole.subarray(0, whole.length - 30));
  expect((await refusal(() => loadFrame(file))).message).toMatch(/end with the Arrow mark; got a truncated file/);
  writeFileSync(file, Buffer.concat([whole.subarray(0, 200), whole.subarray(-20)]));
  expect((await refusal(() => loadFrame(file))).message).toMatch(/hold a sound Arrow table; got damaged content/);
  writeFileSync(file, "hello, I am no table at all");
  expect((await refusal(() => loadFrame(file))).message).toMatch(/be an Arrow IPC file/);
  const missing = await refusal(() => loadFrame(join(folder, "none.arrow")));
  expect([missing.code, missing.message]).toEqual(["data", expect.stringMatching(/no such file\. Delete it and run/)]);
});

test("an example of another task and a wrong number of probabilities are refused", async () => {
  const foreign = { ...prediction(0, 0, []), exampleId: "derma/1" };
  expect((await refusal(() => predictionsFrame(task, [foreign]))).message).toMatch(/exampleId must be an example/);
  const short = { ...prediction(0, 0, []), probabilities: [1] };
  expect((await refusal(() => predictionsFrame(task, [short]))).code).toBe("shape");
  const lists = [
    {
      exampleId: task.splits.test[0]!.id,
      system: "x",
      hits: [{ passageId: "no", head: "text" as const, score: 1, rank: 0 }],
    },
  ];
  expect((await refusal(() => retrievedFrame(task, corpus, lists))).message).toMatch(
    /every passage that was retrieved; no is missing/,
  );
});

test("sets of labels and answers in words have their columns too", () => {
  const [first] = task.splits.test;
  const both = { ...first!, id: "both", form: "labels", labels: [0, 1], answer: "0, 1" } as const;
  const open = { ...first!, id: "open", form: "words", labels: [], answer: "left lung", kind: "open" } as const;
  const mixed: Task = { ...task, splits: { train: [], validation: [], test: [both, open] } };
  expect(examplesFrame(mixed).objects()).toMatchObject([
    { id: "both", form: "labels", label: null, labelName: "malignant; normal, benign", answer: "0, 1", kind: null },
    { id: "open", form: "words", label: null, labelName: null, answer: "left lung", kind: "open" },
  ]);
  const known = corpus.passages.find(({ truth }) => truth === "malignant")!;
  const hits = [{ passageId: known.id, head: "image", score: 1, rank: 0 }] as const;
  const lists = ["both", "open"].map((exampleId) => ({ exampleId, system: "ft-rag", hits }));
  expect(retrievedFrame(mixed, corpus, lists).array("agrees")).toEqual([1, null]);
  const answers: Prediction[] = [
    {
      ...{ form: "labels", system: "ft-rag", exampleId: "both", group: "g", shares: [0, 1], weights: [0.5, 0.5] },
      ...{ truth: [0, 1], answer: [1] },
      readings: [
        { form: "labels", exampleId: "both", retrieved: null, text: "1, 0", answer: [0, 1] },
        { form: "labels", exampleId: "both", retrieved: null, text: "1", answer: [1] },
      ],
    },
    {
      ...{ form: "words", system: "ft-rag", exampleId: "open", group: "g", weights: [1] },
      ...{ truth: "left lung", answer: "The left lung." },
      readings: [
        { form: "words", exampleId: "open", retrieved: null, text: "The left lung.", answer: "The left lung." },
      ],
    },
  ];
  expect(predictionsFrame(mixed, answers).objects()).toMatchObject([
    {
      form: "labels",
      kind: null,
      truth: "{0, 1}",
      answer: "{1}",
      correct: 0,
      distinctAnswers: 2,
      oracleCorrect: 1,
      p0: null,
    },
    { form: "words", kind: "open", truth: "left lung", answer: "left lung", correct: 1, numReadings: 1, p1: null },
  ]);
  expect(readingsFrame(mixed, answers).objects()).toMatchObject([
    { truth: "{0, 1}", answer: "{0, 1}", text: "1, 0", weight: 0.5, p0: null },
    { answer: "{1}", text: "1" },
    { truth: "left lung", answer: "left lung", text: "The left lung." },
  ]);
});

test("as CSV, numbers are numbers, and a text is never a formula", () => {
  const schema = defineFrame("odd", "none", ["=name: a text", "value: a number"]);
  const table = makeFrame(schema, [
    { "=name": "=1+1", value: -0.25 },
    { "=name": "a, b", value: null },
  ]);
  expect(tableCsv(table)).toBe(`'=name,value\n'=1+1,-0.25\n"a, b",\n`);
});
