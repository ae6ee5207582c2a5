import { DataError } from "../base/errors";

/** Of one label: hits, false alarms and misses. */
export interface LabelCounts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

/** How a metric counts what would divide by zero (scikit-learn's `zero_division`): as 0, as 1, or not at all. */
export type ZeroDivision = 0 | 1 | "leaveOut";

/**
 * Counts every label over the rows. A row of null (unparsed) holds no label: it misses the true ones and raises no false alarm.
 *
 * @param answers label sets of the answers; a label named twice in a row counts once.
 * @throws DataError on a label outside 0 … numLabels - 1.
 */
export function countLabels(
  where: string,
  answers: readonly (readonly number[] | null)[],
  truth: readonly (readonly number[])[],
  numLabels: number,
): LabelCounts[] {
  const zeros = (): number[] => new Array<number>(numLabels).fill(0);
  const [hits, answered, wanted] = [zeros(), zeros(), zeros()];
  truth.forEach((row, i) => {
    const found = different(where, answers[i] ?? [], numLabels);
    const right = different(where, row, numLabels);
    for (const label of right) wanted[label]! += 1;
    for (const label of found) {
      answered[label]! += 1;
      if (right.includes(label)) hits[label]! += 1;
    }
  });
  return hits.map((truePositives, label) => ({
    truePositives,
    falsePositives: answered[label]! - truePositives,
    falseNegatives: wanted[label]! - truePositives,
  }));
}

/** F1 = 2 tp / (2 tp + fp + fn); null where a label occurs in neither answers nor truth. */
export function f1Of({ truePositives, falsePositives, falseNegatives }: LabelCounts): number | null {
  const mentions = 2 * truePositives + falsePositives + falseNegatives;
  return mentions === 0 ? null : (2 * truePositives) / mentions;
}

/** The labels of a row, checked, each once. */
function different(where: string, labels: readonly number[], numLabels: number): readonly number[] {
  for (const label of labels) {
    if (Number.isInteger(label) && label >= 0 && label < numLabels) continue;
    throw new DataError(`${where}: labels must be whole numbers in [0, ${numLabels - 1}]; got ${label}.`, { label });
  }
  return labels.length < 2 ? labels : [...new Set(labels)]; // one label is the usual case, in thousands of bootstrap draws
}
