import type { Corpus, Head, Task } from "../../base/types";
import type { Leak } from "../../data/leaks/find-leaks";
import { taskDefinition } from "../../phantoms/load-task";
import type { SystemDefinition } from "../../systems/system";
import { systemOf, trainingVariant } from "../../systems/systems";
import type { RetrieverStageOptions } from "../../training/retriever-options";
import type { CheckpointFolder } from "../checkpoint-folder";
import { drawnSeed } from "../open-task";
import type { StageChanges } from "../profiles";
import type { Run } from "../run";
import { leaksStage } from "../stages/corpus";
import { type Index, indexStage } from "../stages/corpus-index";
import { type PredictionInputs, type PredictResult, predictionsStage, systemStage } from "../stages/predictions";
import { type ReaderMode, readerStage, type TunedReader } from "../stages/reader";
import { resultsStage } from "../stages/results";
import { headStage, retrieverOptions, scoresStage, type TunedHead } from "../stages/retriever";
import type { Input, Stage, StageOf } from "../stages/stage";
import type { GridSettings } from "./options";
import { readerChanges, retrieverChanges } from "./sizes";

/** One question of the grid: how does this system do on this task? */
export interface GridCell {
  readonly task: string;
  readonly backbone: string;
  readonly seed: number;
  readonly system: string;
  /** Id of the stage that answers it. */
  readonly stage: string;
}

/** A cell that was asked for and cannot be, with the reason. */
export interface LeftOut {
  readonly task: string;
  readonly system: string;
  readonly why: string;
}

/** A computation of which several cells share the result. Plain data. */
export interface GridStage {
  /** Made of what follows, joined by "."; usable as a file name. */
  readonly id: string;
  /** Name of the stage, and so of its artifacts' folder. */
  readonly kind: string;
  readonly task: string;
  /** Null where every reader shares it. */
  readonly backbone: string | null;
  /** Null where every seed shares it. */
  readonly seed: number | null;
  /** What tells it from the others of its kind: a reader's mode, a head and how it is trained, a system. */
  readonly part: readonly string[];
  /** Ids of the stages it reads. */
  readonly needs: readonly string[];
  /** "any": one of them is enough, and those that failed are left out of the result. */
  readonly enough: "all" | "any";
}

/** What a stage of the grid is made from; a session opens it when it is first asked for. */
export interface GridSources {
  /** The grid's run, with the seed of a stage. */
  runOf(stage: GridStage): Run;
  /** The task of a stage: what is drawn, is drawn by the stage's seed. */
  task(stage: GridStage): Promise<Task>;
  /** What is searched for it, likewise. */
  corpus(stage: GridStage): Promise<Corpus>;
  encoder(): Promise<CheckpointFolder>;
  reader(backbone: string): Promise<CheckpointFolder>;
  /** The result of a stage that is needed, by its key; it is opened where it is computed with. */
  result<T>(node: GridNode<StageOf<T>>): Input<T>;
  /** The opened result of a stage that decides a key; null where it is not there and nothing is to be computed. */
  find<T>(node: GridNode<StageOf<T>>): Promise<T | null>;
  /** The opened results of those stages that are there; null where more of them may come. */
  findAll<T>(nodes: readonly GridNode<StageOf<T>>[]): Promise<readonly T[] | null>;
}

/** A stage of the grid, the stages it reads, and the value that says its key and computes it: the same that a notebook's verb makes. */
export interface GridNode<S extends Stage = Stage> {
  readonly stage: GridStage;
  readonly after: readonly GridNode[];
  /** Opened results of its kind that may be in memory at once. */
  readonly keep: number;
  /**
   * The stage's value; null while its key hangs on results that are not there yet.
   *
   * @throws DataError where data or a model is missing.
   */
  define(from: GridSources): Promise<S | null>;
}

/** Cells, the stages they need, each once, in the order of the work: a task is finished before the next begins. */
interface GridGraph {
  readonly cells: readonly GridCell[];
  readonly leftOut: readonly LeftOut[];
  readonly nodes: readonly GridNode[];
}

