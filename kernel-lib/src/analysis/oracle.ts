import { answerWordings, isCorrect, isOneLabel } from "../answers/forms";
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

/** Rules that pick one of a prediction's readings: they rerank the passages and answer with the first. */
export const PICKS = ["score", "confidence", "vote"] as const;

/** One of PICKS. */
export type Pick = (typeof PICKS)[number];

/**
 * Which reading a rule picks, by its place; of equals the first. "score": of the passage with the largest fusion weight, the retriever's own
 * order. "confidence": whose most probable label is the most probable. "vote": of the answer that most readings give.
 *
 * @returns null without readings, and by confidence where the answer is not exactly one label.
 */
export function pickReading(prediction: Prediction, pick: Pick): number | null {
  const { readings, weights } = prediction;
  if (readings.length === 0) return null;
  const best = (values: readonly number[]): number => values.indexOf(Math.max(...values));
  if (pick === "score") return best(weights);
  if (pick === "confidence")
    return isOneLabel(prediction)
      ? best(prediction.readings.map(({ probabilities }) => Math.max(...probabilities)))
      : null;
  const told = answerWordings(prediction).readings;
  return best(told.map((answer) => told.filter((other) => other === answer && answer !== null).length));
}

/**
 * How often any of so many independent guesses would be right: 1 - (1 - a)^n. Readings of one question are anything but independent; an oracle
 * that is no better than this owes its height to the number of its tries.
 *
 * @param accuracy a, of a single reading, in [0, 1].
 * @param numReadings n, ≥ 0; a mean need not be whole.
 * @example chanceOracle(0.6, 2)   // 0.84
 */
export function chanceOracle(accuracy: number, numReadings: number): number {
  return 1 - (1 - accuracy) ** numReadings;
}
