import { join } from "node:path";
import { sum } from "../../base/numbers";
import { openSafetensors } from "../../compute/safetensors";
import { checkpointFiles } from "../../hub/model-files";
import { holdsLora } from "../../models/lora/peft-files";
import { type Artifact, artifactPlace } from "../../store/artifact";
import { ADAPTER, readCost, weightFiles } from "../../systems/own-training";
import type { Run } from "../run";
import { PREDICTIONS_VERSION, readPredictions } from "../stages/predictions";
import { readerWeightsFile } from "../stages/reader";
import { headWeightsFile, numReadAnew, numScored } from "../stages/retriever";
import { type CellName, cellsOf, type GridRowsFilter, nameOf } from "./results";
import { findStored } from "./session";

/** What a system took on one task with one reader and seed. */
export interface GridCost extends CellName {
  readonly system: string;
  /** Prompts that the reader read so that others could learn from it: candidates' scores, and whatever a training of the system's own asked. */
  readonly trainingPasses: number;
  /** Prompts that the reader read for the answers. */
  readonly answeringPasses: number;
  /** Weights that were trained: adapter and towers. */
  readonly trainedWeights: number;
  /** Seconds of every training behind the answers, those that other systems share included; the index is not. */
  readonly trainingSeconds: number;
  /** Seconds of the answers. */
  readonly answeringSeconds: number;
}

/** What the artifact of a training says: which files hold its weights, and how many prompts were read for it. */
interface Training {
  readonly weightFiles: (folder: string) => readonly string[];
  readonly passes: (folder: string) => number;
}

/** The kinds of stages that train; the leaks' and the index' are everybody's. */
const TRAININGS: Readonly<Record<string, Training>> = {
  reader: { weightFiles: (folder) => [readerWeightsFile(folder)], passes: () => 0 },
  "candidate-scores": { weightFiles: () => [], passes: numScored },
  "retriever-head": { weightFiles: (folder) => [headWeightsFile(folder)], passes: numReadAnew },
  system: { weightFiles, passes: (folder) => readCost(folder)?.readerPasses ?? 0 },
};

/**
 * What the answers of a grid took, read from the manifests of all stages behind them: one row a system, task, reader and seed. No model is opened.
 *
 * Steps of a training that learns from answers (stage 1) are not readings and stand in the seconds only. A stage that was interrupted says the
 * seconds of its last process.
 *
 * @param filter which rows. Default all.
 * @example const costs = await gridCosts(run, { task: "casebook" })
 */
export async function gridCosts(place: Run | string, filter: GridRowsFilter = {}): Promise<GridCost[]> {
  const { folder, cells } = await cellsOf(place, filter);
  const rows: GridCost[] = [];
  for (const cell of cells) {
    if (cell.kind !== "predictions") continue;
    const stored = await findStored(artifactPlace(folder, cell.kind, cell.key), "look");
    if (stored?.manifest.version !== PREDICTIONS_VERSION) continue; // files of an older version may have another form
    const trainings = await trainingsBehind(folder, stored.manifest.inputs);
    const predictions = readPredictions(stored.folder);
    rows.push({
      ...nameOf(cell),
      system: cell.system!,
      trainingPasses: sum(trainings.map(passesOf)),
      answeringPasses: sum(predictions.map(({ readings }) => readings.length)),
      trainedWeights: weightsOf(trainings),
      trainingSeconds: sum(trainings.map(({ manifest }) => manifest.seconds)),
      answeringSeconds: stored.manifest.seconds,
    });
  }
  return rows;
}

/** Every training that these keys name, and those behind them, each once. */
async function trainingsBehind(folder: string, keys: readonly string[]): Promise<Artifact[]> {
  const found = new Map<string, Artifact>();
  const open = [...keys];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (found.has(key) || !/^[0-9a-f]+$/.test(key)) continue; // a fingerprint of data
    for (const kind of Object.keys(TRAININGS)) {
      const stored = await findStored(artifactPlace(folder, kind, key), "look");
      if (stored === null) continue;
      found.set(key, stored);
      open.push(...stored.manifest.inputs);
    }
  }
  return [...found.values()];
}

/** Prompts read for a training. */
const passesOf = ({ stage, folder }: Artifact): number => TRAININGS[stage]!.passes(folder);

/** Weights of all trainings: what a system's own says, else those of its files; an adapter that it has trained on is not counted again. */
function weightsOf(trainings: readonly Artifact[]): number {
  const said = trainings.flatMap(({ stage, folder }) =>
    stage === "system" ? (readCost(folder)?.trainedWeights ?? []) : [],
  );
  const trainsOn = trainings.some(({ stage, folder }) => stage === "system" && holdsLora(join(folder, ADAPTER)));
  const files = trainings
    .filter(({ stage }) => !(trainsOn && stage === "reader"))
    .flatMap(({ stage, folder }) => TRAININGS[stage]!.weightFiles(folder));
  return sum(files.map(numWeights)) + sum(said);
}

/** How many numbers the weights of a model in a folder are. */
export function weightsIn(folder: string): number {
  const files = checkpointFiles(folder).filter((file) => file.endsWith(".safetensors"));
  return sum(files.map((file) => numWeights(join(folder, file))));
}

function numWeights(file: string): number {
  const { entries } = openSafetensors(file);
  return sum([...entries.values()].map(({ shape }) => shape.reduce((product, size) => product * size, 1)));
}
