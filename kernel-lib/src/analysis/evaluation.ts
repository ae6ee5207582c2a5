import { isOneLabel } from "../answers/form";
import { DataError, ShapeError } from "../base/errors";
import type { Example, MetricName, Prediction, Task } from "../base/types";
import { exampleOf, examplesById } from "../data/splits";
import { accuracy, closedAccuracy, exactMatch, tokenRecall } from "../metrics/answers";
import type { Statistic } from "../metrics/bootstrap";
import { type LabelAnswer, macroF1 } from "../metrics/macro-f1";
import { answerWordings } from "./inconsistency";
import {
  bySystem,
  type Difference,
  type Measurable,
  type Measurement,
  type MeasureOptions,
  measure,
  measureDifference,
  shareOf,
} from "./measurement";

/** What a task reports when it names no metrics. */
const DEFAULT_METRICS: readonly MetricName[] = ["accuracy", "macroF1"];

/** How well systems answer a task. */
export interface EvaluationRows {
  /** The task's metrics of each system. */
  readonly rows: readonly Measurement[];
  /** Every system but the baseline, minus the baseline. */
  readonly differences: readonly Difference[];
  /** Metric "unparsed": share of answers that cannot be read. They count as wrong in every metric. */
  readonly unparsed: readonly Measurement[];
}

export interface EvaluationOptions extends Pick<MeasureOptions, "bootstrap"> {
  /** The system that differences are taken to. Default: see `baselineOf`. */
  readonly baseline?: string;
}

/**
 * The task's metrics of every system with bootstrap intervals over groups, and paired differences to a baseline.
 *
 * @throws as measurablesOf does.
 */
export function measureEvaluation(
  task: Task,
  predictions: readonly Prediction[],
  options: EvaluationOptions = {},
): EvaluationRows {
  const measurables = measurablesOf("measureEvaluation", task, predictions);
  const systems = bySystem("measureEvaluation", predictions);
  const { baseline = baselineOf("measureEvaluation", predictions), bootstrap } = options;
  const settings: MeasureOptions = { task, ...(bootstrap === undefined ? {} : { bootstrap }) };
  const differences = measurables.flatMap((what) => {
    const base = measurables.find(({ system, metric }) => system === baseline && metric === what.metric);
    return base === undefined || base === what ? [] : [measureDifference(what, base, settings)];
  });
  const unparsed = [...systems].map(([system, rows]): Measurable => {
    const statistic = shareOf(rows, (row) => answerWordings(row).answer === null);
    return { system, metric: "unparsed", groups: rows.map((row) => row.group), statistic };
  });
  const measured = (all: readonly Measurable[]) => all.map((what) => measure(what, settings));
  return { rows: measured(measurables), differences, unparsed: measured(unparsed) };
}

/**
 * The system that others are held against where none is named: "ft-rag" where present, else the first.
 *
 * @throws ShapeError without predictions.
 */
export function baselineOf(where: string, predictions: readonly Prediction[]): string {
  if (predictions.length === 0) throw new ShapeError(`${where}: predictions must hold at least one; got 0.`);
  return predictions.some(({ system }) => system === "ft-rag") ? "ft-rag" : predictions[0]!.system;
}

/**
 * The task's metrics of every system, each over the examples it is defined for: accuracy over one-label examples, exactMatch over
 * sets, macroF1 over both, closedAccuracy over closed questions, tokenRecall over open ones. A metric without such an example is left out.
 *
 * Question answering: a yes/no answer counts as the word its label is written with.
 *
 * @throws DataError when systems answer different examples, or an example is not of the task. ShapeError without predictions.
 */
export function measurablesOf(where: string, task: Task, predictions: readonly Prediction[]): Measurable[] {
  const examples = examplesById(task);
  return [...bySystem(where, predictions)].flatMap(([system, rows]) => {
    const asked = rows.map((row) => ({ row, example: exampleOf(where, examples, row.exampleId) }));
    return (task.metrics ?? DEFAULT_METRICS).flatMap((metric) => {
      const kept = asked.filter(({ row, example }) => MEASURES[metric].takes(row, example)).map(({ row }) => row);
      if (kept.length === 0) return [];
      return [
        { system, metric, groups: kept.map((row) => row.group), statistic: MEASURES[metric].statistic(kept, task) },
      ];
    });
  });
}

interface Measure {
  readonly takes: (row: Prediction, example: Example) => boolean;
  readonly statistic: (rows: readonly Prediction[], task: Task) => Statistic;
}

const hasSet = (row: Prediction): boolean => row.form === "labels";

const MEASURES: Readonly<Record<MetricName, Measure>> = {
  accuracy: {
    takes: isOneLabel,
    statistic: (rows) => over(rows.map(labelsOf), (answers, truth) => accuracy(answers as number[], truth as number[])),
  },
  macroF1: {
    takes: (row) => isOneLabel(row) || hasSet(row),
    statistic: (rows, { labels }) =>
      over(rows.map(labelsOf), (answers, truth) => macroF1(answers, truth as (number | number[])[], labels.length)),
  },
  exactMatch: {
    takes: hasSet,
    statistic: (rows) =>
      over(rows.map(labelsOf), (answers, truth) => exactMatch(answers as (number[] | null)[], truth as number[][])),
  },
  closedAccuracy: {
    takes: (row, { kind }) => !hasSet(row) && kind !== "open",
    statistic: (rows, task) => over(rows.map(wordsOf(task)), (said, truth) => closedAccuracy(said, truth as string[])),
  },
  tokenRecall: {
    takes: (row, { kind }) => !hasSet(row) && kind === "open",
    statistic: (rows, task) => over(rows.map(wordsOf(task)), (said, truth) => tokenRecall(said, truth as string[])),
  },
};

interface Told<T> {
  readonly answer: T;
  readonly truth: T;
}

function over<T>(rows: readonly Told<T>[], metric: (answers: T[], truth: T[]) => number): Statistic {
  return (picked) =>
    metric(
      picked.map((row) => rows[row]!.answer),
      picked.map((row) => rows[row]!.truth),
    );
}

function labelsOf(row: Prediction): Told<LabelAnswer> {
  if (row.form !== "words") return row;
  throw new DataError(`measurablesOf: ${row.exampleId} must be answered with labels; got words.`, { row });
}

function wordsOf({ labels }: Task): (row: Prediction) => Told<string | null> {
  const wording = (label: number | null): string | null => (label === null ? null : labels[label]!.answer);
  return (row) => {
    if (row.form === "words") return row;
    if (row.form !== "labels") return { answer: wording(row.answer), truth: wording(row.truth) };
    throw new DataError(`measurablesOf: ${row.exampleId} must be answered in words; got a set of labels.`, { row });
  };
}
