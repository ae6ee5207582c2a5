import { assertFinite, assertInRange, assertKnownKeys } from "../base/check";
import { ShapeError } from "../base/errors";
import type { Interval } from "./bootstrap";
import { studentQuantile } from "./student-t";

/** One number over several seeds. */
export interface SeedSummary extends Interval {
  /** Sample standard deviation (n - 1); 0 with one seed, which says nothing about the spread. */
  readonly deviation: number;
  readonly numSeeds: number;
}

/** Options of aggregateSeeds. */
export interface SeedOptions {
  /** Share of the interval, in [0.5, 0.999]. Default 0.95. */
  readonly level?: number;
}

/**
 * Mean of a metric over seeds, with its t-interval: mean ± t · deviation / √n. It says how much training's chance matters; how much
 * the choice of test examples matters is the bootstrap's to say. With one seed the interval has no width: `numSeeds` tells.
 *
 * @param values the metric of each seed.
 * @throws ShapeError without values. NumericError on NaN. ConfigError on the level.
 * @example aggregateSeeds([0.80, 0.84])   // value 0.82, deviation 0.0283, low 0.566, high 1.074
 */
export function aggregateSeeds(values: readonly number[], options: SeedOptions = {}): SeedSummary {
  assertKnownKeys("aggregateSeeds:", options, ["level"]);
  const { level = 0.95 } = options;
  assertInRange("aggregateSeeds: level", level, 0.5, 0.999);
  if (values.length === 0) throw new ShapeError("aggregateSeeds: values must hold at least one; got 0.");
  assertFinite("aggregateSeeds: values", values);
  const numSeeds = values.length;
  const value = values.reduce((sum, each) => sum + each, 0) / numSeeds;
  if (numSeeds === 1) return { value, low: value, high: value, deviation: 0, numSeeds };
  const squares = values.reduce((sum, each) => sum + (each - value) ** 2, 0);
  const deviation = Math.sqrt(squares / (numSeeds - 1));
  const half = (studentQuantile((1 + level) / 2, numSeeds - 1) * deviation) / Math.sqrt(numSeeds);
  return { value, low: value - half, high: value + half, deviation, numSeeds };
}
