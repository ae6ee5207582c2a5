import { isCorrect } from "../answers/forms";
import { DataError } from "../base/errors";
import type { Prediction, Task } from "../base/types";
import type { BootstrapOptions } from "../metrics/bootstrap";
import { aggregateSeeds } from "../metrics/seeds";
import { BASELINE_SYSTEM } from "../systems/systems";
import { measurablesOf } from "./evaluation";
import { isInconsistent, readsSeveral } from "./inconsistency";
import { bySystem, type Measurable, type Measurement, measure, measureDifference, shareOf } from "./measurement";

/** One repetition of an experiment: its task (of drawn data each seed has its own) and all systems' answers. */
export interface SeedAnswers {
  readonly seed: number;
  readonly task: Task;
  readonly predictions: readonly Prediction[];
}

export interface OverSeedsOptions {
  /** The system that differences are taken to. Default "ft-rag". */
  readonly baseline?: string;
  /** Further differences, as pairs of a system and its baseline; those of which one did not answer are left out. Default none. */
  readonly pairs?: readonly (readonly [system: string, baseline: string])[];
  readonly bootstrap?: Omit<BootstrapOptions, "outer">;
}

/** A measurable of all seeds, and the seed of each of its rows. */
interface Pooled extends Measurable {
  readonly outer: readonly string[];
}

/**
 * The task's metrics of every system over several seeds, each seed's value weighing as its questions, and paired differences to a baseline:
 * on all questions, and in being exactly right on those that are consistent and inconsistent under the baseline. Metric `inconsistency`: their share.
 * Intervals draw seeds, then questions within each.
 *
 * @throws DataError without seeds, for a seed twice, or where seeds differ in task, systems or metrics. Otherwise as measureEvaluation does.
 */
export function measureOverSeeds(seeds: readonly SeedAnswers[], options: OverSeedsOptions = {}): Measurement[] {
  const { baseline = BASELINE_SYSTEM, pairs = [], bootstrap = {} } = options;
  checkSeeds("measureOverSeeds", seeds);
  const { task } = seeds[0]!;
  const settingsOf = ({ outer }: Pooled) => ({ task, bootstrap: { ...bootstrap, outer } });
  const pooled = [
    ...pool(
      seeds.map(({ task: own, predictions }) => measurablesOf("measureOverSeeds", own, predictions)),
      seeds,
    ),
    ...pool(
      seeds.map(({ predictions }) => onSubsets(predictions, baseline)),
      seeds,
    ),
  ];
  const inconsistency = pool(
    seeds.map(({ predictions }) => inconsistencies(predictions)),
    seeds,
  );
  const withSeeds = (row: Measurement): Measurement => ({ ...row, seeds: seeds.length });
  const values = [...pooled, ...inconsistency].map((what) => measure(what, settingsOf(what)));
  const differences = pooled.flatMap((what) => {
    const own = pairs.flatMap(([system, other]) => (system === what.system && other !== baseline ? [other] : []));
    return [baseline, ...own].flatMap((name) => {
      const alike = (other: Pooled) => other.metric === what.metric && other.subset === what.subset;
      const base = pooled.find((other) => other.system === name && alike(other));
      return base === undefined || base === what ? [] : [measureDifference(what, base, settingsOf(what))];
    });
  });
  return [...values, ...differences].map(withSeeds);
}

/** Throws DataError unless there is a seed, each once, all of one task. */
export function checkSeeds(where: string, seeds: readonly SeedAnswers[]): void {
  if (seeds.length === 0)
    throw new DataError(`${where}: seeds must hold at least one; got 0. Pass the answers of each repetition.`);
  const names = seeds.map(({ seed }) => seed);
  if (new Set(names).size < names.length)
    throw new DataError(`${where}: seeds must come once each; got ${names.join(", ")}. Leave the repeated one out.`, {
      seeds: names,
    });
  const tasks = [...new Set(seeds.map(({ task }) => task.name))];
  if (tasks.length > 1)
    throw new DataError(`${where}: seeds must be of one task; got ${tasks.join(", ")}. Measure each by itself.`);
}

/** Being exactly right on the questions that are consistent and inconsistent under the baseline. */
function onSubsets(predictions: readonly Prediction[], baseline: string): Measurable[] {
  const systems = bySystem("measureOverSeeds", predictions);
  const base = systems.get(baseline);
  if (base === undefined || !readsSeveral(base)) return [];
  const differs = base.map(isInconsistent);
  return [...systems].flatMap(([system, rows]) =>
    (["consistent", "inconsistent"] as const).flatMap((subset): Measurable[] => {
      const kept = rows.filter((_, i) => differs[i] === (subset === "inconsistent"));
      const groups = kept.map(({ group }) => group);
      const right = kept.map(isCorrect);
      const statistic = shareOf(kept, isCorrect);
      return [{ system, metric: "accuracy", subset, splitBy: baseline, groups, statistic, right }];
    }),
  );
}

