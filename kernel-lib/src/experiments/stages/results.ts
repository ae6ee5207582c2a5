import { createHash } from "node:crypto";
import { answerWordings, bySystem } from "../../analysis/inconsistency";
import { isOneLabel } from "../../answers/form";
import { DataError, ShapeError } from "../../base/errors";
import type { DataSource, Example, MetricName, Prediction, Task } from "../../base/types";
import { accuracy, closedAccuracy, exactMatch, tokenRecall, unparsedShare } from "../../metrics/answers";
import { bootstrap, pairedBootstrap, type Statistic } from "../../metrics/bootstrap";
import { type LabelAnswer, macroF1 } from "../../metrics/macro-f1";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import type { Predictions } from "./predictions";
import { type Artifact, type StageOf, useStage } from "./stage";
import { readJson, writeJson } from "./stage-files";

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
export function measureAnswers(where: string, task: Task, predictions: Predictions): MeasuredMetric[] {
  if (predictions.length === 0) throw new ShapeError(`${where}: predictions must hold at least one; got 0.`);
  const examples = new Map(
    Object.values(task.splits)
      .flat()
      .map((example) => [example.id, example]),
  );
  return [...bySystem(where, predictions)].flatMap(([system, rows]) => {
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
  throw new DataError(`measureAnswers: ${row.exampleId} must be answered with labels; got words.`, { row });
}

function wordsOf({ labels }: Task): (row: Prediction) => Told<string | null> {
  const wording = (label: number | null): string | null => (label === null ? null : labels[label]!.answer);
  return (row) => {
    if (row.form === "words") return row;
    if (row.form !== "labels") return { answer: wording(row.answer), truth: wording(row.truth) };
    throw new DataError(`measureAnswers: ${row.exampleId} must be answered in words; got a set of labels.`, { row });
  };
}

/** One measured value: a row of the results frame. */
export interface EvaluationRow {
  readonly system: string;
  readonly metric: MetricName;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
  readonly seeds: number;
  readonly scale: "replica";
  readonly data: DataSource;
}

/** System minus baseline on the same examples; a row of the results frame with two more columns. */
export interface DifferenceRow extends EvaluationRow {
  readonly baseline: string;
  readonly pValue: number;
}

export interface EvaluateOptions {
  readonly task: Task;
  /** Of one or several systems, all on the same examples. */
  readonly predictions: Predictions;
  /** The system that differences are taken to. Default "ft-rag" where present, else the first. */
  readonly baseline?: string;
}

/** How many answers of a system cannot be read; each counts as wrong. */
export interface UnparsedRow {
  readonly system: string;
  /** In [0, 1]. */
  readonly share: number;
  readonly n: number;
}

export interface EvaluateResult {
  readonly rows: readonly EvaluationRow[];
  readonly differences: readonly DifferenceRow[];
  readonly unparsed: readonly UnparsedRow[];
  readonly artifact: Artifact;
}

const VERSION = 2;
const FILE = "results.json";

/**
 * The task's metrics (accuracy and macro-F1 unless it names others; see measureAnswers) of every system, with 95 % bootstrap
 * intervals over groups and paired differences to a baseline. An answer that cannot be read counts as wrong, and their share is reported.
 *
 * @throws DataError when the systems answer different examples. ShapeError without predictions.
 * @example const { rows } = await evaluate(run, { task, predictions: [...a.predictions, ...b.predictions] })
 */
export async function evaluate(run: Run, options: EvaluateOptions): Promise<EvaluateResult> {
  return useStage(run, resultsStage(run, options));
}

/**
 * The stage of `evaluate`.
 *
 * @throws as evaluate, for predictions that do not belong together.
 */
export function resultsStage(run: Run, options: EvaluateOptions): StageOf<EvaluateResult> {
  const { task, predictions } = options;
  const metrics = measureAnswers("evaluate", task, predictions);
  const systems = bySystem("evaluate", predictions);
  const baseline = options.baseline ?? (systems.has("ft-rag") ? "ft-rag" : [...systems.keys()][0]!);
  const { numDraws } = profileOf(run.profile);
  return {
    name: "results",
    version: VERSION,
    config: { baseline, numDraws },
    inputs: [task.fingerprint, hashOf(predictions)],
    compute: async (workDir, { seed }) => {
      const measured = measureAll(task, metrics, { baseline, numDraws, seed });
      writeJson(workDir, FILE, { ...measured, unparsed: unparsedRows(systems) });
    },
    open: async (artifact) => ({ ...readJson<Omit<EvaluateResult, "artifact">>(artifact.folder, FILE), artifact }),
  };
}

function hashOf(predictions: readonly Prediction[]): string {
  return `predictions:${createHash("sha256").update(JSON.stringify(predictions)).digest("hex").slice(0, 32)}`;
}

function measureAll(
  task: Task,
  metrics: readonly MeasuredMetric[],
  settings: { readonly baseline: string; readonly numDraws: number; readonly seed: number },
): Pick<EvaluateResult, "rows" | "differences"> {
  const { baseline, ...draws } = settings;
  const rows: EvaluationRow[] = [];
  const differences: DifferenceRow[] = [];
  for (const { system, metric, groups, statistic } of metrics) {
    const facts = { system, n: groups.length, seeds: 1, scale: "replica", data: task.source, metric } as const;
    rows.push({ ...facts, ...bootstrap(groups, statistic, draws) });
    const base = metrics.find((other) => other.system === baseline && other.metric === metric);
    if (base === undefined || system === baseline) continue;
    differences.push({ ...facts, baseline, ...pairedBootstrap(groups, statistic, base.statistic, draws) });
  }
  return { rows, differences };
}

function unparsedRows(systems: ReadonlyMap<string, readonly Prediction[]>): UnparsedRow[] {
  return [...systems].map(([system, answers]) => {
    const said = answers.map((answer) => answerWordings(answer).answer);
    return { system, share: unparsedShare(said), n: answers.length };
  });
}
