import { answerWordings, formOf } from "../answers/forms";
import { fusionWeights } from "../answers/fusion";
import { assertInRange, assertKnownKeys } from "../base/check";
import { ConfigError } from "../base/errors";
import type { Prediction, Task } from "../base/types";
import { bySystem, type Measurement, type MeasureOptions, measure, ratioOf, shareOf } from "./measurement";

// How uneven the weights of the fusion are. The reference code divides each head's scores by their maximum and takes the softmax: scores of near
// passages differ by little of their maximum, so the softmax sees numbers just below 1 and gives nearly equal weights.

export interface FusionWeightInputs extends Pick<MeasureOptions, "bootstrap"> {
  readonly task: Task;
  /** Of the softmax, each in (0, 1000]. Default 1 (the reference code's), 0.1, 0.03 and 0.01. */
  readonly temperatures?: readonly number[];
}

const TEMPERATURES: readonly number[] = [1, 0.1, 0.03, 0.01];

/**
 * How uneven the fusion weights are, by the temperature of their softmax, from stored readings alone. Rows, per system that reads several
 * passages and temperature (subset "temperature 1"):
 * - `largestWeight`: mean weight of the reading that weighs most; 1 / K where all weigh the same;
 * - `equalWeight`: mean of 1 / K;
 * - `sameAsEqual`: share of the questions whose fused answer is the one that equal weights give.
 * Fusion is by probabilities. Questions with a single reading, or one that was not retrieved, are left out.
 *
 * Paper: arXiv 2508.17394v3, inference; reference code: scores over each head's maximum, softmax.
 *
 * @throws ConfigError on a temperature or an unknown option. DataError when systems answer different examples. ShapeError without predictions.
 * @example measureFusionWeights(predictions, { task })
 */
export function measureFusionWeights(predictions: readonly Prediction[], inputs: FusionWeightInputs): Measurement[] {
  assertKnownKeys("measureFusionWeights:", inputs, ["task", "temperatures", "bootstrap"]);
  const { task, temperatures = TEMPERATURES, bootstrap } = inputs;
  if (temperatures.length === 0)
    throw new ConfigError("measureFusionWeights: temperatures must hold at least one; got none.");
  for (const temperature of temperatures) assertInRange("measureFusionWeights: temperatures", temperature, 1e-6, 1000);
  const settings: MeasureOptions = { task, bootstrap };
  return [...bySystem("measureFusionWeights", predictions)].flatMap(([system, rows]) =>
    temperatures.flatMap((temperature) => {
      const weighed = rows.flatMap((row) => weigh(row, task, temperature) ?? []);
      if (weighed.length === 0) return [];
      const groups = weighed.map(({ group }) => group);
      const mean = (value: (one: Weighed) => number) => ratioOf(weighed, value, () => 1);
      const about = { system, subset: `temperature ${temperature}`, groups };
      return [
        { ...about, metric: "largestWeight", statistic: mean(({ largest }) => largest) },
        { ...about, metric: "equalWeight", statistic: mean(({ equal }) => equal) },
        { ...about, metric: "sameAsEqual", statistic: shareOf(weighed, ({ same }) => same) },
      ].map((what) => measure(what, settings));
    }),
  );
}

interface Weighed {
  readonly group: string;
  readonly largest: number;
  readonly equal: number;
  /** Whether equal weights give the same answer. */
  readonly same: boolean;
}

function weigh(prediction: Prediction, { labels }: Task, temperature: number): Weighed | null {
  const { readings, group } = prediction;
  const retrieved = readings.flatMap((reading) => reading.retrieved ?? []);
  if (retrieved.length < 2 || retrieved.length < readings.length) return null;
  const weights = fusionWeights(retrieved, { temperature });
  const equal = weights.map(() => 1 / weights.length);
  const fused = (own: readonly number[]): string | null => {
    const { answer } = formOf(prediction.form).fuse(readings, own, { labels, fusion: "probabilities" });
    return answerWordings({ ...prediction, answer } as Prediction).answer;
  };
  return { group, largest: Math.max(...weights), equal: equal[0]!, same: fused(weights) === fused(equal) };
}
