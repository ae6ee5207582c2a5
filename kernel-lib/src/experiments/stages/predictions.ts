import { assertOneOf } from "../../base/check";
import { ConfigError, DataError } from "../../base/errors";
import { type Head, type Prediction, SPLITS, type Split, type Task } from "../../base/types";
import { PAPER_LEARNED_WEIGHT } from "../../retriever/mix";
import { readJson, writeJson } from "../../store/files";
import { openSystem } from "../../systems/reading";
import type { StageOptions, SystemDefinition, SystemParts } from "../../systems/system";
import { predictionName, systemOf } from "../../systems/systems";
import { profileOf, type StageChanges } from "../profiles";
import type { Run } from "../run";
import { type Index, requireIndexOf } from "./corpus-index";
import type { TunedReader } from "./reader";
import { retrieverOptions, type TunedHead, type TunedHeads } from "./retriever";
import { type Artifact, artifactOf, type Input, opened, type Stage, type StageOf, useStage } from "./stage";

/** The answers of one or several systems to examples of any form. */
export type Predictions = readonly Prediction[];

export interface PredictOptions {
  /** Its name in the table of systems, or a definition from outside the table. */
  readonly system: string | SystemDefinition;
  readonly task: Task;
  /** Tuned as the system needs it: "retrieval" or "closedBook". Needed by every system that reads. */
  readonly reader?: TunedReader;
  /** Needed by every system that retrieves. */
  readonly index?: Index;
  /** Needed by every system with learned heads. */
  readonly heads?: TunedHeads;
  /** Default "test". */
  readonly split?: Split;
  /** How the predictions name their system. Default the table's way (predictionName). */
  readonly name?: string;
  /** Changes to the profile's options of the stages, for a system that trains on. Default none. */
  readonly stages?: StageChanges;
}

/** Answers with every reading behind them, and where they are kept. */
export interface PredictResult {
  readonly predictions: Predictions;
  readonly artifact: Artifact;
}

export const PREDICTIONS_VERSION = 2;
const FILE = "predictions.json";

/** The answers that a predictions artifact holds. */
export function readPredictions(folder: string): Predictions {
  return readJson<Predictions>(folder, FILE);
}

/**
 * Answers a split with a system and stores predictions, readings and retrieved lists: no figure needs a model again.
 *
 * Paper: arXiv 2508.17394v3, inference. Found again when nothing changed.
 *
 * @throws ConfigError on an unknown system, or when it lacks its index, reader or heads.
 * @example const { predictions } = await predict(run, { system: "jomed", task, index, reader, heads })
 */
export async function predict(run: Run, options: PredictOptions): Promise<PredictResult> {
  const { task, split = "test", name, heads, stages } = options;
  const system = systemOf("predict: system", options.system);
  assertOneOf("predict: split", split, SPLITS);
  requireNeeds(system, options);
  const { reader, retriever } = system.needs;
  const tuned = (retriever ?? []).map((head) => [head, opened(heads!.heads[head]!)]);
  return useStage(
    run,
    predictionsStage(run, {
      ...{ system, task, split, name, stages },
      reader: reader === null ? null : opened(options.reader!),
      index: retriever === null ? null : opened(options.index!),
      heads: Object.fromEntries(tuned),
      learnedWeight: heads?.learnedWeight,
    }),
  );
}

/** Throws ConfigError unless everything a system needs is there; says which call makes it. */
function requireNeeds({ name, needs }: SystemDefinition, { task, index, reader, heads }: PredictOptions): void {
  if (needs.reader !== null && reader?.mode !== needs.reader) {
    const got = reader === undefined ? "none" : `"${reader.mode}"`;
    const advice = `Call tuneReader(run, { task, ${needs.reader === "retrieval" ? "index" : 'mode: "closedBook"'} }).`;
    throw new ConfigError(
      `predict: reader of ${name} must be tuned with mode "${needs.reader}"; got ${got}. ${advice}`,
      { system: name, mode: reader?.mode },
    );
  }
  if (needs.retriever === null) return;
  requireIndexOf("predict", task, index);
  const missing = needs.retriever.filter((head) => heads?.heads[head] === undefined);
  if (missing.length === 0) return;
  throw new ConfigError(
    `predict: heads of ${name} must hold the trained ${needs.retriever.join(" and ")} head; ${missing.join(" and ")} is missing. Call tuneRetriever(run, { task, index, reader }).`,
    { system: name, missing },
  );
}

/** What answers are made of, named by keys. What the system does not need is null or left out. */
export interface PredictionInputs {
  readonly system: SystemDefinition;
  readonly task: Task;
  /** Default "test". */
  readonly split?: Split | undefined;
  /** Default the table's way. */
  readonly name?: string | undefined;
  readonly reader: Input<TunedReader> | null;
  readonly index: Input<Index> | null;
  /** Those that the system has learned. */
  readonly heads: Readonly<Partial<Record<Head, Input<TunedHead>>>>;
  /** Share of the learned towers. Default what the system changes of stage 2, else the profile's. */
  readonly learnedWeight?: number | undefined;
  /** Changes to the profile's options of the stages, as the run trains them. Default none. */
  readonly stages?: StageChanges | undefined;
}

