import { measureAttribution, measureFlows } from "../analysis/attribution";
import { measureFusionWeights } from "../analysis/fusion-weights";
import { measureListChanges } from "../analysis/list-changes";
import type { Measurement } from "../analysis/measurement";
import { measureCandidates } from "../analysis/oracle";
import { aggregateMeasurements } from "../analysis/over-seeds";
import { listOf } from "../analysis/theory";
import { measureTrust } from "../analysis/trust";
import { labelPredictions } from "../answers/forms";
import { assertNotInterrupted } from "../base/check";
import { StateError } from "../base/errors";
import type { Prediction } from "../base/types";
import { BASELINE_SYSTEM, FULL_SYSTEM, predictionName, systemOf } from "../systems/systems";
import { checkpointFor } from "./checkpoint-folder";
import { type GridCost, gridCosts, weightsIn } from "./grid/costs";
import type { GridPlan } from "./grid/plan";
import { openWorld } from "./grid/session";
import { readerChanges, retrieverChanges } from "./grid/sizes";
import { type OpenedTask, openTask } from "./open-task";
import { profileOf } from "./profiles";
import type { AnalysisName } from "./protocol";
import type { Run } from "./run";
import { buildIndex, type Index } from "./stages/corpus-index";
import { intervene, readCandidates } from "./stages/intervention";
import { type TunedReader, tuneReader } from "./stages/reader";
import { tuneRetriever } from "./stages/retriever";

// What a report of one task stores besides values and differences, an analysis by name: what its reader does with a pair, where answers go
// wrong, what training changed in the lists, how uneven the fusion is, whom the reader trusts, the oracle by number of candidates, and what
// each system costs.

/** One seed of a report's task and reader. */
export interface AnalysedSeed {
  readonly run: Run;
  readonly predictions: readonly Prediction[];
}

/** Of which task and reader, and which analyses. */
interface Analysed {
  readonly task: string;
  readonly backbone: string;
  readonly analyses: readonly AnalysisName[];
}

/**
 * The analyses of one task and reader over the seeds of a report: each seed's rows, then their mean with its t-interval over seeds. No model is
 * trained: where an analysis asks the reader that FT RAG answered with, that one is opened, once a seed.
 *
 * @throws StateError when that reader is not stored. InterruptedError on abort. Otherwise as the analyses do.
 */
export async function analyseSeeds(
  plan: GridPlan,
  seeds: readonly AnalysedSeed[],
  { task, backbone, analyses }: Analysed,
): Promise<Measurement[]> {
  if (analyses.length === 0) return [];
  const bySeed: Measurement[][] = [];
  for (const { run, predictions } of seeds) {
    assertNotInterrupted("results", run.control.signal);
    const { corpus: asked } = plan.settings;
    const opened = await openTask(run, task, asked === null ? {} : { corpus: asked });
    bySeed.push(await analyseSeed({ plan, run, opened, backbone, predictions }, analyses));
    run.control.onProgress?.({ stage: "analysing seeds", done: bySeed.length, total: seeds.length });
  }
  return aggregateMeasurements(bySeed);
}

/** One seed, its task opened. */
interface Seed extends AnalysedSeed {
  readonly plan: GridPlan;
  readonly opened: OpenedTask;
  readonly backbone: string;
}

/** An index and the reader that FT RAG answered with. */
interface Tuned {
  readonly index: Index;
  readonly reader: TunedReader;
}

type Rows = readonly Measurement[];
/** How an analysis is made: by asking the reader once more, or from what is stored. */
type Analysis =
  | { readonly from: "reader"; readonly measure: (seed: Seed, tuned: Tuned) => Promise<Rows> }
  | { readonly from: "stored"; readonly measure: (seed: Seed) => Rows | Promise<Rows> };

const REGISTRY: Readonly<Record<AnalysisName, Analysis>> = {
  pairs: { from: "reader", measure: ({ run }, tuned) => intervene(run, tuned) },
  candidates: { from: "reader", measure: candidateRows },
  outcomes: { from: "stored", measure: outcomeRows },
  lists: { from: "stored", measure: listRows },
  weights: { from: "stored", measure: weightRows },
  trust: { from: "stored", measure: trustRows },
  costs: { from: "stored", measure: costRows },
};

/** The rows of one seed: first those that the reader is asked for, then those of what is stored. */
async function analyseSeed(seed: Seed, names: readonly AnalysisName[]): Promise<Measurement[]> {
  const asked = names.map((name) => REGISTRY[name]);
  const ofReader = asked.filter((each) => each.from === "reader");
  const rows: Measurement[] = [];
  if (ofReader.length > 0) {
    await withReader(seed, async (tuned) => {
      for (const { measure } of ofReader) rows.push(...(await measure(seed, tuned)));
    });
  }
  for (const each of asked) if (each.from === "stored") rows.push(...(await each.measure(seed)));
  return rows;
}

