import { expect, test } from "vitest";
import { loadTask } from "../../src/data/tasks/load-task";
import { describeLabels } from "../../src/frames/danfo";

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
