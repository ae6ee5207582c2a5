import { expect, test } from "vitest";
import { describeLabels } from "../../src/frames/danfo";
import { loadTask } from "../../src/phantoms/load-task";

test("describeLabels counts, describes and one-hot encodes a task's labels", async () => {
  const task = await loadTask("breast-mnist");
  const examples = Object.values(task.splits).flat();
  const { counts, pixels, oneHot, oneHotColumns } = await describeLabels(task);
  const malignant = examples.filter((example) => example.labels[0] === 0).length;
  expect(counts).toEqual([
    { labelName: "normal, benign", count: examples.length - malignant },
    { labelName: "malignant", count: malignant },
  ]);
  const means = examples.map(({ image }) => image.data.reduce((sum, value) => sum + value, 0) / image.data.length);
  const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
  expect(pixels.find((row) => row.statistic === "mean")!.mean).toBeCloseTo(mean, 3);
  const column = oneHotColumns.indexOf("is malignant");
  expect(oneHot.map((row) => row[column])).toEqual(examples.map((example) => Number(example.labels[0] === 0)));
});

test("several labels count under each, the empty set as none, words without a column", async () => {
  const task = await loadTask("breast-mnist");
  const [first] = task.splits.test;
  const drawn = [[0, 1], [1], []].map((labels, i) => ({ ...first!, id: `${i}`, form: "labels" as const, labels }));
  const open = { ...first!, id: "open", form: "words" as const, labels: [], answer: "left lung" };
  const mixed = { ...task, splits: { train: drawn, validation: [], test: [open] } };
  const { counts, oneHot, oneHotColumns, together } = await describeLabels(mixed);
  expect(counts[0]).toEqual({ labelName: "normal, benign", count: 2 });
  expect(counts.find(({ labelName }) => labelName === "left lung")).toEqual({ labelName: "left lung", count: 1 });
  const [benign, malignant, none] = ["is normal, benign", "is malignant", "is none"].map((name) =>
    oneHotColumns.indexOf(name),
  );
  expect(oneHotColumns).toHaveLength(3);
  expect(oneHot.map((row) => [row[malignant!], row[benign!], row[none!]])).toEqual([
    [1, 1, 0],
    [0, 1, 0],
    [0, 0, 1],
    [0, 0, 0],
  ]);
  expect(together[malignant!]![benign!]).toBe(1);
  expect(together[benign!]![benign!]).toBe(2);
  expect(together[none!]![none!]).toBe(1);
});
