import { answerWordings, formOf, isCorrect } from "../answers/forms";
import { ConfigError, DataError } from "../base/errors";
import type { Prediction } from "../base/types";
import { macroF1OfDraws } from "../metrics/answers";
import type { Statistic } from "../metrics/bootstrap";
import {
  bySystem,
  type Measurable,
  type Measurement,
  type MeasureOptions,
  measure,
  measureDifference,
  shareOf,
} from "./measurement";

/** Whether two readings of the query give different answers; "none" (unparsed) differs from every other. */
export function isInconsistent(prediction: Prediction): boolean {
  return new Set(answerWordings(prediction).readings).size > 1;
}

/** Options of measureInconsistency. */
export interface InconsistencyOptions extends MeasureOptions {
  /** The system whose readings split the queries, for all systems. Without it only the shares are measured. */
  readonly base?: string;
  /** C: labels are 0 … C-1. Without it no macro-F1 is measured, and answers may be words. */
  readonly numLabels?: number;
}

/**
 * How often the readings of one query disagree, and who answers those queries right. Rows:
 * - metric `inconsistency`: share of queries whose readings give different answers, of each system that reads several;
 * - with a `base`, on `all`, on its `consistent` and on its `inconsistent` queries, the same ones for everybody: `accuracy`
 *   (exactly the true label, set or words) and macro-F1 of every system, and the paired differences to the base.
 * A subset without a query has no rows.
 *
 * Paper: arXiv 2508.17394v3, inconsistent retrieval predictions. Beware: the base system is at its worst on its own inconsistent
 * queries, so any other system gains there; compare the gain with a control's (closed-book, candidates drawn at random).
 *
 * @param predictions of all systems, one list; each must answer the same examples.
 * @throws ConfigError when the base system is not among them. DataError when systems answer different examples, or in words where
 * `numLabels` is given. ShapeError without predictions.
 */
export function measureInconsistency(
  predictions: readonly Prediction[],
  options: InconsistencyOptions = {},
): Measurement[] {
  const systems = bySystem("measureInconsistency", predictions);
  const shares = [...systems].flatMap(([system, rows]) => {
    const groups = rows.map((row) => row.group);
    const what: Measurable = { system, metric: "inconsistency", groups, statistic: shareOf(rows, isInconsistent) };
    return readsSeveral(rows) ? [measure(what, options)] : [];
  });
  if (options.base === undefined) return shares;
  const base = answersOf(options.base, systems);
  const parts = [...subsetsOf(base)].filter(([, picked]) => picked.length > 0);
  const compared = [...systems].flatMap(([system, rows]) =>
    parts.flatMap(([subset, picked]) => {
      const metricsOf = (name: string, answers: readonly Prediction[]): Measurable[] =>
        metricsOn(
          { system: name, subset, splitBy: subset === "all" ? null : options.base! },
          take(answers, picked),
          options.numLabels,
        );
      const [own, others] = [metricsOf(system, rows), metricsOf(options.base!, base)];
      const values = own.map((what) => measure(what, options));
      const differences = own.map((what, i) => measureDifference(what, others[i]!, options));
      return system === options.base ? values : [...values, ...differences];
    }),
  );
  return [...shares, ...compared];
}

function answersOf(base: string, systems: ReadonlyMap<string, readonly Prediction[]>): readonly Prediction[] {
  const answers = systems.get(base);
  if (answers !== undefined) return answers;
  const known = [...systems.keys()];
  throw new ConfigError(`measureInconsistency: base must be one of ${known.join(", ")}; got "${base}".`, {
    base,
    known,
  });
}

/** Places of the queries of each subset. */
function subsetsOf(base: readonly Prediction[]): Map<string, readonly number[]> {
  const places = base.map((_, i) => i);
  const differs = base.map(isInconsistent);
  return new Map([
    ["all", places],
    ["consistent", places.filter((i) => !differs[i])],
    ["inconsistent", places.filter((i) => differs[i])],
  ]);
}

const take = <T>(rows: readonly T[], places: readonly number[]): T[] => places.map((i) => rows[i]!);

function metricsOn(
  about: Pick<Measurable, "system" | "subset" | "splitBy">,
  rows: readonly Prediction[],
  numLabels: number | undefined,
): Measurable[] {
  const part = { ...about, groups: rows.map((row) => row.group) };
  const accuracy = { ...part, metric: "accuracy", statistic: shareOf(rows, isCorrect) };
  if (numLabels === undefined) return [accuracy];
  return [accuracy, { ...part, metric: "macroF1", statistic: macroF1Of(rows, numLabels) }];
}

function macroF1Of(rows: readonly Prediction[], numLabels: number): Statistic {
  const told = rows.map((row) => {
    const show = formOf(row.form).score.macroF1;
    if (show !== undefined)
      return { answer: row.answer === null ? null : show(row.answer, []), truth: show(row.truth, []) };
    throw new DataError(
      `measureInconsistency: numLabels must be left out where answers are words; ${row.exampleId} is answered in words.`,
      { exampleId: row.exampleId },
    );
  });
  return macroF1OfDraws(
    told.map(({ answer }) => answer),
    told.map(({ truth }) => truth),
    numLabels,
  );
}

/** Whether a system reads more than one passage for some query. */
export function readsSeveral(rows: readonly Prediction[]): boolean {
  return rows.some(({ readings }) => readings.length > 1);
}
