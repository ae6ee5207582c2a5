import { expect, test } from "vitest";
import { isKernelError } from "../../src/base/errors";
import type { Example, MetricName, Prediction, Task } from "../../src/base/types";
import { measureAnswers } from "../../src/experiments/stages/results";

const image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(0) } as const;
const example = (id: string, more: Partial<Example>): Example => ({
  id,
  task: "toy",
  split: "test",
  image,
  question: "?",
  answer: "yes",
  labels: [],
  group: id,
  ...more,
});
function taskOf(metrics: readonly MetricName[], test: readonly Example[]): Task {
  const labels = ["yes", "no"].map((name, index) => ({ index, name, answer: name }));
  const card = { title: "", source: "phantom", description: "", licence: "", citation: "", obtain: "" } as const;
  const splits = { train: [], validation: [], test };
  return { name: "toy", source: "phantom", modality: "", labels, splits, metrics, card, fingerprint: "toy" };
}
const base = { system: "s", weights: [1], readings: [] };
const label = (exampleId: string, truth: number, answer: number | null): Prediction => ({
  ...base,
  form: "label",
  exampleId,
  group: exampleId,
  truth,
  answer,
  probabilities: [],
});
const words = (exampleId: string, truth: string, answer: string | null): Prediction => ({
  ...base,
  form: "words",
  exampleId,
  group: exampleId,
  truth,
  answer,
});
const measured = (found: ReturnType<typeof measureAnswers>, metric: MetricName) => {
  const { statistic, groups } = found.find((each) => each.metric === metric)!;
  return { value: statistic(groups.map((_, i) => i)), n: groups.length };
};

test("question answering: closed and open questions by kind, whichever form they have", () => {
  const task = taskOf(
    ["closedAccuracy", "tokenRecall"],
    [
      example("a", { kind: "closed", labels: [0] }),
      example("b", { kind: "closed", labels: [1], answer: "no" }),
      example("c", { kind: "closed", form: "words", answer: "left" }),
      example("d", { kind: "open", form: "words", answer: "left lung" }),
      example("e", { kind: "open", labels: [0] }),
    ],
  );
  const found = measureAnswers("test", task, [
    ...[label("a", 0, 0), label("b", 1, null), label("e", 0, 1)],
    ...[words("c", "left", "Left."), words("d", "left lung", "lung")],
  ]);
  expect(measured(found, "closedAccuracy")).toEqual({ value: 2 / 3, n: 3 });
  expect(measured(found, "tokenRecall")).toEqual({ value: 0.25, n: 2 });
});

test("label sets: exact match and macro-F1 of the sets", () => {
  const task = taskOf(["exactMatch", "macroF1"], [example("a", { form: "labels" }), example("b", { form: "labels" })]);
  const set = (exampleId: string, truth: number[], answer: number[] | null): Prediction => ({
    ...base,
    form: "labels",
    exampleId,
    group: exampleId,
    truth,
    answer,
    shares: [],
  });
  const found = measureAnswers("test", task, [set("a", [0], [0]), set("b", [0, 1], [0])]);
  expect(measured(found, "exactMatch")).toEqual({ value: 0.5, n: 2 });
  expect(measured(found, "macroF1")).toEqual({ value: 0.5, n: 2 }); // F1 of yes 1, of no 0
});

test("refuses an example of another task, and no predictions at all", () => {
  const task = taskOf(["accuracy"], [example("a", { labels: [0] })]);
  const caught = (run: () => unknown) => {
    try {
      return run();
    } catch (error) {
      return error;
    }
  };
  const foreign = caught(() => measureAnswers("test", task, [label("z", 0, 0)]));
  expect(isKernelError(foreign, "data") && foreign.message).toContain('got "z"');
  expect(
    isKernelError(
      caught(() => measureAnswers("test", task, [])),
      "shape",
    ),
  ).toBe(true);
});