async function candidateRows({ run, opened: { task }, backbone }: Seed, tuned: Tuned): Promise<Measurement[]> {
  const options = retrieverChanges(run.profile, { task: task.name, backbone });
  const heads = await tuneRetriever(run, { task, ...tuned, options });
  const { test, train } = await readCandidates(run, { ...tuned, heads });
  return measureCandidates(test, { task, train, bootstrap: { numDraws: profileOf(run.profile).numDraws } });
}

async function withReader({ plan, run, opened, backbone }: Seed, ask: (tuned: Tuned) => Promise<void>): Promise<void> {
  requireReader(plan, run, backbone);
  const { task, corpus } = opened;
  const world = openWorld(plan.settings);
  const index = await buildIndex(run, { task, corpus, encoderFolder: world.encoderFolder });
  try {
    const of = { task: task.name, backbone, numTrain: task.splits.train.length };
    const options = readerChanges(run.profile, "retrieval", of);
    const reader = await tuneReader(run, { task, index, readerFolder: world.readerFolder(backbone), options });
    try {
      await ask({ index, reader });
    } finally {
      reader.dispose();
    }
  } finally {
    index.dispose();
  }
}

/** What each system of a grid took with one seed, as rows: shares and numbers of weights, prompts, seconds. */
async function costRows({ plan: { settings }, run, opened: { task }, backbone }: Seed): Promise<Measurement[]> {
  const world = openWorld(settings);
  const models = [
    await checkpointFor(run, "clip", world.encoderFolder),
    await checkpointFor(run, "qwen2-vl", world.readerFolder(backbone)),
  ];
  const frozen = models.reduce((sum, { folder }) => sum + weightsIn(folder), 0);
  const costs = await gridCosts(run, { task: task.name, backbone, seed: run.seed });
  const n = task.splits.test.length;
  return costs
    .filter(({ system }) => settings.systems.includes(system))
    .flatMap((cost) => {
      const about = {
        task: task.name,
        system: predictionName(systemOf("costRows", cost.system)),
        baseline: null,
        subset: "all",
      };
      return Object.entries(measuresOf(cost, frozen)).map(([metric, value]): Measurement => {
        const facts = { splitBy: null, pValue: null, n, seeds: 1, scale: "replica", data: task.source } as const;
        return { ...about, metric, value, low: value, high: value, ...facts };
      });
    });
}

/** `trainedShare`: of all weights, those of the pre-trained models and those that were trained beside them. */
function measuresOf({ trainedWeights, trainingPasses, answeringPasses, trainingSeconds }: GridCost, frozen: number) {
  const trainedShare = trainedWeights / (frozen + trainedWeights);
  return { trainedShare, trainedWeights, trainingPasses, answeringPasses, trainingSeconds };
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

const answersOf = ({ predictions }: Seed, system: string): Prediction[] =>
  predictions.filter((each) => each.system === system);

/** What the analyses of stored answers have in common. */
function inputsOf({ run, opened: { task, corpus } }: Seed) {
  return { task, corpus, bootstrap: { numDraws: profileOf(run.profile).numDraws } };
}

function outcomeRows(seed: Seed): Measurement[] {
  const both = [...answersOf(seed, BASELINE_SYSTEM), ...answersOf(seed, FULL_SYSTEM)];
  const inputs = inputsOf(seed);
  return [...measureAttribution(both, inputs), ...measureFlows(both, [BASELINE_SYSTEM, FULL_SYSTEM], inputs)];
}

function listRows(seed: Seed): Measurement[] {
  const of = (system: string) => answersOf(seed, system).map((one) => ({ ...listOf(one), system: one.system }));
  const { facts } = seed.opened;
  return measureListChanges({ ...inputsOf(seed), facts, before: of(BASELINE_SYSTEM), after: of(FULL_SYSTEM) });
}

function weightRows(seed: Seed): Measurement[] {
  const { task, bootstrap } = inputsOf(seed);
  return measureFusionWeights(answersOf(seed, FULL_SYSTEM), { task, bootstrap });
}

/** None of a task whose pictures nothing is known of. */
function trustRows(seed: Seed): Measurement[] {
  const { facts } = seed.opened;
  if (facts === null) return [];
  const answers = labelPredictions(answersOf(seed, BASELINE_SYSTEM));
  return measureTrust(answers, { ...inputsOf(seed), facts, questions: "unmarked" });
}
