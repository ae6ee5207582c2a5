import { ConfigError } from "../../base/errors";
import { REPLICA_TRAINING, type TaskDefinition } from "../../data/tasks/definition";
import { taskDefinition } from "../../phantoms/load-task";
import type { ReaderStageOptions } from "../../training/reader-stage";
import type { RetrieverStageOptions } from "../../training/retriever-options";
import { profileOf, type StageChanges } from "../profiles";
import type { ProfileName } from "../run";
import type { ReaderMode } from "../stages/reader";

const SHORT_RETRIEVER = {
  steps: 40,
  warmupSteps: 4,
  evaluateEvery: 20,
  refreshEvery: 2,
  validationTop: 2, // the four best of so few would hardly differ from one head to the next
} as const;

/**
 * What a task changes in a short grid; nothing where it keeps the profile's numbers.
 *
 * A short training of a reader wants a higher rate than the walkthrough's 360 steps (5e-3; 2e-3 leaves the labels of DermaMNIST
 * at their frequencies), and no augmentation: a picture is seen three to five times, and shifted chest films are hardly learnt at
 * all. Chosen on the validation splits of seed 7: docs/performance.md.
 */
function shortTraining(asked: TaskDefinition["replicaTraining"] = {}): StageChanges {
  if (asked === "profile") return {};
  const { closedBookSteps, readerSteps, numEvaluations, numCandidates } = { ...REPLICA_TRAINING, ...asked };
  const brief = (steps: number) => ({
    steps,
    evaluateEvery: steps / numEvaluations,
    learningRate: 5e-3,
    augment: null,
  });
  return {
    reader: brief(readerSteps),
    closedBook: brief(closedBookSteps),
    retriever: { ...SHORT_RETRIEVER, numCandidates },
  };
}

/** A reader of a grid: which model, and what stage 1 does with its vision tower. */
export interface ReaderRecipe {
  /** Name of its folder in data/checkpoints. */
  readonly model: string;
  readonly vision: "trained" | "frozen";
}

const FROZEN = "vision=frozen";

/**
 * What the name of a reader means: a model, trained as in the paper, or ":vision=frozen" behind it, as a casebook's dials stand behind its
 * name. A setting has one name, so "trained" is not said.
 *
 * @throws ConfigError for anything else behind the model's name.
 * @example readerRecipe("qwen2-vl:vision=frozen")   // { model: "qwen2-vl", vision: "frozen" }
 */
export function readerRecipe(name: string): ReaderRecipe {
  const [model = "", ...settings] = name.split(":");
  if (settings.length === 0) return { model, vision: "trained" };
  if (settings.join(":") === FROZEN) return { model, vision: "frozen" };
  throw new ConfigError(
    `planGrid: backbones must be named as a model, or as ${model}:${FROZEN} where its vision tower is not trained; got "${name}". The tower is trained where nothing is said.`,
    { name },
  );
}

/** What a profile's grid changes for a task, then for a reader. */
function changesOf(profile: ProfileName, task: string, backbone: string): readonly [StageChanges, StageChanges] {
  const { length, readers } = profileOf(profile).grid;
  const byTask = length === "short" ? shortTraining(taskDefinition(task).replicaTraining) : {};
  const { model, vision } = readerRecipe(backbone);
  const { reader, closedBook, retriever } = readers[model] ?? {};
  const frozen = vision === "frozen" ? { vision } : {};
  const byReader = {
    reader: { ...reader, ...frozen },
    closedBook: { ...closedBook, ...frozen },
    ...(retriever && { retriever }),
  };
  return [byTask, byReader];
}

/** How the grid changes stage 1 against the profile for a task, with so many training questions, and a reader. */
export function readerChanges(
  profile: ProfileName,
  mode: ReaderMode,
  { task, backbone, numTrain }: { readonly task: string; readonly backbone: string; readonly numTrain: number },
): Partial<ReaderStageOptions> {
  const stage = mode === "retrieval" ? "reader" : "closedBook";
  const [byTask, byReader] = changesOf(profile, task, backbone);
  const changes = { ...byTask[stage], ...byReader[stage] };
  const { [stage]: own, grid } = profileOf(profile);
  return grid.epochs === undefined
    ? changes
    : { ...changes, ...inEpochs(grid.epochs, { ...own, ...changes }, numTrain) };
}

/** How the grid changes stage 2 against the profile for a task and a reader. */
export function retrieverChanges(
  profile: ProfileName,
  { task, backbone }: { readonly task: string; readonly backbone: string },
): Partial<RetrieverStageOptions> {
  const [byTask, byReader] = changesOf(profile, task, backbone);
  return { ...byTask.retriever, ...byReader.retriever };
}

/** Steps for a number of passes over the training questions, with one evaluation a pass. */
function inEpochs(
  epochs: number,
  { batchSize, accumulation = 1 }: ReaderStageOptions,
  numTrain: number,
): Partial<ReaderStageOptions> {
  const stepsPerEpoch = Math.max(1, Math.round(numTrain / (batchSize * accumulation)));
  return { steps: epochs * stepsPerEpoch, evaluateEvery: stepsPerEpoch };
}
