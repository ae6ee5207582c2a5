import { join } from "node:path";
import type { Control, Corpus, Task } from "../base/types";
import { corpusFor, isDrawnCorpus, type LoadCorpusOptions, loadCorpus } from "../phantoms/load-corpus";
import { loadCasebookFacts } from "../phantoms/load-facts";
import { type LoadTaskOptions, loadTask } from "../phantoms/load-task";
import type { PictureFacts } from "../phantoms/phantom";
import type { Run } from "./run";

// The data of a run: which files or which drawing, told once for notebooks and grid.

/** Seed of what all runs share whatever their own: pairs drawn beside published files, and what comes of corpus, task and frozen encoder alone. */
export const SHARED_SEED = 7;

/** What decides which data a run means. */
export type DataPlace = Pick<Run, "source" | "dataDir" | "artifactsDir">;

/** How a run loads a task: what is drawn, is drawn by this seed; null where all seeds share the data. */
export function taskOptions({ source, dataDir }: DataPlace, seed: number | null): LoadTaskOptions {
  return { source, dataDir, seed: seed ?? SHARED_SEED };
}

/** How a run loads a corpus, likewise. */
export function corpusOptions(place: DataPlace, corpus: string, seed: number | null): LoadCorpusOptions {
  const drawn = { seed: seed ?? SHARED_SEED };
  if (isDrawnCorpus(corpus)) return drawn;
  const { source, dataDir, artifactsDir } = place;
  return { ...drawn, source, dataDir, cacheDir: join(artifactsDir, "corpora") };
}

/** Seed of what a run draws: its own, so that seeds are repetitions of the whole experiment; null where files are read. */
export const drawnSeed = ({ source, seed }: Pick<Run, "source" | "seed">): number | null =>
  source === "phantom" ? seed : null;

/** A task with what is searched for it. */
export interface OpenedTask {
  readonly task: Task;
  readonly corpus: Corpus;
  /** What is known of a casebook's pictures besides their labels; null of any other task (loadPhantomFacts). Read by analyses, never by training. */
  readonly facts: PictureFacts | null;
}

/**
 * Loads a task and the corpus that is searched for it, as the run's settings say: real files or phantoms, which are drawn from the run's
 * seed. The grid opens the same.
 *
 * @param options.corpus another corpus. Default the one drawn for the task.
 * @throws ConfigError for an unknown name. DataError for a missing or unsound file.
 * @example const { task, corpus } = await openTask(run, "casebook")
 * @example const { task, corpus } = await openTask(run, "breast-mnist", { corpus: "medpix2" })
 */
export async function openTask(
  run: Run,
  name: string,
  { corpus: asked = corpusFor(name) }: { readonly corpus?: string } = {},
): Promise<OpenedTask> {
  const control: Control = run.control;
  const seed = drawnSeed(run);
  const task = await loadTask(name, { ...taskOptions(run, seed), control });
  const corpus = await loadCorpus(asked, { ...corpusOptions(run, asked, seed), control });
  return { task, corpus, facts: seed === null ? null : loadCasebookFacts(task, seed) };
}
