import type { Control, Corpus, Task } from "../../base/types";
import type { Run, StagePlace } from "../run";
import { buildIndex, type Index } from "../stages/corpus-index";
import { type Predictions, readPredictions } from "../stages/predictions";
import type { ReaderMode, TunedReader } from "../stages/reader";
import type { GridStage } from "./stages";
import { headsOf, type StageParts, tuneHeadsOf, tuneReaderOf } from "./verbs";
import type { GridWorld } from "./world";

/** The data of a grid, read when first asked for; the latest are kept. */
export interface GridData {
  task(name: string): Promise<Task>;
  /** What is searched for a task. */
  corpusFor(task: string): Promise<Corpus>;
}

/** Opens what stages work on, and keeps it open while stages in a row share it. */
export interface GridParts extends GridData {
  /** Everything the stage's verb reads; what it needs must be there. */
  partsOf(run: Run, stage: GridStage): Promise<StageParts>;
  dispose(): void;
}

/** Readers open at once: one with passages, one without. */
const NUM_READERS = 2;
/** Tasks and corpora in memory at once: this one, and another while a process passes by stages that are held. */
const NUM_DATA = 2;

function openData(world: GridWorld, control: Control): GridData {
  const tasks = new Map<string, Promise<Task>>();
  const corpora = new Map<string, Promise<Corpus>>();
  return {
    task: (name) => remember(tasks, name, () => world.loadTask(name, control)),
    corpusFor: (name) => {
      const corpus = world.corpusOf(name);
      return remember(corpora, corpus, () => world.loadCorpus(corpus, control));
    },
  };
}

/** @param world where data and models come from. */
export function openParts(world: GridWorld, control: Control): GridParts {
  const { task, corpusFor } = openData(world, control);
  const indexes = new Map<string, Index>();
  const readers = new Map<string, TunedReader>();
  const indexOf = async (run: Run, name: string): Promise<Index> => {
    if (!indexes.has(name)) free(indexes, 0);
    const open = async () =>
      buildIndex(run, { task: await task(name), corpus: await corpusFor(name), clipFolder: world.clipFolder });
    return keep(indexes, name, open);
  };
  const readerOf = async (run: Run, stage: GridStage, mode: ReaderMode): Promise<TunedReader> => {
    const name = [stage.task, stage.backbone, stage.seed, mode].join(".");
    if (!readers.has(name)) free(readers, NUM_READERS - 1);
    const loaded = await task(stage.task);
    return keep(readers, name, async () => {
      const index = mode === "retrieval" ? { index: await indexOf(run, stage.task) } : {};
      return tuneReaderOf(run, stage, mode, { task: loaded, ...index }, world);
    });
  };
  const partsOf = async (run: Run, stage: GridStage): Promise<StageParts> => {
    const needs = (kind: string): boolean => stage.needs.some((id) => id.startsWith(`${kind}.`));
    const loaded = await task(stage.task);
    if (stage.kind === "leaks" || stage.kind === "index") return { task: loaded, corpus: await corpusFor(stage.task) };
    if (stage.kind === "results") return { task: loaded };
    const index = needs("index") ? await indexOf(run, stage.task) : undefined;
    const mode = index === undefined ? "closedBook" : "retrieval";
    const reader = needs("reader") ? await readerOf(run, stage, mode) : undefined;
    const parts = { task: loaded, ...(index && { index }), ...(reader && { reader }) };
    const heads = headsOf(stage);
    if (heads.length === 0) return parts;
    return { ...parts, heads: await tuneHeadsOf(run, stage, heads, parts) };
  };
  const dispose = (): void => {
    free(readers, 0);
    free(indexes, 0);
  };
  return { task, corpusFor, partsOf, dispose };
}

/** All answers of the given predictions artifacts, in their order. */
export function joinAnswers(places: readonly StagePlace[]): Predictions {
  return places.flatMap(({ folder }) => readPredictions(folder));
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

async function keep<T>(kept: Map<string, T>, name: string, open: () => Promise<T>): Promise<T> {
  const found = kept.get(name) ?? (await open());
  kept.set(name, found);
  return found;
}

/** Disposes the oldest until only so many are left. */
function free(kept: Map<string, { dispose(): void }>, left: number): void {
  for (const [name, part] of kept) {
    if (kept.size <= left) return;
    part.dispose();
    kept.delete(name);
  }
}
