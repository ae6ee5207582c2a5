import { createHash } from "node:crypto";
import { baselineOf, type EvaluationRows, measureEvaluation } from "../../analysis/evaluation";
import type { Prediction, Task } from "../../base/types";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import type { Predictions } from "./predictions";
import { type Artifact, type StageOf, useStage } from "./stage";
import { readJson, writeJson } from "./stage-files";

export interface EvaluateOptions {
  readonly task: Task;
  /** Of one or several systems, all on the same examples. */
  readonly predictions: Predictions;
  /** The system that differences are taken to. Default "ft-rag" where present, else the first. */
  readonly baseline?: string;
}

export interface EvaluateResult extends EvaluationRows {
  readonly artifact: Artifact;
}

const VERSION = 3;
const FILE = "results.json";

/**
 * The task's metrics (accuracy and macro-F1 unless it names others; see measureEvaluation) of every system, with 95 % bootstrap
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
 * @throws ShapeError without predictions.
 */
export function resultsStage(run: Run, options: EvaluateOptions): StageOf<EvaluateResult> {
  const { task, predictions } = options;
  const baseline = options.baseline ?? baselineOf("evaluate", predictions);
  const { numDraws } = profileOf(run.profile);
  return {
    name: "results",
    version: VERSION,
    config: { baseline, numDraws },
    inputs: [task.fingerprint, hashOf(predictions)],
    compute: async (workDir, { seed }) => {
      const measured = measureEvaluation(task, predictions, { baseline, bootstrap: { numDraws, seed } });
      writeJson(workDir, FILE, measured);
    },
    open: async (artifact) => ({ ...readJson<EvaluationRows>(artifact.folder, FILE), artifact }),
  };
}

function hashOf(predictions: readonly Prediction[]): string {
  return `predictions:${createHash("sha256").update(JSON.stringify(predictions)).digest("hex").slice(0, 32)}`;
}
