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
import type { Run } from "./run";
import { buildIndex, type Index } from "./stages/corpus-index";
import { intervene, readCandidates } from "./stages/intervention";
import { type TunedReader, tuneReader } from "./stages/reader";
import { tuneRetriever } from "./stages/retriever";

// What a report of one task stores besides values and differences: what its reader does with a pair, where answers go wrong, what training
// changed in the lists, how uneven the fusion is. A report beside another: the oracle by number of candidates, and what each system costs.

/** One seed of a report's task and reader. */
export interface AnalysedSeed {
  readonly run: Run;
  readonly predictions: readonly Prediction[];
}

/** Of which task and reader, and which analyses: those of a report by itself, or those of one beside another. */
interface Analysed {
  readonly task: string;
  readonly backbone: string;
  readonly kind: "alone" | "beside";
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
  { task, backbone, kind }: Analysed,
): Promise<Measurement[]> {
  const bySeed: Measurement[][] = [];
  for (const seed of seeds) {
    const { run } = seed;
    assertNotInterrupted("results", run.control.signal);
    const { corpus: asked } = plan.settings;
    const opened = await openTask(run, task, asked === null ? {} : { corpus: asked });
    bySeed.push(await ANALYSES[kind]({ plan, run, opened, backbone }, seed.predictions));
    run.control.onProgress?.({ stage: "analysing seeds", done: bySeed.length, total: seeds.length });
  }
  return aggregateMeasurements(bySeed);
}

/** An index and the reader that FT RAG answered with. */
interface Tuned {
  readonly index: Index;
  readonly reader: TunedReader;
}

/** What is measured of one seed: the reader is asked once more, then what is stored. */
const ANALYSES: Readonly<
  Record<Analysed["kind"], (place: ReaderPlace, predictions: readonly Prediction[]) => Promise<Measurement[]>>
> = {
  alone: async (place, predictions) => [
    ...(await withReader(place, (tuned) => intervene(place.run, tuned))),
    ...storedRows(place.run, place.opened, predictions),
  ],
  beside: async (place) => [
    ...(await withReader(place, (tuned) => candidateRows(place, tuned))),
    ...(await costRows(place)),
  ],
};

async function candidateRows({ run, opened: { task }, backbone }: ReaderPlace, tuned: Tuned): Promise<Measurement[]> {
  const options = retrieverChanges(run.profile, { task: task.name, backbone });
  const heads = await tuneRetriever(run, { task, ...tuned, options });
  const { test, train } = await readCandidates(run, { ...tuned, heads });
  return measureCandidates(test, { task, train, bootstrap: { numDraws: profileOf(run.profile).numDraws } });
}

interface ReaderPlace {
  readonly plan: GridPlan;
  readonly run: Run;
  readonly opened: OpenedTask;
  readonly backbone: string;
}

async function withReader<T>(
  { plan, run, opened, backbone }: ReaderPlace,
  ask: (tuned: Tuned) => Promise<T>,
): Promise<T> {
  requireReader(plan, run, backbone);
  const { task, corpus } = opened;
  const world = openWorld(plan.settings);
  const index = await buildIndex(run, { task, corpus, encoderFolder: world.encoderFolder });
  try {
    const of = { task: task.name, backbone, numTrain: task.splits.train.length };
    const options = readerChanges(run.profile, "retrieval", of);
    const reader = await tuneReader(run, { task, index, readerFolder: world.readerFolder(backbone), options });
    try {
      return await ask({ index, reader });
    } finally {
      reader.dispose();
    }
  } finally {
    index.dispose();
  }
}

/** What each system of a grid took with one seed, as rows: shares and numbers of weights, prompts, seconds. */
async function costRows({ plan: { settings }, run, opened: { task }, backbone }: ReaderPlace): Promise<Measurement[]> {
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
