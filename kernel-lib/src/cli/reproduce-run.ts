import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { ConfigError } from "../base/errors";
import { ownModelsDir } from "../hub/models";
import { readNotebook } from "../notebook/notebook-file";
import { parameterNames } from "../notebook/parameters";
import { runNotebook } from "../notebook/runner";
import type { ReproduceOptions } from "./reproduce-options";
import type { Schedule } from "./reproduce-schedule";
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
