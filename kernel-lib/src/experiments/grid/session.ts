import { existsSync } from "node:fs";
import { join } from "node:path";
import { DataError, isKernelError, StateError } from "../../base/errors";
import { checkpointsFolder } from "../../base/paths";
import type { Control, Corpus, Task } from "../../base/types";
import { isCorpusDrawn, loadCorpus } from "../../phantoms/load-corpus";
import { isTaskDrawn, loadTask } from "../../phantoms/load-task";
import { type ArtifactPlace, artifactPlace, findArtifact } from "../../store/artifact";
import { type CheckpointFolder, checkpointFor } from "../checkpoint-folder";
import { corpusOptions, drawnSeed, taskOptions } from "../open-task";
import { openRun, type Run } from "../run";
import { type Artifact, type Input, runStage, type Stage, type StageOf, stageKey } from "../stages/stage";
import type { GridNode, GridSources, GridStage } from "./graph";
import { corpusOf, type GridSettings } from "./options";
import { readerRecipe } from "./sizes";

/** Where a grid's data and models come from. Replaced in tests. */
export interface GridWorld {
  /** `seed` decides what is drawn; null where all seeds of the grid share the data. */
  loadTask(name: string, seed: number | null, control: Control): Promise<Task>;
  /** Whether a task and its corpus would only be read: false where a stand-in would have to be drawn first. */
  isDrawn(name: string, seed: number | null): boolean;
  /** Which corpus is searched for a task; tasks of the same one share it in memory. */
  corpusOf(task: string): string;
  loadCorpus(corpus: string, seed: number | null, control: Control): Promise<Corpus>;
  readonly encoderFolder: string;
  /** Of a reader as the grid names it. @throws DataError when there is no such model. */
  readerFolder(backbone: string): string;
}

/** The world of a grid's settings: tasks and corpus as the notebooks load them, models from the checkpoints' folder. */
export function openWorld(settings: GridSettings): GridWorld {
  const checkpoints = settings.checkpointsDir ?? checkpointsFolder();
  return {
    loadTask: (name, seed, control) => loadTask(name, { ...taskOptions(settings, seed), control }),
    isDrawn: (name, seed) => {
      const corpus = corpusOf(settings, name);
      return (
        isCorpusDrawn(corpus, corpusOptions(settings, corpus, seed)) && isTaskDrawn(name, taskOptions(settings, seed))
      );
    },
    corpusOf: (task) => corpusOf(settings, task),
    loadCorpus: (corpus, seed, control) => loadCorpus(corpus, { ...corpusOptions(settings, corpus, seed), control }),
    encoderFolder: join(checkpoints, "clip"),
    readerFolder: (backbone) => modelFolder(checkpoints, readerRecipe(backbone).model),
  };
}

function modelFolder(checkpoints: string, backbone: string): string {
  const folder = join(checkpoints, backbone);
  if (existsSync(folder)) return folder;
  throw new DataError(
    `runGrid: ${folder} must be the folder of a ${backbone} model; there is none. Put one there (npm run checkpoints makes the replicas), name another folder of models with --checkpoints, or leave this reader out with --backbones.`,
    { folder, backbone },
  );
}

interface SessionOptions {
  readonly world: GridWorld;
  readonly control: Control;
  /** "look": nothing is drawn or computed, and what hangs on it is not known. */
  readonly how: "look" | "work";
  /** What a plan has located, by stage id: no data is opened to find it again. */
  readonly known?: ReadonlyMap<string, Located>;
}

/** A stage of which the key is known. */
export interface Located {
  readonly place: ArtifactPlace;
  /** Of the stage's value; null where a plan alone remembers the key. */
  readonly config: object | null;
}

/** Asks the stages of a grid for their keys, looks for their results, and computes one. */
export class GridSession implements GridSources {
  private readonly known: Map<string, Located>;
  private readonly data: GridData;
  private readonly results = new OpenResults();

