import { measureAttribution, measureFlows } from "../analysis/attribution";
import { measureFusionWeights } from "../analysis/fusion-weights";
import { measureListChanges } from "../analysis/list-changes";
import type { Measurement } from "../analysis/measurement";
import { aggregateMeasurements } from "../analysis/over-seeds";
import { listOf } from "../analysis/theory";
import { measureTrust } from "../analysis/trust";
import { labelPredictions } from "../answers/forms";
import { assertNotInterrupted } from "../base/check";
import { StateError } from "../base/errors";
import type { Prediction } from "../base/types";
import { BASELINE_SYSTEM, FULL_SYSTEM } from "../systems/systems";
import type { GridPlan } from "./grid/plan";
import { openWorld } from "./grid/session";
import { type OpenedTask, openTask } from "./open-task";
import { profileOf } from "./profiles";
import type { Run } from "./run";
import { buildIndex } from "./stages/corpus-index";
import { intervene } from "./stages/intervention";
import { tuneReader } from "./stages/reader";

// What a report of one task stores besides values and differences: what its reader does with a pair, where answers go wrong, what training
// changed in the lists, how uneven the fusion is.

/** One seed of a report's task and reader. */
export interface AnalysedSeed {
  readonly run: Run;
  readonly predictions: readonly Prediction[];
}

/**
 * The analyses of one task and reader over the seeds of a report: each seed's rows, then their mean with its t-interval over seeds. No model is
 * trained: the reader that FT RAG answered with is opened and asked once more.
 *
 * @throws StateError when that reader is not stored. InterruptedError on abort. Otherwise as the analyses do.
 */
export async function analyseSeeds(
  plan: GridPlan,
  seeds: readonly AnalysedSeed[],
  { task, backbone }: { readonly task: string; readonly backbone: string },
): Promise<Measurement[]> {
  const bySeed: Measurement[][] = [];
  for (const { run, predictions } of seeds) {
    assertNotInterrupted("results", run.control.signal);
    const { corpus: asked } = plan.settings;
    const opened = await openTask(run, task, asked === null ? {} : { corpus: asked });
    const read = await readerRows(plan, run, opened, backbone);
    bySeed.push([...read, ...storedRows(run, opened, predictions)]);
    run.control.onProgress?.({ stage: "analysing seeds", done: bySeed.length, total: seeds.length });
  }
  return aggregateMeasurements(bySeed);
}

async function readerRows(plan: GridPlan, run: Run, { task, corpus }: OpenedTask, backbone: string) {
  requireReader(plan, run, backbone);
  const world = openWorld(plan.settings);
  const index = await buildIndex(run, { task, corpus, encoderFolder: world.encoderFolder });
  try {
    const reader = await tuneReader(run, { task, index, readerFolder: world.readerFolder(backbone) });
    try {
      return await intervene(run, { index, reader });
    } finally {
      reader.dispose();
    }
  } finally {
    index.dispose();
  }
}

/** Nothing is trained to analyse. */
function requireReader({ stages }: GridPlan, { seed }: Run, backbone: string): void {
  const isIt = (stage: GridPlan["stages"][number]): boolean =>
    stage.kind === "reader" && stage.seed === seed && stage.backbone === backbone && stage.state === "there";
  if (stages.some(isIt)) return;
  throw new StateError(
    `results: the reader of ${backbone}, seed ${seed}, must be stored to be analysed; it is not. Run the report to its end.`,
    { backbone, seed },
  );
}

/** What stored answers tell by themselves. */
function storedRows(run: Run, { task, corpus, facts }: OpenedTask, predictions: readonly Prediction[]): Measurement[] {
  const inputs = { task, corpus, bootstrap: { numDraws: profileOf(run.profile).numDraws } };
  const of = (system: string) => predictions.filter((each) => each.system === system);
  const [before, after] = [of(BASELINE_SYSTEM), of(FULL_SYSTEM)];
  const both = [...before, ...after];
  const named = (one: Prediction) => ({ ...listOf(one), system: one.system });
  return [
    ...measureAttribution(both, inputs),
    ...measureFlows(both, [BASELINE_SYSTEM, FULL_SYSTEM], inputs),
    ...measureListChanges({ ...inputs, facts, before: before.map(named), after: after.map(named) }),
    ...measureFusionWeights(after, { task, bootstrap: inputs.bootstrap }),
    ...(facts === null ? [] : measureTrust(labelPredictions(before), { ...inputs, facts, questions: "unmarked" })),
  ];
}
