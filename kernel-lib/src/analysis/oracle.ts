import { answerWordings, isCorrect } from "../answers/forms";
import type { Prediction } from "../base/types";
import { readsSeveral } from "./inconsistency";
import { bySystem, type Measurable, type Measurement, type MeasureOptions, measure, shareOf } from "./measurement";

/** Whether any reading of the query gives exactly the true answer. */
export function isOracleCorrect(prediction: Prediction): boolean {
  const { truth, readings } = answerWordings(prediction);
  return truth !== null && readings.includes(truth);
}

/**
 * What a system could reach if it always knew which of its readings to trust. Rows, per system:
 * - `accuracy`: share of queries answered exactly right (the label, the whole set of labels, or the very words);
 * - `oracle`: share of queries of which any reading is exactly right;
 * - `oracleGap`: oracle minus accuracy on the same draws; negative when fusion is right where no reading is.
 * A system that reads at most one passage per query has no oracle.
 *
 * The oracle is at least as accurate as any rule that picks one passage per query; fusion is not such a rule, averaged
 * probabilities can choose a label that no reading gave.
 *
 * Paper: arXiv 2508.17394v3, oracle analysis.
 *
 * @throws DataError when systems answer different examples. ShapeError without predictions.
 */
export function measureOracle(predictions: readonly Prediction[], options: MeasureOptions = {}): Measurement[] {
  return [...bySystem("measureOracle", predictions)].flatMap(([system, rows]) => {
    const [fused, best] = [shareOf(rows, isCorrect), shareOf(rows, isOracleCorrect)];
    const row = (metric: string, statistic: Measurable["statistic"]): Measurement =>
      measure({ system, metric, groups: rows.map(({ group }) => group), statistic }, options);
    const accuracy = row("accuracy", fused);
    if (!readsSeveral(rows)) return [accuracy];
    return [accuracy, row("oracle", best), row("oracleGap", (picked) => best(picked) - fused(picked))];
  });
}
