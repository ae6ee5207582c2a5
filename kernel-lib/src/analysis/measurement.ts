import { DataError, ShapeError } from "../base/errors";
import type { DataSource, Prediction, Task } from "../base/types";
import { type BootstrapOptions, bootstrap, type Interval, pairedBootstrap, type Statistic } from "../metrics/bootstrap";

/**
 * One measured number with its 95 % interval: the row of every analysis. What an analysis has no use for is null, so that rows
 * of all of them stand in one table (`resultsFrame`) and a figure picks its own.
 */
export interface Measurement extends Interval {
  /** Null where no task was named. */
  readonly task: string | null;
  readonly system: string;
  /** The system that `value` is the difference to, on the same questions; null for a value of its own. */
  readonly baseline: string | null;
  /** Which questions or passages: "all", "consistent", "inconsistent", "image head" … */
  readonly subset: string;
  /** The system whose readings split the questions into subsets; null for "all". */
  readonly splitBy: string | null;
  /** See metrics/known-metrics.ts. */
  readonly metric: string;
  /** Of a difference: two-sided p of the paired bootstrap. */
  readonly pValue: number | null;
  /** Of a difference in being right: questions that only the system answers right. Absent elsewhere, as `lost` is. */
  readonly gained?: number;
  /** And those that only its baseline answers right. */
  readonly lost?: number;
  /** Questions behind the value. */
  readonly n: number;
  readonly seeds: number;
  readonly scale: "replica";
  /** Null where no task was named. */
  readonly data: DataSource | null;
}

/** A system minus its baseline on the same questions. */
export interface Difference extends Measurement {
  readonly baseline: string;
  readonly pValue: number;
}

/** Options that every analysis takes. */
export interface MeasureOptions {
  /** Fills the columns `task` and `data`. */
  readonly task?: Pick<Task, "name" | "source">;
  readonly bootstrap?: BootstrapOptions | undefined;
}

/** One metric of one system, before any number is drawn: over which rows, and how from the rows drawn. */
export interface Measurable {
  readonly system: string;
  readonly metric: string;
  /** Default "all". */
  readonly subset?: string;
  /** Default null. */
  readonly splitBy?: string | null;
  /** Resampling unit of each row, [n]. */
  readonly groups: readonly string[];
  readonly statistic: Statistic;
  /** Of a metric that is the share of right answers: which are. */
  readonly right?: readonly boolean[];
}

/** The value with its bootstrap interval; groups are drawn whole. @throws as `bootstrap` does. */
export function measure(what: Measurable, options: MeasureOptions = {}): Measurement {
  const interval = bootstrap(what.groups, what.statistic, options.bootstrap);
  return { ...factsOf(what, options), baseline: null, ...interval, pValue: null };
}

/** The difference to a baseline that answered the same rows, with its paired interval. @throws as `pairedBootstrap` does. */
export function measureDifference(what: Measurable, baseline: Measurable, options: MeasureOptions = {}): Difference {
  const interval = pairedBootstrap(what.groups, what.statistic, baseline.statistic, options.bootstrap);
  return { ...factsOf(what, options), baseline: baseline.system, ...interval, ...changedOf(what, baseline) };
}

/** How many answers are right of the one and wrong of the other. */
function changedOf({ right }: Measurable, { right: others }: Measurable): Pick<Measurement, "gained" | "lost"> {
  if (right === undefined || others === undefined) return {};
  const only = (first: readonly boolean[], second: readonly boolean[]): number =>
    first.filter((holds, i) => holds && !second[i]).length;
  return { gained: only(right, others), lost: only(others, right) };
}

function factsOf({ system, metric, subset = "all", splitBy = null, groups }: Measurable, { task }: MeasureOptions) {
  const about = { task: task?.name ?? null, seeds: 1, scale: "replica", data: task?.source ?? null } as const;
  return { ...about, system, metric, subset, splitBy, n: groups.length };
}

/** Sum of the parts over the sum of the wholes, of the drawn rows. */
export function ratioOf<T>(rows: readonly T[], part: (row: T) => number, whole: (row: T) => number): Statistic {
  const [parts, wholes] = [Float64Array.from(rows, part), Float64Array.from(rows, whole)];
  return (picked) => sumOf(parts, picked) / sumOf(wholes, picked);
}

/** How large a share of the drawn rows a test holds for. */
export function shareOf<T>(rows: readonly T[], test: (row: T) => boolean): Statistic {
  const holds = Uint8Array.from(rows, (row) => Number(test(row)));
  return (picked) => sumOf(holds, picked) / picked.length;
}

/** A loop, since statistics are taken thousands of times. */
function sumOf(values: Float64Array | Uint8Array, picked: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < picked.length; i++) sum += values[picked[i]!]!;
  return sum;
}

/**
 * The one row that is asked for. Columns that are not named: a value of the system's own, on all questions.
 *
 * @throws DataError when no row or several match.
 * @example findMeasurement(rows, { system: "jomed", metric: "accuracy" }).value
 */
export function findMeasurement(rows: readonly Measurement[], wanted: Partial<Measurement>): Measurement {
  const asked = Object.entries({ baseline: null, subset: "all", ...wanted });
  const found = rows.filter((row) => asked.every(([column, value]) => row[column as keyof Measurement] === value));
  if (found.length === 1) return found[0]!;
  const there = [...new Set(rows.map(({ system, metric, subset }) => `${system} ${metric} ${subset}`))];
  throw new DataError(
    `findMeasurement: wanted must match one row; ${JSON.stringify(wanted)} matches ${found.length}. ` +
      `There are ${there.join(", ") || "no rows"}.`,
    { wanted, matches: found.length },
  );
}

/**
 * Predictions by system, each in the order of the first system's examples.
 *
 * @throws ShapeError without predictions. DataError when a system answers an example twice or other examples than the first.
 */
export function bySystem<T extends Prediction>(where: string, predictions: readonly T[]): Map<string, readonly T[]> {
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

function inOrder<T extends Prediction>(
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
