import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { ConfigError } from "../base/errors";
import type { GridOptions } from "../experiments/grid/options";
import type { Parameters } from "../notebook/parameters";
import { runNotebook } from "../notebook/runner";
import { writeFileAtomic } from "../store/files";
import { ablations } from "../systems/systems";
import { assertDeclared, createNotebookLine, notebookEnvironment, shareSettings, workInLanes } from "./notebook-runs";
import type { ReproduceOptions } from "./reproduce-options";
import type { TerminalProgress } from "./terminal-progress";

/** Which notebooks `npm run reproduce` executes, with what, in which order; and what is said of them. */

/** The notebooks of a folder in reading order, those asked for only. */
export async function selectNotebooks(folder: string, beginnings: readonly string[]): Promise<string[]> {
  const all = (await readdir(folder)).filter((name) => name.endsWith(".ipynb")).sort();
  for (const beginning of beginnings) {
    if (all.some((name) => name.startsWith(beginning))) continue;
    const known = all.map((name) => name.replace(/\.ipynb$/, "")).join(", ");
    throw new ConfigError(
      `reproduce: --notebook must begin a notebook's name; got ${beginning}. Use one of ${known}.`,
      { beginning },
    );
  }
  const chosen =
    beginnings.length === 0 ? all : all.filter((name) => beginnings.some((start) => name.startsWith(start)));
  if (chosen.length === 0)
    throw new ConfigError(`selectNotebooks: ${folder} must hold notebooks; it has none. Run it in the repository.`, {
      folder,
    });
  return chosen.map((name) => join(folder, name));
}

/** What the notebooks ask of real data unless told otherwise: the casebook is only drawn. */
const REAL_TASK = "breast-mnist";

/** Which values each notebook is given: nothing for the default run, else the settings it declares. */
async function chooseSettings(
  files: readonly string[],
  options: ReproduceOptions,
): Promise<ReadonlyMap<string, Parameters>> {
  // full is the grid of quick's sizes with more readers, seeds and systems: the notebooks' part of it is quick's
  const profile = options.profile === "full" ? "quick" : options.profile;
  const task = options.source === "real" ? { taskName: REAL_TASK } : {};
  const given = { profile, seed: options.seed, source: options.source, ...task, ...options.parameters };
  const { settings, declared } = await shareSettings(files, given);
  assertDeclared("reproduce: --param", Object.keys(options.parameters), declared);
  return options.settings === "default" ? new Map(files.map((file) => [file, {}])) : settings;
}

/** One executed notebook. */
export interface NotebookReport {
  readonly notebook: string;
  readonly seconds: number;
  /** Names of the figures it saved. */
  readonly figures: readonly string[];
}

/** Names of the figures written since then. */
export async function listFiguresSince(folder: string, sinceMs: number): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json"));
  const times = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).mtimeMs));
  return names.filter((_, i) => times[i]! >= sinceMs).map((name) => name.replace(/\.json$/, ""));
}

/** What all notebooks of a run share. */
interface ReproduceContext {
  readonly options: ReproduceOptions;
  readonly progress: TerminalProgress;
  readonly signal: AbortSignal;
}

/** TensorFlow's threads: processes that all take all cores get in each other's way. What is computed does not depend on it. */
function shareOfThreads(): Readonly<Record<string, string>> {
  if (process.env["TF_NUM_INTRAOP_THREADS"] !== undefined) return {};
  return { TF_NUM_INTRAOP_THREADS: String(Math.max(1, Math.floor(availableParallelism() / LANES))) };
}

/** A notebook with its values, and what its process finds in its environment. */
interface Execution {
  readonly file: string;
  readonly parameters: Parameters;
  readonly env: Readonly<Record<string, string>>;
}

