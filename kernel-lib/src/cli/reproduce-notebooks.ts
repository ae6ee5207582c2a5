import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { ConfigError } from "../base/errors";
import { ownModelsDir } from "../hub/models";
import { readNotebook } from "../notebook/notebook-file";
import { parameterNames } from "../notebook/parameters";
import { runNotebook } from "../notebook/runner";
import { writeFileAtomic } from "../store/files";
import type { ReproduceOptions } from "./reproduce-options";
import type { TerminalProgress } from "./terminal-progress";

/** One executed notebook. */
export interface NotebookReport {
  readonly notebook: string;
  readonly seconds: number;
  /** Names of the figures it saved. */
  readonly figures: readonly string[];
}

export interface ReproduceResult {
  /** In the order of the notebooks. */
  readonly reports: readonly NotebookReport[];
  /** The first failure, or null. */
  readonly failure: unknown;
}

/** The notebooks of a folder in reading order, those asked for only. */
export async function selectNotebooks(folder: string, beginnings: readonly string[]): Promise<string[]> {
  const all = (await readdir(folder)).filter((name) => name.endsWith(".ipynb")).sort();
  for (const beginning of beginnings) {
    if (all.some((name) => name.startsWith(beginning))) continue;
    const known = all.map((name) => name.replace(/\.ipynb$/, "")).join(", ");
    throw new ConfigError(
      `reproduce: --notebook must begin a notebook's name; got ${beginning}. Use one of ${known}.`,
      {
        beginning,
      },
    );
  }
  const chosen =
    beginnings.length === 0 ? all : all.filter((name) => beginnings.some((start) => name.startsWith(start)));
  if (chosen.length === 0)
    throw new ConfigError(`reproduce: ${folder} must hold notebooks; it has none. Run it in the repository.`, {
      folder,
    });
  return chosen.map((name) => join(folder, name));
}

/** How notebooks are executed. */
export interface Schedule {
  /** All of them, as they are begun. */
  readonly order: readonly string[];
  /** How many run at once. */
  readonly lanes: number;
}

/** Seconds by notebook of the last run of all notebooks with some settings that ended well; null: there was none. */
export type EarlierRun = ReadonlyMap<string, number> | null;

const MAX_LANES = 2;

/**
 * Reading order, one by one, while their results are not known to be there: the first notebooks compute what the later ones
 * read. Afterwards most of the time is start-up, so two run at once, the longest begun first.
 */
export function scheduleNotebooks(files: readonly string[], earlier: EarlierRun): Schedule {
  if (earlier === null) return { order: files, lanes: 1 };
  const seconds = (file: string): number => earlier.get(basename(file, ".ipynb")) ?? 0;
  const order = [...files].sort((a, b) => seconds(b) - seconds(a));
  return { order, lanes: Math.min(MAX_LANES, availableParallelism()) };
}

/** Reads what `noteRun` wrote; null when there is none or it is something else. */
export function earlierRun(file: string): EarlierRun {
  try {
    const { seconds } = JSON.parse(readFileSync(file, "utf8")) as { seconds: Record<string, number> };
    return new Map(Object.entries(seconds));
  } catch {
    return null; // the next run then takes longer, and notes it anew
  }
}

/** Notes that a run of all notebooks ended well. */
export function noteRun(
  file: string,
  reports: readonly { readonly notebook: string; readonly seconds: number }[],
): void {
  const seconds = Object.fromEntries(reports.map((report) => [report.notebook, report.seconds]));
  writeFileAtomic(file, `${JSON.stringify({ seconds })}\n`);
}

type Settings = Readonly<Record<string, unknown>>;

/** Which values each notebook is given: nothing for the default run, else the settings it declares. */
async function settingsFor(files: readonly string[], options: ReproduceOptions): Promise<Map<string, Settings>> {
  // full is the grid of quick's sizes with more readers, seeds and systems: the notebooks' part of it is quick's
  const profile = options.profile === "full" ? "quick" : options.profile;
  const given = { profile, seed: options.seed, source: options.source, ...options.parameters };
  const settings = new Map<string, Settings>();
  const declared = new Set<string>();
  for (const file of files) {
    const names = parameterNames(await readNotebook(file));
    for (const name of names) declared.add(name);
    const own = Object.entries(given).filter(([name]) => names.includes(name));
    settings.set(file, options.target === "tracked" ? {} : Object.fromEntries(own));
  }
  for (const name of Object.keys(options.parameters)) {
    if (declared.has(name)) continue;
    throw new ConfigError(
      `reproduce: --param must name a parameter of a notebook; got ${name}. Use one of ${[...declared].sort().join(", ")}.`,
      { name, declared: [...declared] },
    );
  }
  return settings;
}

/** Names of the figures written since then. */
export async function figuresSince(folder: string, sinceMs: number): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json"));
  const times = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).mtimeMs));
  return names.filter((_, i) => times[i]! >= sinceMs).map((name) => name.replace(/\.json$/, ""));
}

async function runOne(
  file: string,
  settings: Settings,
  options: ReproduceOptions,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<NotebookReport> {
  const name = basename(file, ".ipynb");
  const begun = Date.now();
  const models = ownModelsDir(); // a notebook runs in its own folder: the path must be whole
  let position = "";
  let text = "";
  const line = (): void => progress.update(name, `${name}  ${position}${text === "" ? "" : `  ${text}`}`);
  progress.update(name, `${name}  starting`);
  try {
    const run = await runNotebook(file, {
      ...(options.notebooksDir === null ? {} : { output: join(options.notebooksDir, basename(file)) }),
      parameters: settings,
      env: {
        JOMED_FIGURES_DIR: options.figuresDir,
        ...(options.dataDir === null ? {} : { JOMED_DATA_DIR: options.dataDir }),
        ...(models === null ? {} : { JOMED_MODELS_DIR: models }),
      },
      signal,
      onProgress: (event) => {
        position = `cell ${event.done + 1}/${event.total}`;
        text = "";
        line();
      },
      onProgressText: (shown) => {
        text = shown;
        line();
      },
    });
    const source = await readFile(file, "utf8");
    const figures = (await figuresSince(options.figuresDir, begun)).filter(
      (figure) => source.includes(`\\"${figure}\\"`), // a name in a cell's code, as a notebook's JSON holds it
    );
    progress.finish(name, `${name}  done in ${run.seconds.toFixed(1)} s, ${figures.length} figures`);
    return { notebook: name, seconds: run.seconds, figures };
  } catch (error) {
    progress.finish(name, `${name}  FAILED`);
    throw error;
  }
}

/** Executes notebooks by a schedule and reports them as listed in `files`; after a failure no further one is begun. */
export async function reproduceNotebooks(
  files: readonly string[],
  options: ReproduceOptions,
  { order, lanes }: Schedule,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<ReproduceResult> {
  const settings = await settingsFor(files, options);
  for (const folder of [options.notebooksDir, options.figuresDir])
    if (folder !== null) await mkdir(folder, { recursive: true });
  const waiting = [...order];
  const reports = new Map<string, NotebookReport>();
  let failure: unknown = null;
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && failure === null; file = waiting.shift()) {
      try {
        reports.set(file, await runOne(file, settings.get(file)!, options, progress, signal));
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { reports: files.flatMap((file) => reports.get(file) ?? []), failure };
}
