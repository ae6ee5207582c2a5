import type { Prediction, Reading } from "../../src/base/types";

/** A prediction of two labels from what its readings say and what was fused. */
export function predict(
  system: string,
  exampleId: string,
  trueLabel: number,
  readings: readonly (number | null)[],
  label: number | null,
): Prediction {
  const read = (answer: number | null): Reading => ({
    exampleId,
    retrieved: null,
    answer: String(answer),
    label: answer,
    logits: [0, 0],
    probabilities: [0.5, 0.5],
  });
  return {
    system,
    exampleId,
    group: exampleId,
    trueLabel,
    label,
    probabilities: [0.5, 0.5],
    weights: readings.map(() => 1 / readings.length),
    readings: readings.map(read),
  };
}
