import { isCorrect } from "../answers/forms";
import { ConfigError, DataError } from "../base/errors";
import { mean } from "../base/numbers";
import type { Prediction } from "../base/types";
import { type BootstrapOptions, bootstrap, type Interval, pairedBootstrap, type Statistic } from "../metrics/bootstrap";
import { pearson } from "../metrics/correlation";
import { type CasebookDials, standardDials } from "../phantoms/casebook/dials";
import { type CasebookSetting, parseCasebookName } from "../phantoms/casebook/names";
import { BASELINE_SYSTEM, FULL_SYSTEM } from "../systems/systems";
import { isInconsistent } from "./inconsistency";
import { bySystem, findMeasurement, type Measurement, shareOf } from "./measurement";
import { knownShare, type MeasuredTold, predictAccuracy } from "./theory";

// Worlds that differ in their dials, each with several seeds: what a retriever gains over none, what training it gains on top, and what the
// toy theory says of both from the passages alone.

/** One world of one seed. */
export interface SweepCell {
  /** Name of the setting, "casebook:knowledge=0.3". */
  readonly task: string;
  readonly seed: number;
  /** Of closed-book, FT RAG and JOMED, on the same questions of one label each. */
  readonly predictions: readonly Prediction[];
  /** What the passages of the two that retrieve tell. */
  readonly told: { readonly before: MeasuredTold; readonly after: MeasuredTold };
  /** What measureExpectations gives with the world's facts. */
  readonly expectations: readonly Measurement[];
  /** Share of the reader's readings that follow a swapped caption, on validation; null where it was not measured. */
  readonly believed: number | null;
}

/**
 * What is measured of a setting:
 * - `closedBook`, `ftRag`, `jomed`: accuracy;
 * - `ragGain`: FT RAG minus closed-book; `gain`: JOMED minus FT RAG, on all questions, `gainOnConsistent` and `gainOnInconsistent`
 *   on the two kinds under FT RAG; paired;
 * - `inconsistent`: share of the questions whose readings disagree under FT RAG;
 * - `sameBefore`, `sameAfter`: m, the share of passages of the question's own pattern that FT RAG and JOMED read; `otherAgreement`: q, of FT RAG;
 * - `known`: share of the questions that a linear probe tells from the picture alone; `reachable`: how often it would tell the whole pattern, the
 *   product of its accuracies on the signs, beyond which training can hardly raise m;
 * - `believed`: how many of the reader's readings follow a swapped caption, where that was measured; the theory takes it for 1, and is wrong where
 *   it is not;
 * - `predictedRagGain`, `predictedGain`: the toy theory's (theory.ts) from m, q and `known`; `predictedMost`: with m at `reachable`.
 */
export type SweepMeasure =
  | "closedBook"
  | "ftRag"
  | "jomed"
  | "ragGain"
  | "gain"
  | "gainOnConsistent"
  | "gainOnInconsistent"
  | "inconsistent"
  | "sameBefore"
  | "sameAfter"
  | "otherAgreement"
  | "known"
  | "reachable"
  | "believed"
  | "predictedRagGain"
  | "predictedGain"
  | "predictedMost";

/** One number of one setting, over its seeds. */
export interface SweepRow extends Pick<CasebookDials, "knowledge" | "visibility" | "pull" | "alike"> {
  readonly task: string;
  readonly measure: SweepMeasure;
  readonly value: number;
  /** 95 % interval over seeds and their questions; null for what is predicted or measured of lists. */
  readonly low: number | null;
  readonly high: number | null;
  /** Questions, of all seeds. */
  readonly n: number;
  readonly seeds: number;
}

/**
 * The table of a sweep: every measure of every setting, in the order in which settings come.
 *
 * @param options.bootstrap draws, level and seed of the intervals; seeds are drawn, then questions within each.
 * @throws DataError when a cell is no casebook's, comes twice, or lacks one of the three systems.
 */
export function measureSweep(
  cells: readonly SweepCell[],
  options: { readonly bootstrap?: Omit<BootstrapOptions, "outer"> } = {},
): SweepRow[] {
  if (cells.length === 0) throw new DataError("measureSweep: cells must hold at least one; got 0. Run the grid first.");
  const byTask = new Map<string, SweepCell[]>();
  for (const cell of cells) {
    const own = byTask.get(cell.task) ?? [];
    if (own.some(({ seed }) => seed === cell.seed)) {
      throw new DataError(
        `measureSweep: cells must be one a setting and seed; got ${cell.task}, seed ${cell.seed} twice.`,
      );
    }
    byTask.set(cell.task, [...own, cell]);
  }
  return [...byTask].flatMap(([task, own]) => rowsOfSetting(task, own, options.bootstrap ?? {}));
}