async function runOne(
  { file, parameters, env }: Execution,
  { options, progress, signal }: ReproduceContext,
): Promise<NotebookReport> {
  const name = basename(file, ".ipynb");
  const begun = Date.now();
  const line = createNotebookLine(name, progress);
  line.show("starting");
  try {
    const { seconds } = await runNotebook(file, {
      ...(options.notebooksDir === null ? {} : { output: join(options.notebooksDir, basename(file)) }),
      parameters,
      env,
      signal,
      onProgress: ({ done, total }) => line.enter(done + 1, total),
      onProgressText: line.show,
    });
    const source = await readFile(file, "utf8");
    const figures = (await listFiguresSince(options.figuresDir, begun)).filter(
      (figure) => source.includes(`\\"${figure}\\"`), // a name in a cell's code, as a notebook's JSON holds it
    );
    progress.finish(name, `${name}  done in ${seconds.toFixed(1)} s, ${figures.length} figures`);
    return { notebook: name, seconds, figures };
  } catch (error) {
    progress.finish(name, `${name}  FAILED`);
    throw error;
  }
}

// ---- in which order, and what is computed beside them -------------------------------------------------------------------------

/** How notebooks are executed. */
interface Schedule {
  /** All of them, as they are begun. */
  readonly order: readonly string[];
  /** How many run at once. */
  readonly lanes: number;
  /** What a process of its own computes, begun behind the first notebook; it takes the place of one. Null: there is none. */
  readonly beside: GridOptions | null;
}

/** Seconds by notebook of the last run of all notebooks with some settings that ended well; null: there was none. */
type EarlierRun = ReadonlyMap<string, number> | null;

/** Where everything is known. */
const LANES = 2;
/** While most wait for what one of them computes: what can be done meanwhile, their start above all, is done then. */
const FIRST_LANES = 4;

/** The notebook that trains the most: begun once what it shares with the first ones is under way. */
const LONGEST = "05-";
const BEGUN_BEFORE = 3;

/**
 * Several at once where there are two cores: what two of them need one computes while the other waits. While their results are not known to be
 * there: in reading order, since the first notebooks compute what the later ones read, but for the longest; afterwards the longest first.
 *
 * @param beside what they share, where it is worth a process of its own (`sharedStages`): while nothing is known to be there and several run at once.
 */
export function scheduleNotebooks(
  files: readonly string[],
  earlier: EarlierRun,
  beside: GridOptions | null = null,
): Schedule {
  const isAlone = availableParallelism() < LANES;
  if (earlier === null) {
    return { order: firstOrder(files), lanes: isAlone ? 1 : FIRST_LANES, beside: isAlone ? null : beside };
  }
  const seconds = (file: string): number => earlier.get(basename(file, ".ipynb")) ?? 0;
  const order = [...files].sort((a, b) => seconds(b) - seconds(a));
  return { order, lanes: isAlone ? 1 : LANES, beside: null };
}

function firstOrder(files: readonly string[]): string[] {
  const [first, later] = [files.slice(0, BEGUN_BEFORE), files.slice(BEGUN_BEFORE)];
  const isLongest = (file: string): boolean => basename(file).startsWith(LONGEST);
  return [...first, ...later.filter(isLongest), ...later.filter((file) => !isLongest(file))];
}

/** The task of the notebooks' own parameters cells. */
const OWN_TASK = "casebook";

/**
 * What all notebooks together compute of their own task, as a grid: the systems that they ask, with all that comes before. The ablations come
 * last and from their end, since a notebook goes through them from the beginning. Null where the notebooks run with other parameters, on
 * files, or not all of them.
 */
export function sharedStages({ profile, seed, source, notebooks, parameters }: ReproduceOptions): GridOptions | null {
  if (notebooks.length > 0 || source !== "phantom" || Object.keys(parameters).length > 0) return null;
  const variants = ablations().flatMap(({ name, training }) => (training === undefined ? [] : [name]));
  const systems = [
    "closed-book",
    "ft-rag",
    "corpus-pairs",
    "random-pairs",
    "jomed",
    "text-head",
    ...variants.reverse(),
  ];
  const shared = { tasks: [OWN_TASK], backbones: ["qwen2-vl"], seeds: [seed], systems, source };
  return { ...shared, profile: profile === "full" ? "quick" : profile };
}

