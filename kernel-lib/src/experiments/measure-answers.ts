import { bySystem } from "../analysis/by-system";
import { DataError, ShapeError } from "../base/errors";
import type { AnyPrediction, Example, MetricName, Task } from "../base/types";
import { accuracy } from "../metrics/accuracy";
import type { Statistic } from "../metrics/bootstrap";
import { closedAccuracy } from "../metrics/closed-accuracy";
import { exactMatch } from "../metrics/exact-match";
import { type LabelAnswer, macroF1 } from "../metrics/macro-f1";
import { tokenRecall } from "../metrics/token-recall";
import type { Predictions } from "./prediction-files";

/** One metric of one system: which rows it is taken over, and how from the rows drawn. */
export interface MeasuredMetric {
  readonly system: string;
  readonly metric: MetricName;
  /** Resampling unit of each row, [n]. */
  readonly groups: readonly string[];
  readonly statistic: Statistic;
}

/** What a task reports when it names no metrics. */
const DEFAULT_METRICS: readonly MetricName[] = ["accuracy", "macroF1"];

/**
 * The task's metrics of every system, each over the examples it is defined for: accuracy over one-label examples, exactMatch over
 * sets, macroF1 over both, closedAccuracy over closed questions, tokenRecall over open ones. A metric without such an example is left out.
 *
 * Question answering: a yes/no answer counts as the word its label is written with.
 *
 * @throws DataError when systems answer different examples, or an example is not of the task. ShapeError without predictions.
 */
export function measureAnswers(where: string, task: Task, answers: Predictions): MeasuredMetric[] {
  const all: readonly AnyPrediction[] = [...answers.predictions, ...answers.labelSets, ...answers.words];
  if (all.length === 0) throw new ShapeError(`${where}: predictions must hold at least one; got 0.`);
  const examples = new Map(
    Object.values(task.splits)
      .flat()
      .map((example) => [example.id, example]),
  );
  return [...bySystem(where, all)].flatMap(([system, rows]) => {
    const asked = rows.map((row) => ({ row, example: exampleOf(where, examples, row.exampleId) }));
    return (task.metrics ?? DEFAULT_METRICS).flatMap((metric) => {
      const kept = asked.filter(({ row, example }) => MEASURES[metric].takes(row, example));
      if (kept.length === 0) return [];
      const statistic = MEASURES[metric].statistic(
        kept.map(({ row }) => row),
        task,
      );
      return [{ system, metric, groups: kept.map(({ row }) => row.group), statistic }];
    });
  });
}

function exampleOf(where: string, examples: ReadonlyMap<string, Example>, id: string): Example {
  const found = examples.get(id);
  if (found !== undefined) return found;
  throw new DataError(
    `${where}: predictions must be of examples of the task; got "${id}". Pass the task it comes from.`,
    {
      id,
    },
  );
}

interface Measure {
  readonly takes: (row: AnyPrediction, example: Example) => boolean;
  readonly statistic: (rows: readonly AnyPrediction[], task: Task) => Statistic;
}

const hasLabel = (row: AnyPrediction): boolean => "trueLabel" in row;
const hasSet = (row: AnyPrediction): boolean => "trueLabels" in row;

const MEASURES: Readonly<Record<MetricName, Measure>> = {
  accuracy: {
    takes: hasLabel,
    statistic: (rows) => over(rows.map(labelsOf), (answers, truth) => accuracy(answers as number[], truth as number[])),
  },
  macroF1: {
    takes: (row) => hasLabel(row) || hasSet(row),
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

function labelsOf(row: AnyPrediction): Told<LabelAnswer> {
  if ("trueLabel" in row) return { answer: row.label, truth: row.trueLabel };
  if ("trueLabels" in row) return { answer: row.labels, truth: row.trueLabels };
  throw new DataError(`measureAnswers: ${row.exampleId} must be answered with labels; got words.`, { row });
}

function wordsOf({ labels }: Task): (row: AnyPrediction) => Told<string | null> {
  const wording = (label: number | null): string | null => (label === null ? null : labels[label]!.answer);
  return (row) => {
    if ("trueAnswer" in row) return { answer: row.answer, truth: row.trueAnswer };
    if ("trueLabel" in row) return { answer: wording(row.label), truth: wording(row.trueLabel) };
    throw new DataError(`measureAnswers: ${row.exampleId} must be answered in words; got a set of labels.`, { row });
  };
}