/** Lists the cells of a grid and their stages. Nothing is read or computed. */
export function gridGraph(settings: GridSettings): GridGraph {
  const cells: GridCell[] = [];
  const leftOut: LeftOut[] = [];
  const nodes = new Map<string, GridNode>();
  for (const task of settings.tasks) {
    const systems = settings.systems
      .map((name) => systemOf("gridGraph: systems", name))
      .filter((system) => {
        const why = whyNot(task, system);
        if (why !== null) leftOut.push({ task, system: system.name, why });
        return why === null;
      });
    for (const backbone of settings.backbones) {
      for (const seed of settings.seeds) {
        const group = { task, backbone, seed, dataSeed: drawnSeed({ source: settings.source, seed }) };
        const answers = systems.map((system) => predictionsNode(group, system));
        for (const [i, answer] of answers.entries()) {
          cells.push({ task, backbone, seed, system: systems[i]!.name, stage: answer.stage.id });
          collect(answer, nodes);
        }
        if (answers.length > 0) collect(resultsNode(group, answers), nodes);
      }
    }
  }
  return { cells, leftOut, nodes: [...nodes.values()] };
}

/** Adds a node after those it reads. */
function collect(node: GridNode, nodes: Map<string, GridNode>): void {
  if (nodes.has(node.stage.id)) return;
  for (const before of node.after) collect(before, nodes);
  nodes.set(node.stage.id, node);
}

/** Why a system cannot answer a task; null when it can. */
function whyNot(task: string, { refuses }: SystemDefinition): string | null {
  return refuses?.(taskDefinition(task).forms) ?? null;
}

// One function a stage; each names the nodes it reads. A stage that a system brings along (its ownTraining) is one of them.

/** A cell without its system. */
interface Group extends Pick<GridCell, "task" | "backbone" | "seed"> {
  /** Seed of data that is drawn, so that every seed of a grid asks about a world of its own; null where files are read. */
  readonly dataSeed: number | null;
}

/** What the stages before any training are of: all seeds share those of files. */
type DataGroup = Pick<Group, "task" | "dataSeed">;
const dataOf = ({ task, dataSeed }: DataGroup) => ({ task, ...(dataSeed === null ? {} : { seed: dataSeed }) });

interface NodeOptions {
  readonly kind: string;
  readonly of: Pick<Group, "task"> & Partial<Pick<Group, "backbone" | "seed">>;
  readonly part?: readonly string[];
  readonly after?: readonly GridNode[];
  readonly enough?: GridStage["enough"];
  readonly keep?: number;
}

function nodeOf<S extends Stage>(
  { kind, of, part = [], after = [], enough = "all", keep = 1 }: NodeOptions,
  define: (from: GridSources, run: Run, stage: GridStage) => Promise<S | null>,
): GridNode<S> {
  const { task, backbone = null, seed = null } = of;
  const id = [kind, task, backbone, seed, ...part].filter((word) => word !== null).join(".");
  const stage = { id, kind, task, backbone, seed, part, needs: after.map((node) => node.stage.id), enough };
  return { stage, after, keep, define: (from) => define(from, from.runOf(stage), stage) };
}

function leaksNode(group: DataGroup): GridNode<StageOf<readonly Leak[]>> {
  return nodeOf({ kind: "leaks", of: dataOf(group) }, async (from, _run, stage) =>
    leaksStage(await from.corpus(stage), await from.task(stage)),
  );
}

function indexNode(group: DataGroup): GridNode<StageOf<Index>> {
  const leaks = leaksNode(group);
  return nodeOf({ kind: "index", of: dataOf(group), after: [leaks] }, async (from, run, stage) => {
    const found = await from.find(leaks); // what leaks were found decides the key
    if (found === null) return null;
    const [task, corpus] = [await from.task(stage), await from.corpus(stage)];
    return indexStage(run, { task, corpus, leaks: found, encoder: await from.encoder() });
  });
}

function readerNode(group: Group, mode: ReaderMode): GridNode<StageOf<TunedReader>> {
  const { task, backbone } = group;
  const index = mode === "retrieval" ? indexNode(group) : null;
  const after = index === null ? [] : [index];
  // one with passages and one without
  return nodeOf({ kind: "reader", of: group, part: [mode], after, keep: 2 }, async (from, run, stage) => {
    const loaded = await from.task(stage);
    return readerStage(run, {
      task: loaded,
      checkpoint: await from.reader(backbone),
      index: index === null ? null : from.result(index),
      options: readerChanges(run.profile, mode, { task, backbone, numTrain: loaded.splits.train.length }),
    });
  });
}

