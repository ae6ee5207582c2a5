import { answerWordings, formOf, isCorrect } from "../answers/forms";
import { assertKnownKeys } from "../base/check";
import { ShapeError } from "../base/errors";
import type { Example, MetricName, Prediction, Task } from "../base/types";
import { exampleOf, examplesById } from "../data/by-id";
import { ANSWER_METRICS } from "../metrics/answers";
import type { Statistic } from "../metrics/bootstrap";
import { BASELINE_SYSTEM } from "../systems/systems";
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

/** Shares of questions that are answered exactly right. */
export const RIGHT_METRICS: readonly string[] = ["accuracy", "exactMatch", "closedAccuracy"] satisfies MetricName[];
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
  const settings: MeasureOptions = { task, bootstrap };
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

/** Which of a report's rows answerRows keeps. */
export interface AnswerRowsOptions {
  /** Differences to this system are kept too; null: none. Default "ft-rag". */
  readonly baseline?: string | null;
  /** Default every one. */
  readonly systems?: readonly string[];
  /** Default every metric of a task. */
  readonly metrics?: readonly string[];
}

/**
 * Of rows of any kind those that a table of systems shows: values of a task's own metrics on all questions, and their differences to one
 * baseline. A report stores more: subsets, oracles, what each system costs.
 *
 * @example kernel.figures.mainTable(kernel.analysis.answerRows(rows, { systems: kernel.systemNames("system") }))
 */
export function answerRows<T extends Measurement>(rows: readonly T[], options: AnswerRowsOptions = {}): T[] {
  assertKnownKeys("answerRows:", options, ["baseline", "systems", "metrics"]);
  const { baseline = BASELINE_SYSTEM, systems, metrics } = options;
  const names = metrics ?? Object.keys(ANSWER_METRICS);
  return rows.filter(
    (row) =>
      row.subset === "all" &&
      names.includes(row.metric) &&
      (row.baseline === null || row.baseline === baseline) &&
      (systems === undefined || systems.includes(row.system)),
  );
}

/**
 * The system that others are held against where none is named: "ft-rag" where present, else the first.
 *
 * @throws ShapeError without predictions.
 */
export function baselineOf(where: string, predictions: readonly Prediction[]): string {
  if (predictions.length === 0) throw new ShapeError(`${where}: predictions must hold at least one; got 0.`);
  return predictions.some(({ system }) => system === BASELINE_SYSTEM) ? BASELINE_SYSTEM : predictions[0]!.system;
}

/**
 * The task's metrics of every system, each over the examples it is defined for, as the forms of answer say: accuracy over one-label
 * examples, exactMatch over sets, macroF1 over both, closedAccuracy over closed questions, tokenRecall over open ones. A metric
 * without such an example is left out.
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
      const kept = asked.filter(({ row, example }) => isDefined(metric, row, example)).map(({ row }) => row);
      if (kept.length === 0) return [];
      const groups = kept.map(({ group }) => group);
      const right = RIGHT_METRICS.includes(metric) ? { right: kept.map(isCorrect) } : {};
      return [{ system, metric, groups, statistic: statisticOf(metric, kept, task), ...right }];
    });
  });
}

/** Whether a metric is taken over an answer: its form and its kind of question must both be the metric's. */
function isDefined(metric: MetricName, { form }: Prediction, { kind = "closed" }: Example): boolean {
  const { questions } = ANSWER_METRICS[metric];
  return formOf(form).score[metric] !== undefined && (questions === "all" || questions === kind);
}

/** The metric over rows drawn from these, each answer as its form shows it to the metric. */
function statisticOf<M extends MetricName>(metric: M, rows: readonly Prediction[], { labels }: Task): Statistic {
  const told = rows.map(({ form, answer, truth }) => {
    const show = formOf(form).score[metric]!;
    return { answer: answer === null ? null : show(answer, labels), truth: show(truth, labels) };
  });
  const [answers, truth] = [told.map((row) => row.answer), told.map((row) => row.truth)];
  const { measure: score, ofDraws } = ANSWER_METRICS[metric];
  const options = { numLabels: labels.length };
  if (ofDraws !== undefined) return ofDraws(answers, truth, options);
  const take = <T>(values: readonly T[], drawn: readonly number[]): T[] => drawn.map((row) => values[row]!);
  return (drawn) => score(take(answers, drawn), take(truth, drawn), options);
}
