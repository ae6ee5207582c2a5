import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { planGrid } from "../../src/experiments/grid/plan";
import { corpusFor, isDrawnCorpus, loadCorpus } from "../../src/phantoms/load-corpus";
import { isTaskDrawn, loadTask, TASK_NAMES, tasksFrom } from "../../src/phantoms/load-task";
import { refusal } from "../data/helpers";

// what a stranger changes: the line { task: TOY_TASK_PHANTOM, corpus: TOY_CORPUS_PHANTOM }
vi.mock("../../src/phantoms/phantoms", async (original) => {
  const tables = await original<typeof import("../../src/phantoms/phantoms")>();
  const { TOY_CORPUS_PHANTOM, TOY_TASK_PHANTOM } = await import("./toy-world");
  return {
    ...tables,
    TASK_PHANTOMS: new Map([...tables.TASK_PHANTOMS, [TOY_TASK_PHANTOM.task.name, TOY_TASK_PHANTOM]]),
    CORPUS_PHANTOMS: new Map([...tables.CORPUS_PHANTOMS, [TOY_CORPUS_PHANTOM.name, TOY_CORPUS_PHANTOM]]),
  };
});

const cacheDir = mkdtempSync(join(tmpdir(), "added-phantom-"));
afterAll(() => rmSync(cacheDir, { recursive: true }));

describe("a world added as one file and one line", () => {
  test("its task is drawn into files once, and read back by the task's own reader", async () => {
    expect(TASK_NAMES.at(-1)).toBe("toy");
    expect(isTaskDrawn("toy", { cacheDir })).toBe(false);
    const task = await loadTask("toy", { cacheDir });
    expect(isTaskDrawn("toy", { cacheDir })).toBe(true);
    expect(Object.values(task.splits).map((examples) => examples.length)).toEqual([40, 8, 10]);
    expect(task).toMatchObject({ name: "toy", source: "phantom" });
    expect(task.fingerprint).toMatch(/^toy:phantom:v1:7:[0-9a-f]{16}$/);
    expect(task.card).toMatchObject({ title: "Toy squares phantom", licence: "CC0-1.0" });
    expect(task.card.description).toBe(
      "Squares, bright or dark. Made from seed 7. The level says the class. No patient is behind it.",
    );
  });

  test("its task has no real files", async () => {
    const error = await refusal(() => loadTask("toy", { dataDir: cacheDir }));
    expect(error.message).toBe(
      'loadTask: source must be "phantom" for toy, which is only drawn; got "real". Leave dataDir out.',
    );
    expect(tasksFrom("real")).not.toContain("toy");
    expect(tasksFrom("phantom")).toEqual(TASK_NAMES);
  });

  test("its corpus is the one that is searched for its task, and for no other", async () => {
    expect(corpusFor("toy")).toBe("toy-drawn");
    expect(corpusFor("derma-mnist")).toBe("phantom-pool");
    expect(isDrawnCorpus("toy-drawn")).toBe(true);
    const corpus = await loadCorpus("toy-drawn", { numPassages: 12, seed: 9 });
    expect(corpus.passages).toHaveLength(12);
    expect(corpus.fingerprint).toBe("corpus:toy-drawn:v1:9");
    const plan = await planGrid({
      profile: "test",
      tasks: ["toy"],
      source: "phantom",
      artifactsDir: join(cacheDir, "artifacts"),
    });
    expect(new Set(plan.cells.map(({ task }) => task))).toEqual(new Set(["toy"]));
  });
});
