import { assertInRange, assertInteger, assertKnownKeys, assertSameLength } from "../base/check";
import { NumericError, ShapeError } from "../base/errors";
import { createRandom, type Random } from "../base/random";

/** A number with its percentile interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** The difference of two systems on the same rows. */
export interface PairedDifference extends Interval {
  /** Two-sided: twice the smaller share of draws on one side of 0 (draws equal to 0 count on both), at most 1. */
  readonly pValue: number;
}

/** Options of bootstrap and pairedBootstrap. */
export interface BootstrapOptions {
  /** Default 2000. */
  readonly numDraws?: number;
  /** Share of the draws inside the interval, in [0.5, 0.999]. Default 0.95. */
  readonly level?: number;
  /** Default 7. */
  readonly seed?: number;
  /**
   * A larger unit for each row, such as the seed of its training: as many of them as there are are drawn with replacement, then groups
   * within each. Of three or five seeds it says about as much as so few can. Default none.
   */
  readonly outer?: readonly string[];
}

/** A number computed from some rows, given by their positions (a row may occur several times). */
export type Statistic = (rows: readonly number[]) => number;

const OPTION_NAMES: readonly (keyof BootstrapOptions)[] = ["numDraws", "level", "seed", "outer"];

type ResolvedOptions = Required<Omit<BootstrapOptions, "outer">> & { readonly outer: readonly string[] | null };

function resolveOptions(where: string, options: BootstrapOptions): ResolvedOptions {
  assertKnownKeys(`${where}:`, options, OPTION_NAMES);
  const { numDraws = 2000, level = 0.95, seed = 7, outer = null } = options;
  assertInteger(`${where}: numDraws`, numDraws, 1);
  assertInRange(`${where}: level`, level, 0.5, 0.999);
  assertInteger(`${where}: seed`, seed, 0);
  return { numDraws, level, seed, outer };
}

/** The given rows by the unit of each, in order of first appearance. */
function splitRows(rows: readonly number[], units: readonly string[]): number[][] {
  const byUnit = new Map<string, number[]>();
  for (const row of rows) {
    const found = byUnit.get(units[row]!);
    if (found === undefined) byUnit.set(units[row]!, [row]);
    else found.push(row);
  }
  return [...byUnit.values()];
}

/** Positions of the rows of each group of each outer unit; one of all rows where none is named. */
function nestRows(where: string, groups: readonly string[], outer: readonly string[] | null): number[][][] {
  if (groups.length === 0) throw new ShapeError(`${where}: groups must hold at least one row; got 0.`);
  if (outer !== null) assertSameLength(`${where}: outer`, outer.length, groups.length);
  const all = groups.map((_, row) => row);
  const units = outer === null ? [all] : splitRows(all, outer);
  return units.map((rows) => splitRows(rows, groups));
}

/** Quantile of sorted values, interpolated linearly between neighbours (NumPy's default). */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}

/** Positions of rows: of each group of a unit, or of each draw. */
type RowLists = readonly (readonly number[])[];

/** Adds as many groups as there are, drawn with replacement: the positions of all their rows. */
function drawRows(byGroup: RowLists, random: Random, drawn: number[]): void {
  for (let i = 0; i < byGroup.length; i++) {
    const rows = byGroup[random.integer(byGroup.length)]!;
    for (let r = 0; r < rows.length; r++) drawn.push(rows[r]!);
  }
}

/** As many outer units as there are, drawn likewise, then the groups of each. A single one is not drawn: it is all there is. */
function drawNested(units: readonly RowLists[], random: Random): number[] {
  const drawn: number[] = [];
  if (units.length === 1) drawRows(units[0]!, random, drawn);
  else for (let u = 0; u < units.length; u++) drawRows(units[random.integer(units.length)]!, random, drawn);
  return drawn;
}

/** Positions that are remembered, of all draws together: 64 MiB. */
const MOST_REMEMBERED = 2 ** 23;

/** By what they depend on, the latest last: an analysis asks for the same draws for every system, metric and difference. */
const remembered = new Map<string, { readonly draws: RowLists; readonly size: number }>();

/** The rows of every draw: remembered where there is room for all of them, else one after the other. */
function drawnRows(
  units: readonly RowLists[],
  groups: readonly string[],
  options: ResolvedOptions,
): Iterable<readonly number[]> {
  const { seed, numDraws, outer } = options;
  const size = numDraws * groups.length;
  if (size > MOST_REMEMBERED) return drawAll(units, seed, numDraws);
  const key = JSON.stringify([seed, numDraws, groups, outer]);
  const draws = remembered.get(key)?.draws ?? [...drawAll(units, seed, numDraws)];
  remembered.delete(key);
  let room = MOST_REMEMBERED - size;
  for (const [older, { size }] of [...remembered].reverse()) {
    room -= size;
    if (room < 0) remembered.delete(older);
  }
  remembered.set(key, { draws, size });
  return draws;
}

function* drawAll(units: readonly RowLists[], seed: number, numDraws: number): Generator<readonly number[]> {
  const random = createRandom(seed).fork("bootstrap");
  for (let i = 0; i < numDraws; i++) yield drawNested(units, random);
}

function draw(where: string, groups: readonly string[], statistic: Statistic, options: ResolvedOptions) {
  const units = nestRows(where, groups, options.outer);
  const draws = Float64Array.from(drawnRows(units, groups, options), (rows) => {
    const value = statistic(rows);
    if (Number.isFinite(value)) return value;
    throw new NumericError(`${where}: statistic must be finite on every draw; got ${value}.`, { value });
  });
  const tail = (1 - options.level) / 2;
  draws.sort();
  return { draws, low: quantile(draws, tail), high: quantile(draws, 1 - tail) };
}

/**
 * Percentile bootstrap of a statistic. Whole groups (patients, images) are drawn with replacement, as many as there are,
 * so that rows of one patient stay together. Draws depend on seed and groups alone.
 *
 * @param groups one name per row.
 * @throws ShapeError without rows. ConfigError on an option. NumericError when the statistic is not finite on a draw.
 * @example bootstrap(groups, (rows) => accuracy(rows.map((i) => answers[i]), rows.map((i) => truth[i])))
 */
export function bootstrap(groups: readonly string[], statistic: Statistic, options: BootstrapOptions = {}): Interval {
  const { low, high } = draw("bootstrap", groups, statistic, resolveOptions("bootstrap", options));
  return { value: statistic(groups.map((_, row) => row)), low, high };
}

/**
 * Percentile bootstrap of first - second, both computed on the same drawn rows: what differs is the system, not the sample.
 *
 * @throws as bootstrap does.
 */
export function pairedBootstrap(
  groups: readonly string[],
  first: Statistic,
  second: Statistic,
  options: BootstrapOptions = {},
): PairedDifference {
  const difference: Statistic = (rows) => first(rows) - second(rows);
  const { draws, low, high } = draw("pairedBootstrap", groups, difference, resolveOptions("pairedBootstrap", options));
  const atMost = draws.filter((value) => value <= 0).length;
  const atLeast = draws.filter((value) => value >= 0).length;
  const pValue = Math.min(1, (2 * Math.min(atMost, atLeast)) / draws.length);
  return { value: difference(groups.map((_, row) => row)), low, high, pValue };
}
