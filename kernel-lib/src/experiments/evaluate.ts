import { createHash } from "node:crypto";
import { answerWordings } from "../analysis/answer-wording";
import { bySystem } from "../analysis/by-system";
import type { AnyPrediction, DataSource, MetricName, Task } from "../base/types";
import { bootstrap, pairedBootstrap } from "../metrics/bootstrap";
import { unparsedShare } from "../metrics/unparsed-share";
import { readJson, writeJson } from "./artifact-io";
import { type MeasuredMetric, measureAnswers } from "./measure-answers";
import type { Predictions } from "./prediction-files";
import { profileOf } from "./profiles";
import type { Run } from "./run";
import { type Artifact, runStage } from "./stage";

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

/** Answers of one or several systems, all on the same examples; a form that the task lacks may be left out. */
export interface EvaluateOptions extends Partial<Predictions> {
  readonly task: Task;
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
  const { task, predictions = [], labelSets = [], words = [] } = options;
  const metrics = measureAnswers("evaluate", task, { predictions, labelSets, words });
  const all: readonly AnyPrediction[] = [...predictions, ...labelSets, ...words];
  const systems = bySystem("evaluate", all);
  const baseline = options.baseline ?? (systems.has("ft-rag") ? "ft-rag" : [...systems.keys()][0]!);
  const { numDraws } = profileOf(run.profile);
  const artifact = await runStage(run, {
    name: "results",
    version: VERSION,
    config: { baseline, numDraws },
    inputs: [task.fingerprint, hashOf(all)],
    compute: async (workDir) => {
      const measured = measureAll(task, metrics, { baseline, numDraws, seed: run.seed });
      writeJson(workDir, FILE, { ...measured, unparsed: unparsedRows(systems) });
    },
  });
  return { ...readJson<Omit<EvaluateResult, "artifact">>(artifact.folder, FILE), artifact };
}

function hashOf(predictions: readonly AnyPrediction[]): string {
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

function unparsedRows(systems: ReadonlyMap<string, readonly AnyPrediction[]>): UnparsedRow[] {
  return [...systems].map(([system, answers]) => {
    const said = answers.map((answer) => answerWordings(answer).answer);
    return { system, share: unparsedShare(said), n: answers.length };
  });
}
