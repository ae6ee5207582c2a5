import type { Prediction, Reading } from "../../src/base/types";

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
