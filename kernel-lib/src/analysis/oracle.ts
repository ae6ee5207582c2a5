import type { Prediction } from "../base/types";
import { type BootstrapOptions, bootstrap, type Interval } from "../metrics/bootstrap";
import { bySystem } from "./by-system";

/** What a system could reach if it always knew which of its readings to trust. */
export interface OracleResult {
  readonly system: string;
  readonly numQueries: number;
  /** Accuracy of the system itself. */
  readonly accuracy: Interval;
  /** Share of queries of which any reading gives the right label. */
  readonly oracle: Interval;
  /** oracle - accuracy, of the same draws' rows. Negative when fusion is right where no reading is. */
  readonly gap: Interval;
}

/** Whether any reading of the query gives the right label. */
export function isOracleCorrect(prediction: Prediction): boolean {
  return prediction.readings.some((reading) => reading.label === prediction.trueLabel);
}

/**
 * The oracle of every system: right if any reading is right. It is at least as accurate as any rule that picks one passage
 * per query; fusion is not such a rule, averaged probabilities can choose a label that no reading gave.
 *
 * @throws DataError when systems answer different examples. ShapeError without predictions.
 */
export function measureOracle(predictions: readonly Prediction[], options: BootstrapOptions = {}): OracleResult[] {
  return [...bySystem("measureOracle", predictions)].map(([system, rows]) => {
    const groups = rows.map((row) => row.group);
    const share = (picked: readonly number[], right: (row: Prediction) => boolean) =>
      picked.filter((i) => right(rows[i]!)).length / picked.length;
    const isRight = (row: Prediction) => row.label === row.trueLabel;
    return {
      system,
      numQueries: rows.length,
      accuracy: bootstrap(groups, (picked) => share(picked, isRight), options),
      oracle: bootstrap(groups, (picked) => share(picked, isOracleCorrect), options),
      gap: bootstrap(groups, (picked) => share(picked, isOracleCorrect) - share(picked, isRight), options),
    };
  });
}
