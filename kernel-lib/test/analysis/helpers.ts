import type { Example, MetricName, Prediction, Reading, Task } from "../../src/base/types";

const image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(0) } as const;
/** A question of the toy task. */
export const toyExample = (id: string, more: Partial<Example>): Example => ({
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
/** A task of two labels, yes and no, with these test questions. */
export function toyTask(metrics: readonly MetricName[], test: readonly Example[]): Task {
  const labels = ["yes", "no"].map((name, index) => ({ index, name, answer: name }));
  const card = { title: "", source: "phantom", description: "", licence: "", citation: "", obtain: "" } as const;
  const splits = { train: [], validation: [], test };
  return { name: "toy", source: "phantom", modality: "", labels, splits, metrics, card, fingerprint: "toy" };
}

/** A prediction of two labels from what its readings say and what was fused. */
export function predict(
  system: string,
  exampleId: string,
  truth: number,
  readings: readonly (number | null)[],
  answer: number | null,
): Prediction<"label"> {
  const read = (label: number | null): Reading<"label"> => ({
    form: "label",
    exampleId,
    retrieved: null,
    text: String(label),
    answer: label,
    logits: [0, 0],
    probabilities: [0.5, 0.5],
  });
  return {
    form: "label",
    system,
    exampleId,
    group: exampleId,
    truth,
    answer,
    probabilities: [0.5, 0.5],
    weights: readings.map(() => 1 / readings.length),
    readings: readings.map(read),
  };
}