/** Lets a process of its own compute a grid's stages; ends when it does, however it ends: the notebooks compute what it leaves. */
async function computeBeside(
  grid: GridOptions,
  folder: string,
  { options, signal, progress }: ReproduceContext,
): Promise<void> {
  const script = "require(process.argv[1]).main(process.argv.slice(2)).then((code) => process.exit(code))";
  const args = ["-e", script, join(__dirname, "grid.js"), JSON.stringify(grid)];
  const env = { ...process.env, ...notebookEnvironment(options), ...shareOfThreads() };
  progress.update("beside", "beside the notebooks: what they share");
  await new Promise<void>((done) => {
    const child = spawn(process.execPath, args, { cwd: folder, env, stdio: "ignore", signal });
    child.on("error", () => done());
    child.on("exit", () => done());
  });
  progress.finish("beside");
}

/** Reads what `recordRun` wrote; null when there is none or it is something else. */
export function readEarlierRun(file: string): EarlierRun {
  try {
    const { seconds } = JSON.parse(readFileSync(file, "utf8")) as { seconds: Record<string, number> };
    return new Map(Object.entries(seconds));
  } catch {
    return null; // the next run then takes longer, and is recorded anew
  }
}

/** Records that a run of all notebooks ended well. */
export function recordRun(
  file: string,
  reports: readonly { readonly notebook: string; readonly seconds: number }[],
): void {
  const seconds = Object.fromEntries(reports.map((report) => [report.notebook, report.seconds]));
  writeFileAtomic(file, `${JSON.stringify({ seconds })}\n`);
}

interface ReproduceResult {
  /** In the order of the notebooks. */
  readonly reports: readonly NotebookReport[];
  /** The first failure, or null. */
  readonly failure: unknown;
}

/** Executes notebooks by a schedule and reports them as listed in `files`; after a failure no further one is begun. */
export async function reproduceNotebooks(
  files: readonly string[],
  { order, lanes, beside }: Schedule,
  context: ReproduceContext,
): Promise<ReproduceResult> {
  const { options } = context;
  const settings = await chooseSettings(files, options);
  for (const folder of [options.notebooksDir, options.figuresDir])
    if (folder !== null) await mkdir(folder, { recursive: true });
  const reports = new Map<string, NotebookReport>();
  let failure: unknown = null;
  const env = { ...notebookEnvironment(options), ...(beside === null ? {} : shareOfThreads()) };
  const notebookJob = (file: string) => async (): Promise<void> => {
    reports.set(file, await runOne({ file, parameters: settings.get(file)!, env }, context));
  };
  const stopped = new AbortController(); // by a failure: nobody waits for what is computed beside then
  const around = { ...context, signal: AbortSignal.any([context.signal, stopped.signal]) };
  const besideJobs = beside === null ? [] : [() => computeBeside(beside, dirname(files[0]!), around)];
  const jobs = order.map(notebookJob);
  await workInLanes([...jobs.slice(0, 1), ...besideJobs, ...jobs.slice(1)], lanes, async (job) => {
    try {
      await job();
    } catch (error) {
      failure ??= error;
      stopped.abort();
    }
    return failure === null ? "go on" : "stop";
  });
  return { reports: files.flatMap((file) => reports.get(file) ?? []), failure };
}

/** The table of notebooks, minutes and figures, and their sums. */
export function formatReport(reports: readonly NotebookReport[], totalSeconds: number): string {
  const minutes = (seconds: number): string => (seconds / 60).toFixed(2);
  const rows = reports.map((report) => [report.notebook, minutes(report.seconds), report.figures.join(", ")]);
  const figures = reports.reduce((sum, report) => sum + report.figures.length, 0);
  const all = [["notebook", "minutes", "figures"], ...rows, ["total", minutes(totalSeconds), String(figures)]];
  const widths = [0, 1].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map(([name, time, last]) => `${name!.padEnd(widths[0]!)}  ${time!.padStart(widths[1]!)}  ${last}`.trimEnd())
    .join("\n");
}
