import { createHash } from "node:crypto";
import { baselineOf, type EvaluationRows, measureEvaluation } from "../../analysis/evaluation";
import { formsOf } from "../../answers/forms";
import { assertOneOf } from "../../base/check";
import type { Prediction, Split, Task } from "../../base/types";
import { readJson, writeJson } from "../../store/files";
import { fuseAgain } from "../../systems/reading";
import type { SystemDefinition } from "../../systems/system";
import { ablations, FULL_SYSTEM, systemOf } from "../../systems/systems";
import { profileOf } from "../profiles";
import type { Run } from "../run";
import type { Index } from "./corpus-index";
import { type Predictions, predict } from "./predictions";
import type { TunedReader } from "./reader";
import { type TunedHeads, tuneRetriever } from "./retriever";
import { type Artifact, type StageOf, useStage } from "./stage";

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

export const RESULTS_VERSION = 3;
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
    version: RESULTS_VERSION,
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

export interface AblateOptions {
  readonly task: Task;
  readonly index: Index;
  readonly reader: TunedReader;
  /** The full system's heads. Default: trained or found. */
  readonly heads?: TunedHeads;
  /** Which lines of the ablation table, by what they take away ("no prior"). Default all that can answer the task. */
  readonly variants?: readonly string[];
  /** Default "test". */
  readonly split?: Split;
}

/** Every variant's answers and its difference to the full system, "jomed". */
export interface AblateResult extends EvaluateResult {
  readonly predictions: Predictions;
  /** By variant: the first of the others before it, the full system among them, that gives the very same answers. */
  readonly identical: Readonly<Record<string, string>>;
}

/**
 * Answers a split with the full system and with one thing changed at a time, and takes paired differences to the full one. Tasks of
 * every form of answer: a task's own metrics are measured.
 *
 * Paper: arXiv 2508.17394v3, ablations.
 *
 * @returns `differences`: variant minus full system, with paired intervals; `rows`: each on its own.
 * @throws ConfigError on an unknown variant; otherwise what tuneRetriever and predict throw.
 */
export async function ablate(run: Run, options: AblateOptions): Promise<AblateResult> {
  const { task, index, reader, split = "test" } = options;
  const forms = formsOf(task.splits[split]);
  const possible = ablations().filter(({ refuses }) => (refuses?.(forms) ?? null) === null);
  const names = possible.map(({ ablates }) => ablates);
  const { variants = names } = options;
  for (const variant of variants) assertOneOf("ablate: variants", variant, names);
  const heads = options.heads ?? (await tuneRetriever(run, { task, index, reader }));
  const shared = { task, index, reader, split };
  const full = (await predict(run, { ...shared, system: FULL_SYSTEM, heads })).predictions;
  const answers = [...full];
  for (const variant of variants) {
    const system = possible.find(({ ablates }) => ablates === variant)!;
    if (onlyFuses(system)) {
      answers.push(...fuseAgain(full, { name: variant, labels: task.labels, fusion: system.settings!.fusion! }));
      continue;
    }
    const { training } = system;
    const own = training === undefined ? heads : await tuneRetriever(run, { task, index, reader, options: training });
    const { predictions } = await predict(run, { ...shared, system, heads: own }); // found where it has answered under its own name
    answers.push(...predictions.map((each) => ({ ...each, system: variant })));
  }
  const evaluation = await evaluate(run, { task, predictions: answers, baseline: FULL_SYSTEM });
  return { ...evaluation, predictions: answers, identical: findIdentical(answers) };
}

/** Whether a variant reads the very passages that the full system reads with the same reader, and only fuses otherwise. */
function onlyFuses({ settings = {}, training, open, needs }: SystemDefinition): boolean {
  const asFull = JSON.stringify(needs) === JSON.stringify(systemOf("ablate", FULL_SYSTEM).needs);
  return asFull && training === undefined && open === undefined && Object.keys(settings).join() === "fusion";
}

/** Which system answers every question as one before it does, whatever it read. */
function findIdentical(predictions: Predictions): Record<string, string> {
  const answers = new Map<string, Map<string, string>>();
  for (const { system, exampleId, answer } of predictions) {
    const own = answers.get(system) ?? new Map<string, string>();
    answers.set(system, own.set(exampleId, JSON.stringify(answer)));
  }
  const systems = [...answers];
  return Object.fromEntries(
    systems.flatMap(([system, own], i) => {
      const same = systems.slice(0, i).find(([, other]) => [...own].every(([id, answer]) => other.get(id) === answer));
      return same === undefined ? [] : [[system, same[0]]];
    }),
  );
}
