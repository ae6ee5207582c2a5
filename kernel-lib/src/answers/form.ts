import { DataError } from "../base/errors";
import type { Prediction } from "../base/types";

/** The forms whose answer is exactly one of the task's labels. */
export type OneLabelForm = "label" | "yesNo";

/** Whether the answer is exactly one of the task's labels, so that it has probabilities. */
export function isOneLabel(prediction: Prediction): prediction is Prediction<OneLabelForm> {
  return prediction.form === "label" || prediction.form === "yesNo";
}

/**
 * The same predictions, known to be answered with one label each.
 *
 * @throws DataError when one is answered with a set of labels or in words.
 * @example const accuracies = labelPredictions(predictions).map(({ truth, probabilities }) => probabilities[truth])
 */
export function labelPredictions(predictions: readonly Prediction[]): readonly Prediction<OneLabelForm>[] {
  return predictions.map((prediction) => {
    if (isOneLabel(prediction)) return prediction;
    const { exampleId, form } = prediction;
    throw new DataError(
      `labelPredictions: predictions must be answered with one label each; ${exampleId} has the form "${form}". Keep the others apart.`,
      { exampleId, form },
    );
  });
}