  /** Opens a session; `dispose` frees what it opens. */
  static async open({ profile, source, artifactsDir, dataDir }: GridSettings, options: SessionOptions) {
    const { control } = options;
    return new GridSession(await openRun({ profile, source, artifactsDir, dataDir, control }), options);
  }

  private constructor(
    private readonly run: Run,
    private readonly options: SessionOptions,
  ) {
    this.known = new Map(options.known);
    this.data = openData(options.world, run);
  }

  /**
   * The key of a stage. Null while that is not known: what leaks into a corpus decides an index's key, all predictions decide that
   * of their results, and data and models must be there.
   */
  async locate(node: GridNode): Promise<Located | null> {
    const { id, kind, enough } = node.stage;
    const known = this.known.get(id);
    if (known !== undefined) return known;
    const stage = await this.defineOrNull(node);
    if (stage === null) return null;
    const key = stageKey(this.runOf(node.stage), stage);
    const located = { place: artifactPlace(this.run.artifactsDir, kind, key), config: stage.config };
    if (enough === "all") this.known.set(id, located); // of "any" more may come
    return located;
  }

  /** Finds or computes a stage's result. @throws StateError where another process holds it (isStageHeld). */
  async compute(node: GridNode): Promise<Artifact> {
    return runStage(this.runOf(node.stage), await this.defined(node), { whenHeld: "refuse" });
  }

  dispose(): void {
    this.results.dispose();
  }

  runOf({ seed }: GridStage): Run {
    return { ...this.run, seed: seed ?? this.run.seed };
  }

  task(stage: GridStage): Promise<Task> {
    return this.data.task(this.dataOf(stage));
  }

  corpus(stage: GridStage): Promise<Corpus> {
    return this.data.corpus(this.dataOf(stage));
  }

  /** What a stage's data are drawn from: its seed, where anything is drawn by it. */
  private dataOf({ task, seed }: GridStage): DataName {
    return { task, seed: seed === null ? null : drawnSeed({ source: this.run.source, seed }) };
  }

  encoder(): Promise<CheckpointFolder> {
    return checkpointFor(this.run, "clip", this.options.world.encoderFolder);
  }

  async reader(backbone: string): Promise<CheckpointFolder> {
    return checkpointFor(this.run, "qwen2-vl", this.options.world.readerFolder(backbone));
  }

  result<T>(node: GridNode<StageOf<T>>): Input<T> {
    const located = this.known.get(node.stage.id);
    if (located !== undefined) return { key: located.place.key, open: () => this.open(node) };
    throw new StateError(`runGrid: the key of ${node.stage.id} must be known to the stages that read it; it is not.`);
  }

  async find<T>(node: GridNode<StageOf<T>>): Promise<T | null> {
    return this.options.how === "work" || (await this.isThere(node)) ? this.open(node) : null;
  }

  async findAll<T>(nodes: readonly GridNode<StageOf<T>>[]): Promise<readonly T[] | null> {
    const there = await this.thoseThere(nodes);
    if (this.options.how === "look" && there.length < nodes.length) return null;
    return Promise.all(there.map((node) => this.open(node)));
  }

  /** Keys of the answers that a result is made from; none of a stage that takes all it needs. */
  async answersBehind({ stage, after }: GridNode): Promise<string[]> {
    if (stage.enough === "all") return [];
    const located = await Promise.all((await this.thoseThere(after)).map((node) => this.locate(node)));
    return located.map((each) => each!.place.key);
  }

  private async thoseThere<N extends GridNode>(nodes: readonly N[]): Promise<N[]> {
    const there = await Promise.all(nodes.map((node) => this.isThere(node)));
    return nodes.filter((_, i) => there[i]);
  }

  private async isThere(node: GridNode): Promise<boolean> {
    const located = await this.locate(node);
    return located !== null && isStored(located.place, "look");
  }

  private open<T>(node: GridNode<StageOf<T>>): Promise<T> {
    return this.results.open(node, async () => {
      const stage = await this.defined(node);
      return stage.open(await runStage(this.runOf(node.stage), stage));
    });
  }

