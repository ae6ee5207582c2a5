import { createHash } from "node:crypto";
import { bySystem } from "../analysis/by-system";
import type { DataSource, Prediction, Task } from "../base/types";
import { accuracy } from "../metrics/accuracy";
import { bootstrap, pairedBootstrap, type Statistic } from "../metrics/bootstrap";
import { macroF1 } from "../metrics/macro-f1";
import { unparsedShare } from "../metrics/unparsed-share";
import { readJson, writeJson } from "./artifact-io";
import { profileOf } from "./profiles";
import type { Run } from "./run";
import { type Artifact, runStage } from "./stage";

/** One measured value: a row of the results frame. */
export interface EvaluationRow {
  readonly system: string;
  readonly metric: "accuracy" | "macroF1";
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
  readonly predictions: readonly Prediction[];
  /** The system that differences are taken to. Default "ft-rag" where present, else the first. */
  readonly baseline?: string;
}

/** How many answers of a system name no label; each counts as wrong. */
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
 * Accuracy and macro-F1 of every system with 95 % bootstrap intervals over groups, and paired differences to a baseline.
 * An answer that names no label counts as wrong, and its share is reported.
 *
 * @throws DataError when the systems answer different examples. ShapeError without predictions.
 * @example const { rows } = await evaluate(run, { task, predictions: [...a.predictions, ...b.predictions] })
 */
export async function evaluate(run: Run, options: EvaluateOptions): Promise<EvaluateResult> {
  const { task, predictions } = options;
  const systems = bySystem("evaluate", predictions);
  const baseline = options.baseline ?? (systems.has("ft-rag") ? "ft-rag" : [...systems.keys()][0]!);
  const { numDraws } = profileOf(run.profile);
  const artifact = await runStage(run, {
    name: "results",
    version: VERSION,
    config: { baseline, numDraws },
    inputs: [task.fingerprint, hashOf(predictions)],
    compute: async (workDir) => {
      const measured = measureAll(task, systems, { baseline, numDraws, seed: run.seed });
      writeJson(workDir, FILE, measured);
    },
  });
  return { ...readJson<Omit<EvaluateResult, "artifact">>(artifact.folder, FILE), artifact };
}

function hashOf(predictions: readonly Prediction[]): string {
  return `predictions:${createHash("sha256").update(JSON.stringify(predictions)).digest("hex").slice(0, 32)}`;
}

const METRICS = ["accuracy", "macroF1"] as const;

function measureAll(
  task: Task,
  systems: ReadonlyMap<string, readonly Prediction[]>,
  settings: { readonly baseline: string; readonly numDraws: number; readonly seed: number },
): Omit<EvaluateResult, "artifact"> {
  const { baseline, ...draws } = settings;
  const base = systems.get(baseline);
  const rows: EvaluationRow[] = [];
  const differences: DifferenceRow[] = [];
  const unparsed: UnparsedRow[] = [];
  for (const [system, answers] of systems) {
    unparsed.push({ system, share: unparsedShare(answers.map(({ label }) => label)), n: answers.length });
    const groups = answers.map((answer) => answer.group);
    const facts = { system, n: answers.length, seeds: 1, scale: "replica", data: task.source } as const;
    for (const metric of METRICS) {
      const own = statisticOf(metric, answers, task.labels.length);
      rows.push({ ...facts, metric, ...bootstrap(groups, own, draws) });
      if (base === undefined || system === baseline) continue;
      const other = statisticOf(metric, base, task.labels.length);
      differences.push({ ...facts, baseline, metric, ...pairedBootstrap(groups, own, other, draws) });
    }
  }
  return { rows, differences, unparsed };
}

function statisticOf(metric: (typeof METRICS)[number], answers: readonly Prediction[], numLabels: number): Statistic {
  return (picked) => {
    const labels = picked.map((row) => answers[row]!.label);
    const truth = picked.map((row) => answers[row]!.trueLabel);
    return metric === "accuracy" ? accuracy(labels, truth) : macroF1(labels, truth, numLabels);
  };
}