function inconsistencies(predictions: readonly Prediction[]): Measurable[] {
  return [...bySystem("measureOverSeeds", predictions)].flatMap(([system, rows]) => {
    const groups = rows.map(({ group }) => group);
    return readsSeveral(rows)
      ? [{ system, metric: "inconsistency", groups, statistic: shareOf(rows, isInconsistent) }]
      : [];
  });
}

const nameOf = ({ system, metric, subset = "all" }: Measurable): string => JSON.stringify([system, metric, subset]);

/** Each measurable of all seeds as one; those without a row anywhere are left out. */
function pool(bySeed: readonly (readonly Measurable[])[], seeds: readonly SeedAnswers[]): Pooled[] {
  const names = bySeed.map((own) => own.map(nameOf));
  const odd = names.findIndex((own) => own.join() !== names[0]!.join());
  if (odd > 0) {
    throw new DataError(
      `measureOverSeeds: seeds must hold the same systems and metrics; seed ${seeds[odd]!.seed} has others than seed ${seeds[0]!.seed}. Run the grid to its end.`,
      { seed: seeds[odd]!.seed },
    );
  }
  return bySeed[0]!.flatMap((first, at) => {
    const parts = bySeed.map((own) => own[at]!);
    const outer = parts.flatMap(({ groups }, i) => groups.map(() => String(seeds[i]!.seed)));
    if (outer.length === 0) return [];
    const groups = parts.flatMap((part) => part.groups);
    const right = first.right === undefined ? {} : { right: parts.flatMap((part) => part.right!) };
    return [{ ...first, groups, outer, statistic: pooledStatistic(parts), ...right }];
  });
}

/** The mean of the seeds' statistics over the rows drawn of each, by how many those are. */
function pooledStatistic(parts: readonly Measurable[]): Measurable["statistic"] {
  const starts: number[] = [];
  let total = 0;
  for (const { groups } of parts) {
    starts.push(total);
    total += groups.length;
  }
  return (rows) => {
    const drawn = parts.map((): number[] => []);
    for (const row of rows) {
      let part = parts.length - 1;
      while (row < starts[part]!) part--;
      drawn[part]!.push(row - starts[part]!);
    }
    const sum = drawn.reduce(
      (all, own, i) => (own.length === 0 ? all : all + own.length * parts[i]!.statistic(own)),
      0,
    );
    return sum / rows.length;
  };
}

/**
 * The mean over seeds of rows that were measured seed by seed, with its t-interval over seeds (`aggregateSeeds`), as seeds draw data, weights and
 * order anew. Rows are the same where all but their numbers is; one that a seed lacks is left out. A single seed's rows stay as they are.
 *
 * @param bySeed the rows of each seed.
 * @throws DataError without seeds.
 * @example aggregateMeasurements([measureAttribution(first, inputs), measureAttribution(second, others)])
 */
export function aggregateMeasurements(bySeed: readonly (readonly Measurement[])[]): Measurement[] {
  if (bySeed.length === 0) throw new DataError("aggregateMeasurements: bySeed must hold at least one seed; got 0.");
  if (bySeed.length === 1) return [...bySeed[0]!];
  const keyOf = ({ system, baseline, subset, splitBy, metric }: Measurement): string =>
    JSON.stringify([system, baseline, subset, splitBy, metric]);
  const maps = bySeed.map((rows) => new Map(rows.map((row) => [keyOf(row), row])));
  return bySeed[0]!.flatMap((first): Measurement[] => {
    const rows = maps.flatMap((rowsOfSeed) => rowsOfSeed.get(keyOf(first)) ?? []);
    if (rows.length < bySeed.length) return [];
    const { value, low, high } = aggregateSeeds(rows.map((row) => row.value));
    const sum = (count: (row: Measurement) => number): number => rows.reduce((all, row) => all + count(row), 0);
    const { gained, lost } = first;
    const changed =
      gained === undefined || lost === undefined
        ? {}
        : { gained: sum((row) => row.gained ?? 0), lost: sum((row) => row.lost ?? 0) };
    return [{ ...first, ...changed, value, low, high, pValue: null, n: sum(({ n }) => n), seeds: rows.length }];
  });
}
