import { expect, test } from "vitest";
import { answerRows, baselineOf, measurablesOf, measureEvaluation } from "../../src/analysis/evaluation";
import { findMeasurement, type Measurement } from "../../src/analysis/measurement";
import { isKernelError } from "../../src/base/errors";
import type { MetricName, Prediction } from "../../src/base/types";
import { toyExample, toyTask } from "./helpers";

const base = { system: "s", weights: [1], readings: [] };
const yesNo = (exampleId: string, truth: number, answer: number | null): Prediction => ({
  ...base,
  form: "yesNo",
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
const measured = (found: ReturnType<typeof measurablesOf>, metric: MetricName) => {
  const { statistic, groups } = found.find((each) => each.metric === metric)!;
  return { value: statistic(groups.map((_, i) => i)), n: groups.length };
};

test("question answering: closed and open questions by kind, whichever form they have", () => {
  const task = toyTask(
    ["closedAccuracy", "tokenRecall"],
    [
      toyExample("a", { kind: "closed", form: "yesNo", labels: [0] }),
      toyExample("b", { kind: "closed", form: "yesNo", labels: [1], answer: "no" }),
      toyExample("c", { kind: "closed", form: "words", answer: "left" }),
      toyExample("d", { kind: "open", form: "words", answer: "left lung" }),
      toyExample("e", { kind: "open", form: "yesNo", labels: [0] }),
    ],
  );
  const found = measurablesOf("test", task, [
    ...[yesNo("a", 0, 0), yesNo("b", 1, null), yesNo("e", 0, 1)],
    ...[words("c", "left", "Left."), words("d", "left lung", "lung")],
  ]);
  expect(measured(found, "closedAccuracy")).toEqual({ value: 2 / 3, n: 3 });
  expect(measured(found, "tokenRecall")).toEqual({ value: 0.25, n: 2 });
});

test("label sets: exact match and macro-F1 of the sets", () => {
  const task = toyTask(
    ["exactMatch", "macroF1"],
    [toyExample("a", { form: "labels" }), toyExample("b", { form: "labels" })],
  );
  const set = (exampleId: string, truth: number[], answer: number[] | null): Prediction => ({
    ...base,
    form: "labels",
    exampleId,
    group: exampleId,
    truth,
    answer,
    shares: [],
  });
  const found = measurablesOf("test", task, [set("a", [0], [0]), set("b", [0, 1], [0])]);
  expect(measured(found, "exactMatch")).toEqual({ value: 0.5, n: 2 });
  expect(measured(found, "macroF1")).toEqual({ value: 0.5, n: 2 }); // F1 of yes 1, of no 0
});

test("refuses an example of another task, and no predictions at all", () => {
  const task = toyTask(["accuracy"], [toyExample("a", { labels: [0] })]);
  const caught = (run: () => unknown) => {
    try {
      return run();
    } catch (error) {
      return error;
    }
  };
  const foreign = caught(() => measurablesOf("test", task, [yesNo("z", 0, 0)]));
  expect(isKernelError(foreign, "data") && foreign.message).toContain('got "z"');
  expect(
    isKernelError(
      caught(() => measurablesOf("test", task, [])),
      "shape",
    ),
  ).toBe(true);
});

test("every system with its interval, its difference to a baseline, and its unreadable answers", () => {
  const ids = ["a", "b", "c", "d"];
  const task = toyTask(
    ["accuracy"],
    ids.map((id) => toyExample(id, { labels: [0] })),
  );
  const said = (system: string, answers: readonly (number | null)[]): Prediction[] =>
    ids.map((id, i) => ({ ...yesNo(id, 0, answers[i]!), system }));
  const predictions = [...said("first", [0, 0, 0, 1]), ...said("ft-rag", [0, 0, 1, null])];
  const { rows, differences, unparsed } = measureEvaluation(task, predictions, { bootstrap: { numDraws: 200 } });
  expect(rows).toMatchObject([
    {
      task: "toy",
      system: "first",
      baseline: null,
      metric: "accuracy",
      value: 3 / 4,
      n: 4,
      pValue: null,
      data: "phantom",
    },
    { system: "ft-rag", value: 2 / 4 },
  ]);
  expect(differences).toMatchObject([{ system: "first", baseline: "ft-rag", metric: "accuracy", value: 1 / 4, n: 4 }]);
  expect(findMeasurement(unparsed, { system: "ft-rag" })).toMatchObject({ metric: "unparsed", value: 1 / 4 });
  const toFirst = measureEvaluation(task, predictions, { baseline: "first" });
  expect(toFirst.differences).toMatchObject([{ system: "ft-rag", baseline: "first", value: -1 / 4 }]);
  expect(toFirst.differences[0]!.low).toBeLessThanOrEqual(-1 / 4);
});

test("answerRows keeps what a table of systems shows: own metrics on all questions, and differences to one baseline", () => {
  const row = (system: string, more: Partial<Measurement> = {}): Measurement => ({
    ...{ task: "toy", system, baseline: null, subset: "all", splitBy: null, metric: "accuracy", value: 0.5, low: 0.4 },
    ...{ high: 0.6, pValue: null, n: 10, seeds: 1, scale: "replica", data: "phantom", ...more },
  });
  const [plain, f1, over] = [row("jomed"), row("ft-rag", { metric: "macroF1" }), row("jomed", { baseline: "ft-rag" })];
  const others = [row("jomed", { subset: "inconsistent" }), row("jomed", { metric: "oracle" })];
  const overLogits = row("jomed", { baseline: "logits" });
  const rows = [plain, f1, over, overLogits, ...others];
  expect(answerRows(rows)).toEqual([plain, f1, over]);
  expect(answerRows(rows, { baseline: null, systems: ["jomed"] })).toEqual([plain]);
  expect(answerRows(rows, { baseline: "logits", metrics: ["accuracy"] })).toEqual([plain, overLogits]);
  expect(() => answerRows(rows, { base: null } as never)).toThrow(/answerRows: .*base/);
});

test("a task that names no metrics is measured by accuracy and macro-F1; a metric without a question has no row", () => {
  const examples = ["a", "b", "c"].map((id) => toyExample(id, { labels: [0] }));
  const { metrics: _, ...task } = toyTask(["accuracy"], examples);
  const said = [yesNo("a", 0, 0), yesNo("b", 1, 1), yesNo("c", 0, 1)].map(
    (one) => ({ ...one, form: "label" }) as Prediction,
  );
  const { rows } = measureEvaluation(task, said, { bootstrap: { numDraws: 20 } });
  expect(rows.map(({ metric, value, n }) => [metric, value, n])).toEqual([
    ["accuracy", 2 / 3, 3],
    ["macroF1", expect.closeTo(2 / 3, 12), 3], // of both labels: one found, one missed or taken for the other
  ]);
  const closed = measureEvaluation({ ...task, metrics: ["accuracy", "tokenRecall"] }, said, {
    bootstrap: { numDraws: 20 },
  });
  expect(closed.rows.map(({ metric }) => metric)).toEqual(["accuracy"]);
});

test("without FT RAG the first system is the baseline; there is none without predictions", () => {
  const named = (system: string): Prediction => ({ ...yesNo("a", 0, 0), system });
  expect(baselineOf("test", [named("x"), named("ft-rag")])).toBe("ft-rag");
  expect(baselineOf("test", [named("x"), named("y")])).toBe("x");
  expect(() => baselineOf("test", [])).toThrow("test: predictions must hold at least one; got 0.");
});

test("of answers that are right or wrong it is counted which only one of two gets right; of macro-F1 it is not", () => {
  const ids = ["a", "b", "c", "d"];
  const task = toyTask(
    ["accuracy", "macroF1"],
    ids.map((id) => toyExample(id, { labels: [0] })),
  );
  const said = (system: string, answers: readonly number[]) =>
    ids.map((id, i) => ({ ...yesNo(id, 0, answers[i]!), form: "label", system }) as Prediction);
  const predictions = [...said("ft-rag", [0, 1, 1, 1]), ...said("x", [1, 0, 0, 1])];
  const [accuracy, f1] = measureEvaluation(task, predictions, { bootstrap: { numDraws: 20 } }).differences;
  expect(accuracy).toMatchObject({ metric: "accuracy", gained: 2, lost: 1, value: 1 / 4 });
  expect(f1).toMatchObject({ metric: "macroF1" });
  expect(f1).not.toHaveProperty("gained");
});