function rowsOfSetting(task: string, cells: readonly SweepCell[], settings: BootstrapOptions): SweepRow[] {
  const { knowledge, visibility, pull, alike } = settingOf("measureSweep", task).dials;
  const asked = cells.map(questionsOf);
  const [seeds, n] = [cells.length, asked.flat().length];
  const about = { task, knowledge, visibility, pull, alike, seeds };
  const row = (measure: SweepMeasure, interval: Interval, count = n): SweepRow => {
    const { value, low, high } = interval;
    return { ...about, measure, value, low, high, n: count };
  };
  const measured = measuredOf(asked, settings).map(([measure, interval, count]) => row(measure, interval, count));
  const worked = [...workedOut(cells), ...believedIn(cells)].map(
    ([measure, value]): SweepRow => ({ ...about, measure, value, low: null, high: null, n }),
  );
  return [...measured, ...worked];
}

function settingOf(where: string, task: string): CasebookSetting {
  const setting = parseCasebookName(task);
  if (setting !== null) return setting;
  throw new DataError(`${where}: task must be a setting of the casebook; got "${task}". Sweep casebook:dial=… names.`, {
    task,
  });
}

/** One question: which systems are right, and whether it is inconsistent under FT RAG. */
interface Asked {
  readonly seed: string;
  readonly group: string;
  readonly closedBook: boolean;
  readonly ftRag: boolean;
  readonly jomed: boolean;
  readonly inconsistent: boolean;
}

const SYSTEMS = { closedBook: "closed-book", ftRag: BASELINE_SYSTEM, jomed: FULL_SYSTEM } as const;
type Compared = keyof typeof SYSTEMS;

function questionsOf({ task, seed, predictions }: SweepCell): Asked[] {
  const systems = bySystem("measureSweep", predictions);
  const answersOf = (name: Compared): readonly Prediction[] => {
    const found = systems.get(SYSTEMS[name]);
    if (found !== undefined) return found;
    const there = [...systems.keys()].join(", ");
    throw new DataError(`measureSweep: predictions of ${task}, seed ${seed} must hold ${SYSTEMS[name]}; got ${there}.`);
  };
  const [closedBook, ftRag, jomed] = [answersOf("closedBook"), answersOf("ftRag"), answersOf("jomed")];
  return ftRag.map((prediction, i) => ({
    seed: String(seed),
    group: prediction.group,
    closedBook: isCorrect(closedBook[i]!),
    ftRag: isCorrect(prediction),
    jomed: isCorrect(jomed[i]!),
    inconsistent: isInconsistent(prediction),
  }));
}

/** What is measured of answers, with intervals, and on how many questions; a kind of question that does not occur has no row. */
function measuredOf(
  cells: readonly (readonly Asked[])[],
  settings: BootstrapOptions,
): [SweepMeasure, Interval, number][] {
  const all = cells.flat();
  const share = (rows: readonly Asked[], name: Compared | "inconsistent"): Statistic =>
    shareOf(rows, (row) => row[name]);
  const nested = (rows: readonly Asked[]) =>
    [rows.map(({ group }) => group), { ...settings, outer: rows.map(({ seed }) => seed) }] as const;
  const own = (name: Compared | "inconsistent"): [SweepMeasure, Interval, number] => {
    const [groups, options] = nested(all);
    return [name, bootstrap(groups, share(all, name), options), all.length];
  };
  const difference = (
    measure: SweepMeasure,
    [first, second]: readonly [Compared, Compared],
    rows: readonly Asked[] = all,
  ): [SweepMeasure, Interval, number][] => {
    if (rows.length === 0) return [];
    const [groups, options] = nested(rows);
    return [[measure, pairedBootstrap(groups, share(rows, first), share(rows, second), options), rows.length]];
  };
  const trained = ["jomed", "ftRag"] as const;
  return [
    ...[own("closedBook"), own("ftRag"), own("jomed")],
    ...difference("ragGain", ["ftRag", "closedBook"]),
    ...difference("gain", trained),
    ...difference(
      "gainOnConsistent",
      trained,
      all.filter(({ inconsistent }) => !inconsistent),
    ),
    ...difference(
      "gainOnInconsistent",
      trained,
      all.filter(({ inconsistent }) => inconsistent),
    ),
    own("inconsistent"),
  ];
}