  private async defined<S extends Stage>(node: GridNode<S>): Promise<S> {
    const stage = await node.define(this);
    if (stage !== null) return stage;
    throw new StateError(`runGrid: what ${node.stage.id} is made from must be there; it is not. Run the grid again.`);
  }

  private async defineOrNull(node: GridNode): Promise<Stage | null> {
    const { world, how } = this.options;
    if (how === "look" && !world.isDrawn(node.stage.task, this.dataOf(node.stage).seed)) return null;
    for (const before of node.after)
      if ((await this.locate(before)) === null && node.stage.enough === "all") return null;
    try {
      return await node.define(this);
    } catch (error) {
      if (isKernelError(error, "data")) return null; // what cannot be read: computing it will say so
      throw error;
    }
  }
}

/** The complete, undamaged artifact, or null. A file where a folder should be holds nothing; who has to write there will say so. */
export function findStored(place: ArtifactPlace, touch: "look" | "use"): ReturnType<typeof findArtifact> {
  return findArtifact(place, touch).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOTDIR") return null;
    throw error;
  });
}

/** Whether an artifact is complete and undamaged. */
export async function isStored(place: ArtifactPlace, touch: "look" | "use"): Promise<boolean> {
  return (await findStored(place, touch)) !== null;
}

/** Opened results, kept while stages in a row share them: of each kind the latest, as many as its nodes say. */
class OpenResults {
  private readonly kinds = new Map<string, Map<string, unknown>>();

  async open<T>({ stage, keep }: GridNode, open: () => Promise<T>): Promise<T> {
    const kept = this.kinds.get(stage.kind) ?? new Map<string, unknown>();
    this.kinds.set(stage.kind, kept);
    if (kept.has(stage.id)) return kept.get(stage.id) as T; // an id is of one stage, and so of one type
    free(kept, keep - 1);
    const opened = await open();
    if (isDisposable(opened)) kept.set(stage.id, opened);
    return opened;
  }

  dispose(): void {
    for (const kept of this.kinds.values()) free(kept, 0);
  }
}

function isDisposable(value: unknown): value is { dispose(): void } {
  return typeof value === "object" && value !== null && "dispose" in value;
}

/** Disposes the oldest until only so many are left. */
function free(kept: Map<string, unknown>, left: number): void {
  for (const [name, value] of kept) {
    if (kept.size <= left) return;
    kept.delete(name);
    if (isDisposable(value)) value.dispose();
  }
}

/** A task as it is drawn from a seed; seed null where files are read. */
interface DataName {
  readonly task: string;
  readonly seed: number | null;
}

interface GridData {
  task(name: DataName): Promise<Task>;
  corpus(name: DataName): Promise<Corpus>;
}

/** Tasks and corpora in memory at once: this one, and another while a process passes by stages that are held. */
const NUM_DATA = 2;

/** The data of a grid, read when first asked for; the latest are kept. */
function openData(world: GridWorld, { control }: Run): GridData {
  const tasks = new Map<string, Promise<Task>>();
  const corpora = new Map<string, Promise<Corpus>>();
  return {
    task: ({ task, seed }) => remember(tasks, `${task} ${seed}`, () => world.loadTask(task, seed, control)),
    corpus: ({ task, seed }) => {
      const corpus = world.corpusOf(task);
      return remember(corpora, `${corpus} ${seed}`, () => world.loadCorpus(corpus, seed, control));
    },
  };
}

/** Of those asked for before, the latest are kept; a failed opening is not. */
async function remember<T>(kept: Map<string, Promise<T>>, name: string, open: () => Promise<T>): Promise<T> {
  const found = kept.get(name) ?? open();
  kept.delete(name);
  kept.set(name, found);
  for (const oldest of kept.keys()) if (kept.size > NUM_DATA) kept.delete(oldest);
  try {
    return await found;
  } catch (error) {
    kept.delete(name);
    throw error;
  }
}