function scoresNode(group: Group, system: SystemDefinition): GridNode {
  const [index, reader] = [indexNode(group), readerNode(group, "retrieval")];
  const { training = {} } = system;
  // every training shares them, unless it changes which candidates are read or what the reader is asked
  const isOwn = "numCandidates" in training || "numQuestions" in training || "preference" in training;
  const part = isOwn ? [trainingVariant(system)] : [];
  return nodeOf({ kind: "candidate-scores", of: group, part, after: [index, reader] }, async (from, run) =>
    scoresStage({ index: from.result(index), reader: from.result(reader) }, stage2Of(run, group, system)),
  );
}

function headNode(group: Group, head: Head, system: SystemDefinition): GridNode<StageOf<TunedHead>> {
  const [index, reader] = [indexNode(group), readerNode(group, "retrieval")];
  const after = [index, reader, scoresNode(group, system)];
  const part = [head, trainingVariant(system)];
  return nodeOf({ kind: "retriever-head", of: group, part, after }, async (from, run, stage) =>
    headStage(run, {
      task: await from.task(stage),
      head,
      index: from.result(index),
      reader: from.result(reader),
      options: stage2Of(run, group, system),
    }),
  );
}

function stage2Of(run: Run, group: Group, { training }: SystemDefinition): RetrieverStageOptions {
  return retrieverOptions(run, { ...retrieverChanges(run.profile, group), ...training });
}

/** How the grid trains both stages for a task and a reader, against the profile. */
async function stagesOf(
  from: GridSources,
  run: Run,
  { task, backbone }: Group,
  stage: GridStage,
): Promise<StageChanges> {
  const numTrain = (await from.task(stage)).splits.train.length;
  const reader = readerChanges(run.profile, "retrieval", { task, backbone, numTrain });
  return { reader, retriever: retrieverChanges(run.profile, { task, backbone }) };
}

/** The nodes that a system's answers, and its own training, are made from; and what comes of them. */
function partsOf(group: Group, system: SystemDefinition) {
  const { needs } = system;
  const index = needs.retriever === null ? null : indexNode(group);
  const reader = needs.reader === null ? null : readerNode(group, needs.reader);
  const heads = (needs.retriever ?? []).map((head) => [head, headNode(group, head, system)] as const);
  const after: GridNode[] = [index, reader, ...heads.map(([, node]) => node)].filter((node) => node !== null);
  const inputs = async (from: GridSources, run: Run, stage: GridStage): Promise<PredictionInputs> => ({
    system,
    task: await from.task(stage),
    stages: await stagesOf(from, run, group, stage),
    reader: reader === null ? null : from.result(reader),
    index: index === null ? null : from.result(index),
    heads: Object.fromEntries(heads.map(([head, node]) => [head, from.result(node)])),
    learnedWeight: stage2Of(run, group, system).learnedWeight,
  });
  return { after, inputs };
}

/** A training that is a system's own: whatever it is, it comes before its answers. */
function trainingNode(group: Group, system: SystemDefinition): GridNode {
  const { after, inputs } = partsOf(group, system);
  return nodeOf({ kind: "system", of: group, part: [system.name], after }, async (from, run, stage) =>
    systemStage(run, await inputs(from, run, stage)),
  );
}

/** The answers of a system on a task, with all that comes before them. */
export function predictionsNode(group: Group, system: SystemDefinition): GridNode<StageOf<PredictResult>> {
  const { after: parts, inputs } = partsOf(group, system);
  const after = system.ownTraining === undefined ? parts : [...parts, trainingNode(group, system)];
  return nodeOf({ kind: "predictions", of: group, part: [system.name], after }, async (from, run, stage) =>
    predictionsStage(run, await inputs(from, run, stage)),
  );
}

/** Of a grid with failures, the answers that are there are evaluated. */
function resultsNode(group: Group, answers: readonly GridNode<StageOf<PredictResult>>[]): GridNode {
  return nodeOf({ kind: "results", of: group, after: answers, enough: "any" }, async (from, run, stage) => {
    const found = await from.findAll(answers);
    if (found === null) return null;
    const predictions = found.flatMap((each) => each.predictions);
    return resultsStage(run, { task: await from.task(stage), predictions });
  });
}