/** What is known of lists and pictures, and what the theory makes of it: means over the seeds. */
function workedOut(cells: readonly SweepCell[]): [SweepMeasure, number][] {
  const seeds = cells.map(theoryOf);
  return (Object.keys(seeds[0]!) as (keyof ReturnType<typeof theoryOf>)[]).map((name) => [
    name,
    seeds.reduce((sum, values) => sum + values[name], 0) / seeds.length,
  ]);
}

/** The mean of the seeds; no row where one was not measured. */
function believedIn(cells: readonly SweepCell[]): [SweepMeasure, number][] {
  const known = cells.flatMap(({ believed }) => believed ?? []);
  if (known.length < cells.length) return [];
  return [["believed", mean(known)]];
}

const SIGN = "sign ";
const MARK = "sign mark"; // shows the diagnosis, is no part of the pattern

function theoryOf({ told: { before, after }, expectations }: SweepCell) {
  const accuracyOf = (system: string, subset: string): number =>
    findMeasurement(expectations, { system, metric: "accuracy", subset }).value;
  const known = knownShare(accuracyOf("linear probe", "label"), Math.min(accuracyOf("chance", "label"), 1 - 1e-6));
  const signs = expectations.filter(
    ({ system, subset }) => system === "linear probe" && subset.startsWith(SIGN) && subset !== MARK,
  );
  const reachable = signs.reduce((product, { value }) => product * value, 1);
  const predict = ({ sameShare: _share, ...told }: MeasuredTold, same: MeasuredTold["same"] | number): number =>
    predictAccuracy({ ...told, same, known });
  const [ftRag, jomed] = [predict(before, before.same), predict(after, after.same)];
  const alone = known + (1 - known) / before.numClasses;
  return {
    sameBefore: before.sameShare,
    sameAfter: after.sameShare,
    otherAgreement: before.otherAgreement,
    known,
    reachable,
    predictedRagGain: ftRag - alone,
    predictedGain: jomed - ftRag,
    predictedMost: predict(before, Math.max(reachable, before.sameShare)) - ftRag,
  };
}

const DIALS = ["knowledge", "visibility", "pull", "alike"] as const;

/**
 * Rows of a sweep in the order of its dials: settings that turn `knowledge` alone, then those that turn `visibility`, `pull` and `alike`; each
 * kind by its values, least first.
 *
 * @throws DataError when a setting is no casebook's.
 */
export function orderSettings(rows: readonly SweepRow[]): SweepRow[] {
  const placeOf = (row: SweepRow): number[] => {
    const standard = standardDials(settingOf("orderSettings", row.task).variant);
    const turned = DIALS.map((dial) => row[dial] !== standard[dial]).lastIndexOf(true);
    return [Math.max(turned, 0), ...DIALS.map((dial) => row[dial])];
  };
  const places = new Map(rows.map((row) => [row, placeOf(row)]));
  return [...rows].sort((a, b) => {
    const [first, second] = [places.get(a)!, places.get(b)!];
    const at = first.findIndex((value, i) => value !== second[i]);
    return at < 0 ? 0 : first[at]! - second[at]!;
  });
}

/**
 * How well predicted and measured gains of the settings go together: Pearson's correlation with its interval.
 *
 * @param rows as measureSweep gives them.
 * @throws ConfigError when there are fewer than four settings.
 */
export function sweepCorrelation(rows: readonly SweepRow[], measure: "gain" | "ragGain" = "gain"): Interval {
  const predicted = measure === "gain" ? "predictedGain" : "predictedRagGain";
  const numberOf = (task: string, name: SweepMeasure) =>
    rows.find((row) => row.task === task && row.measure === name)?.value ?? Number.NaN;
  const tasks = [...new Set(rows.map(({ task }) => task))];
  if (tasks.length < 4) {
    throw new ConfigError(`sweepCorrelation: rows must hold at least four settings; got ${tasks.length}. Sweep more.`);
  }
  return pearson(
    tasks.map((task) => numberOf(task, predicted)),
    tasks.map((task) => numberOf(task, measure)),
  );
}
