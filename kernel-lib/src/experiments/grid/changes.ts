import type { Task } from "../../base/types";
import { taskDefinition } from "../../phantoms/load-task";
import type { ReaderStageOptions } from "../../training/reader-stage";
import type { RetrieverStageOptions } from "../../training/retriever-options";
import { type Profile, type StageChanges, shortTraining } from "../profiles";
import { type GridStage, gridSystem } from "./stages";

/** What a stage changes against its profile, and what comes of it in stage 2. */
export interface StageOptionsOfGrid {
  readonly changes: Required<StageChanges>;
  readonly retriever: RetrieverStageOptions;
}

/** The grid's changes for a stage: by task, then by reader, then by what its system changes. */
export function stageOptions(profile: Profile, stage: GridStage, task: Task): StageOptionsOfGrid {
  const { readers, length } = profile.grid;
  const byTask = length === "short" ? shortTraining(taskDefinition(stage.task).replicaTraining) : {};
  const byReader = stage.backbone === null ? {} : (readers[stage.backbone] ?? {});
  const reader = { ...byTask.reader, ...byReader.reader };
  const closedBook = { ...byTask.closedBook, ...byReader.closedBook };
  const changes = {
    reader: { ...reader, ...inEpochs(profile, { ...profile.reader, ...reader }, task) },
    closedBook: { ...closedBook, ...inEpochs(profile, { ...profile.closedBook, ...closedBook }, task) },
    retriever: { ...byTask.retriever, ...byReader.retriever, ...trainingOf(stage) },
  };
  return { changes, retriever: { ...profile.retriever, ...changes.retriever } };
}

/** What the stage's system or head changes in stage 2. */
function trainingOf({ system, variant }: GridStage): Partial<RetrieverStageOptions> {
  if (system !== undefined) return gridSystem(system).training;
  return variant === undefined || variant === "default" ? {} : gridSystem(variant).training;
}

/** Steps for a number of passes over the training questions, with one evaluation a pass. */
function inEpochs(
  { grid: { epochs } }: Profile,
  { batchSize, accumulation = 1 }: ReaderStageOptions,
  task: Task,
): Partial<ReaderStageOptions> {
  if (epochs === undefined) return {};
  const stepsPerEpoch = Math.max(1, Math.round(task.splits.train.length / (batchSize * accumulation)));
  return { steps: epochs * stepsPerEpoch, evaluateEvery: stepsPerEpoch };
}
