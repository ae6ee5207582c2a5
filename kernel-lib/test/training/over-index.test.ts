import { describe, expect, test } from "vitest";
import type { Matrix, Task } from "../../src/base/types";
import type { CachedScores } from "../../src/reader/score-cache";
import { type FrozenIndex, headInputs, scoreFrozenCandidates } from "../../src/training/over-index";
import { brightnessExamples, brightnessPassages } from "../helpers/toy-task";

// Row i of every matrix holds i, and a query's candidates are the passages of the rows before it: what belongs to which row can be read off.

const counting = (rows: number): Matrix => ({ data: Float32Array.from({ length: rows }, (_, i) => i), rows, cols: 1 });
const splits = {
  train: brightnessExamples(20, "train"),
  validation: brightnessExamples(3, "validation"),
  test: brightnessExamples(1, "test"),
};
const task = { splits } as unknown as Task;
const passages = brightnessPassages(6, "p");
const view = {
  search: async (queries: Matrix, count: number) =>
    [...queries.data].map((row) => ({ positions: Array.from({ length: count }, (_, k) => (row + k) % 6) })),
};
const index = {
  corpus: { passages },
  embeddings: { image: counting(6), text: counting(6) },
  queries: { train: counting(20), validation: counting(3), test: counting(1) },
  exact: { image: view, text: view },
} as unknown as FrozenIndex;

describe("training questions that stage 2 learns from", () => {
  test("all of them, unless fewer are asked for", () => {
    for (const numQuestions of [undefined, 20, 21]) {
      const { train } = headInputs(task, index, "text", numQuestions === undefined ? {} : { numQuestions });
      expect(train.examples).toBe(splits.train);
      expect(train.frozen).toBe(index.queries.train);
    }
  });

  test("so many of them, each once, in their order, with their own embeddings; the same for both heads", () => {
    const { train } = headInputs(task, index, "text", { numQuestions: 7 });
    const rows = train.examples.map((example) => splits.train.indexOf(example));
    expect(rows).toHaveLength(7);
    expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b));
    expect(rows).not.toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect([...train.frozen.data]).toEqual(rows);
    expect(headInputs(task, index, "image", { numQuestions: 7 }).train).toEqual(train);
  });

  test("the reader is asked about these and about validation, nothing else, passage by passage", async () => {
    const asked: string[] = [];
    const scores = {
      score: async (pairs: readonly { example: { id: string }; passage: { id: string } | null }[]) => {
        asked.push(...pairs.map(({ example, passage }) => `${example.id} ${passage!.id}`));
        return [];
      },
    } as unknown as CachedScores;
    await scoreFrozenCandidates({ task, index, scores }, { numCandidates: 2, numQuestions: 7 }, {});
    const { train } = headInputs(task, index, "text", { numQuestions: 7 });
    const wanted = [...train.examples, ...splits.validation].flatMap((example) => {
      const from = [splits.train, splits.validation].find((split) => split.includes(example))!.indexOf(example);
      return [0, 1].map((k) => `${example.id} ${passages[(from + k) % 6]!.id}`);
    });
    expect([...asked].sort()).toEqual([...wanted].sort());
    const ofPassage = asked.map((pair) => pair.split(" ").at(-1)!);
    expect(ofPassage).toEqual([...ofPassage].sort());
  });

  test("none is refused", () => {
    expect(() => headInputs(task, index, "text", { numQuestions: 0 })).toThrow(/numQuestions must be a whole number/);
  });
});
