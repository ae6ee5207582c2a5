import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { corpusCard, taskCard, withCards } from "../../src/cli/data-card";
import { planGrid } from "../../src/experiments/grid/plan";
import { openRun } from "../../src/experiments/run";
import { buildIndex } from "../../src/experiments/stages/corpus-index";
import { predict } from "../../src/experiments/stages/predictions";
import { tuneReader } from "../../src/experiments/stages/reader";
import { CORPUS_NAMES, corpusFor, loadCorpus } from "../../src/phantoms/load-corpus";
import { isTaskDrawn, loadTask, TASK_NAMES, tasksFrom } from "../../src/phantoms/load-task";
import { makeTinyModels } from "../experiments/grid/tiny-world";
import { refusal } from "./helpers";
import { TOY_CORPUS, TOY_TASK, writeToyCorpus, writeToyTask } from "./toy";

// what a stranger changes: one line in each table
vi.mock("../../src/data/tasks/tasks", async (original) => {
  const { TASKS } = await original<typeof import("../../src/data/tasks/tasks")>();
  const { TOY_TASK: toy } = await import("./toy");
  return { TASKS: new Map([...TASKS, [toy.name, toy]]) };
});
vi.mock("../../src/data/corpora/corpora", async (original) => {
  const { CORPORA } = await original<typeof import("../../src/data/corpora/corpora")>();
  const { TOY_CORPUS: toy } = await import("./toy");
  return { CORPORA: new Map([...CORPORA, [toy.name, toy]]) };
});

const folder = mkdtempSync(join(tmpdir(), "added-data-"));
beforeAll(async () => {
  await writeToyTask(folder, { train: 24, validation: 8, test: 10 });
  await writeToyCorpus(folder, 30);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a task added as one file and one line", () => {
  test("loads by its name from its own files, with card, labels and fingerprint", async () => {
    expect(TASK_NAMES).toContain("toy");
    const task = await loadTask("toy", { dataDir: folder });
    expect(Object.values(task.splits).map((examples) => examples.length)).toEqual([24, 8, 10]);
    expect(task).toMatchObject({ name: "toy", source: "real", labels: TOY_TASK.labels, metrics: TOY_TASK.metrics });
    expect(task.fingerprint).toMatch(/^toy:real:[0-9a-f]{16}$/);
    expect(taskCard(TOY_TASK)).toMatch(/### Toy squares \(`toy`\)[\s\S]*- Stand-in: none/);
    expect(withCards("")).toContain(taskCard(TOY_TASK));
  });

  test("without a phantom it asks for its files", async () => {
    const error = await refusal(() => loadTask("toy"));
    expect(error.code).toBe("config");
    expect(error.message).toBe(
      'loadTask: source must be "real" for toy, which has no phantom; got "phantom". Pass dataDir.',
    );
    expect(isTaskDrawn("toy", { dataDir: folder })).toBe(true);
    expect(tasksFrom("real").at(-1)).toBe("toy");
    expect(tasksFrom("phantom")).toEqual(TASK_NAMES.filter((name) => name !== "toy"));
  });

  test("is planned by the grid like any other, with the corpus of all others", async () => {
    const plan = await planGrid({
      profile: "test",
      tasks: ["toy"],
      source: "real",
      dataDir: folder,
      artifactsDir: join(folder, "artifacts"),
    });
    expect(new Set(plan.cells.map(({ task }) => task))).toEqual(new Set(["toy"]));
    expect(corpusFor("toy")).toBe("phantom-pool");
  });
});

describe("a corpus added as one file and one line", () => {
  test("loads by its name, its pairs decoded once", async () => {
    expect(CORPUS_NAMES).toContain("toy-pairs");
    const corpus = await loadCorpus("toy-pairs", { dataDir: folder, cacheDir: join(folder, "cache") });
    expect(corpus).toMatchObject({ name: "toy-pairs", source: "real" });
    expect(corpus.passages).toHaveLength(30);
    expect(corpus.passages[1]).toMatchObject({ id: "pair-1.png", text: "a square . dark", corpus: "toy-pairs" });
    expect(corpusCard(TOY_CORPUS)).toMatch(/### Toy pairs \(`toy-pairs`\)[\s\S]*- Stand-in: none/);
  });

  test("serves the added task from index to prediction", async () => {
    await makeTinyModels(folder);
    const [encoderFolder, readerFolder] = [join(folder, "clip"), join(folder, "reader")];
    const run = await openRun({ profile: "test", seed: 3, dataDir: folder, artifactsDir: join(folder, "artifacts") });
    const task = await loadTask("toy", { dataDir: folder });
    const corpus = await loadCorpus("toy-pairs", { dataDir: folder });
    const index = await buildIndex(run, { task, corpus, encoderFolder });
    const reader = await tuneReader(run, { task, index, readerFolder });
    const { predictions } = await predict(run, { system: "ft-rag", task, index, reader });
    expect(predictions).toHaveLength(10);
    for (const { readings } of predictions) {
      for (const { retrieved } of readings) expect(retrieved?.passageId).toMatch(/^pair-\d+\.png$/);
    }
    index.dispose();
    reader.dispose();
  });
});