/** The stage of `predict`. It starts with the system's own training where it has one. */
export function predictionsStage(run: Run, inputs: PredictionInputs): StageOf<PredictResult> {
  const { system, task, split = "test", name = predictionName(system) } = inputs;
  const training = systemStage(run, inputs);
  const trained = training === null ? null : artifactOf(run, training);
  return {
    name: "predictions",
    version: PREDICTIONS_VERSION,
    config: { system: system.name, name, split, ...system.settings, ...sharedSettings(run, inputs) },
    inputs: [...inputsOf(inputs), ...(trained === null ? [] : [trained])],
    compute: async (workDir, { seed, control, resumeDir }) => {
      const folder = trained === null ? null : (await trained.open()).folder;
      const parts = { ...(await openParts(run, inputs, seed)), trained: folder, resumeDir };
      const opened = await openSystem(system, parts);
      try {
        const predictions = await opened.answer(task.splits[split], control);
        requireOneEach(name, task.splits[split], predictions);
        writeJson(workDir, FILE, predictions);
      } finally {
        opened.dispose();
      }
    },
    open: async (artifact) => ({ predictions: readPredictions(artifact.folder), artifact }),
  };
}

/** The stage of a system's own training; null where it has none. */
export function systemStage(run: Run, inputs: PredictionInputs): Stage | null {
  const { name, ownTraining } = inputs.system;
  if (ownTraining === undefined) return null;
  const options = followedOptions(run, inputs);
  return {
    name: "system",
    version: ownTraining.version,
    config: { system: name, ...ownTraining.config, ...options, ...sharedSettings(run, inputs) },
    inputs: inputsOf(inputs),
    compute: async (workDir, { seed, control, resumeDir }) =>
      ownTraining.train(workDir, await openParts(run, inputs, seed), { control, resumeDir, options }),
  };
}

/** The options with which the run trains the stages that a system's own training follows. */
function followedOptions(run: Run, { system, stages = {} }: PredictionInputs): StageOptions {
  const reader = { ...profileOf(run.profile).reader, ...stages.reader };
  const all = { reader, retriever: retrieverOptions(run, stages.retriever) };
  return Object.fromEntries((system.ownTraining?.follows ?? []).map((stage) => [stage, all[stage]]));
}

function inputsOf({ task, reader, index, heads }: PredictionInputs): Stage["inputs"] {
  return [task.fingerprint, ...[reader, index, ...Object.values(heads)].filter((input) => input !== null)];
}

/** The settings that are the same for every system of a run that retrieves; none for the others. */
function sharedSettings(
  run: Run,
  { system, learnedWeight }: PredictionInputs,
): Partial<Pick<SystemParts, "numPerHead" | "learnedWeight">> {
  if (system.needs.retriever === null) return {};
  const { numPerHead, retriever } = profileOf(run.profile);
  const share = learnedWeight ?? system.training?.learnedWeight ?? retriever.learnedWeight ?? PAPER_LEARNED_WEIGHT;
  return { numPerHead, learnedWeight: share };
}

/** What a system is opened with, every stage behind it opened. */
export async function openParts(run: Run, inputs: PredictionInputs, seed: number): Promise<SystemParts> {
  const { system, task, name = predictionName(system) } = inputs;
  const reader = (await inputs.reader?.open()) ?? null;
  const heads = await Promise.all(Object.values(inputs.heads).map((head) => head.open()));
  return {
    ...{ name, task, seed, numPerHead: 0, learnedWeight: 0, trained: null },
    ...sharedSettings(run, inputs),
    reader: reader?.reader ?? null,
    readerFolders: reader === null ? null : { checkpoint: reader.checkpoint.folder, adapter: reader.adapterFolder },
    index: (await inputs.index?.open()) ?? null,
    towers: Object.fromEntries(heads.map(({ head, towerFile }) => [head, towerFile])),
  };
}

/** Throws DataError unless a system answers each example once, under its own name. */
function requireOneEach(system: string, examples: Task["splits"][Split], predictions: Predictions): void {
  const left = new Set(examples.map(({ id }) => id));
  const stray = predictions.find((each) => each.system !== system || !left.delete(each.exampleId));
  if (stray === undefined && left.size === 0) return;
  const got = stray === undefined ? `none for ${[...left][0]}` : `one by ${stray.system} for ${stray.exampleId}`;
  throw new DataError(
    `predict: ${system} must answer each of the ${examples.length} examples once, under its own name; got ${got}. Return one prediction for each from its answer().`,
    { system },
  );
}
