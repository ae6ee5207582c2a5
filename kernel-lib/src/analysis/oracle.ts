import type { Prediction } from "../base/types";
import { type BootstrapOptions, bootstrap, type Interval } from "../metrics/bootstrap";
import { answerWordings, bySystem, isCorrect } from "./inconsistency";

/** What a system could reach if it always knew which of its readings to trust. */
export interface OracleResult {
  readonly system: string;
  readonly numQueries: number;
  /** Accuracy of the system itself. */
  readonly accuracy: Interval;
  /** Share of queries of which any reading gives exactly the true answer. */
  readonly oracle: Interval;
  /** oracle - accuracy, of the same draws' rows. Negative when fusion is right where no reading is. */
  readonly gap: Interval;
}

/** Whether any reading of the query gives exactly the true answer. */
export function isOracleCorrect(prediction: Prediction): boolean {
  const { truth, readings } = answerWordings(prediction);
  return truth !== null && readings.includes(truth);
}

/**
 * The oracle of every system: right if any reading is right. It is at least as accurate as any rule that picks one passage
 * per query; fusion is not such a rule, averaged probabilities can choose a label that no reading gave. Predictions of all forms:
 * right means the label, the whole set of labels, or the very words.
 *
 * @throws DataError when systems answer different examples. ShapeError without predictions.
 */
export function measureOracle(predictions: readonly Prediction[], options: BootstrapOptions = {}): OracleResult[] {
  return [...bySystem("measureOracle", predictions)].map(([system, rows]) => {
    const groups = rows.map((row) => row.group);
    const right = { fused: rows.map(isCorrect), any: rows.map(isOracleCorrect) };
    const share = (picked: readonly number[], by: keyof typeof right) =>
      picked.filter((i) => right[by][i]).length / picked.length;
    return {
      system,
      numQueries: rows.length,
      accuracy: bootstrap(groups, (picked) => share(picked, "fused"), options),
      oracle: bootstrap(groups, (picked) => share(picked, "any"), options),
      gap: bootstrap(groups, (picked) => share(picked, "any") - share(picked, "fused"), options),
    };
  });
}
