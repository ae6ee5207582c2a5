import { DataError, ShapeError } from "../base/errors";
import type { AnyPrediction } from "../base/types";

/**
 * Predictions by system, each in the order of the first system's examples.
 *
 * @throws ShapeError without predictions. DataError when a system answers an example twice or other examples than the first.
 */
export function bySystem<T extends AnyPrediction>(where: string, predictions: readonly T[]): Map<string, readonly T[]> {
  if (predictions.length === 0) throw new ShapeError(`${where}: predictions must hold at least one; got 0.`);
  const answers = new Map<string, Map<string, T>>();
  for (const prediction of predictions) {
    const { system, exampleId } = prediction;
    const ofSystem = answers.get(system) ?? new Map<string, T>();
    if (ofSystem.has(exampleId)) {
      throw new DataError(
        `${where}: predictions must be one per system and example; got two of ${system}, ${exampleId}.`,
      );
    }
    answers.set(system, ofSystem.set(exampleId, prediction));
  }
  const ids = [...answers.get(predictions[0]!.system)!.keys()];
  return new Map([...answers].map(([system, ofSystem]) => [system, inOrder(where, system, ofSystem, ids)]));
}

function inOrder<T extends AnyPrediction>(
  where: string,
  system: string,
  answers: Map<string, T>,
  ids: readonly string[],
): T[] {
  return ids.map((id) => {
    const prediction = answers.get(id);
    if (prediction !== undefined && answers.size === ids.length) return prediction;
    throw new DataError(
      `${where}: predictions of ${system} must be of the same ${ids.length} examples as the first system's; ` +
        `got ${answers.size}${prediction === undefined ? `, without ${id}` : ""}. Predict all systems on one split.`,
      { system, exampleId: id },
    );
  });
}
