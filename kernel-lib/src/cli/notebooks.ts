import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { assertInRange, assertInteger, assertOneOf } from "../base/check";
import { ConfigError, isKernelError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import { type Parameters, parseParameter } from "../notebook/parameters";
import { type CellReport, runNotebook } from "../notebook/runner";
import { writeFileAtomic } from "../store/files";
import { failureText, readWords } from "./command";
import { formatJunit, type NotebookOutcome } from "./junit";
import {
  assertDeclared,
  createNotebookLine,
  INTERRUPTED,
  listenForStop,
  notebookEnvironment,
  shareSettings,
  workInLanes,
} from "./notebook-runs";
import { selectNotebooks } from "./reproduce-notebooks";
import { createTerminalProgress, type LineStream, type TerminalProgress } from "./terminal-progress";

/** `npm run notebooks`: executes any notebooks, beside the files, with a report for CI. */

const HELP = `npm run notebooks -- run [files…] [options]
  files                notebooks to execute; default all of notebooks/
  --out DIR            where executed notebooks and figures go; default data/artifacts/reports/run
  -p name value        a value for the parameters cell of each notebook that declares the name (may be repeated;
                       also --param name=value); JSON where it is JSON, else text
  --timeout SECONDS    longest time of a cell; default no limit
  --parallel N         how many notebooks run at once; default 1
  --junit FILE         writes a JUnit XML report: a test suite a notebook, a test case a cell`;

const MAX_SECONDS = 1e6;
const MAX_LANES = 64;

/** What `npm run notebooks -- run` was asked for, with whole paths. */
export interface RunOptions {
  /** Notebooks in the order they were named; empty: all of the folder notebooks. */
  readonly files: readonly string[];
  readonly outDir: string;
  readonly parameters: Parameters;
  /** In ms; null: no limit. */
  readonly cellTimeoutMs: number | null;
  readonly lanes: number;
  readonly junit: string | null;
  readonly dataDir: string | null;
}

/** `-p name value` as parseArgs can read it: `--param=name=value`. */
function joinPairs(argv: readonly string[]): string[] {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] !== "-p") words.push(argv[i]!);
    else {
      const [name, value] = [argv[++i], argv[++i]];
      if (name === undefined || value === undefined)
        throw new ConfigError(`notebooks: -p must be followed by a name and a value; got ${name ?? "nothing"}.`);
      words.push(`--param=${name}=${value}`);
    }
  }
  return words;
}

function parse(argv: readonly string[]) {
  return readWords(
    {
      args: joinPairs(argv),
      allowPositionals: true,
      options: {
        out: { type: "string" },
        param: { type: "string", multiple: true, default: [] },
        timeout: { type: "string" },
        parallel: { type: "string", default: "1" },
        junit: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    },
    HELP,
    "notebooks: ",
  );
}

const toNumber = (text: string): number => (text.trim() === "" ? Number.NaN : Number(text));

function readTimeout(text: string | undefined): number | null {
  if (text === undefined) return null;
  const seconds = toNumber(text);
  assertInRange("notebooks: --timeout", seconds, 0.001, MAX_SECONDS);
  return seconds * 1000;
}

/**
 * Reads the command line of `npm run notebooks`.
 *
 * @param root folder of the project.
 * @returns "help" where that is asked for, or nothing.
 * @throws ConfigError on an unknown command or option, or an impossible value.
 */
export function readRunOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  root: string,
): RunOptions | "help" {
  const { values, positionals } = parse(argv);
  const [verb, ...files] = positionals;
  if (values.help || verb === undefined) return "help";
  assertOneOf("notebooks: the command", verb, ["run"]);
  const lanes = toNumber(values.parallel);
  assertInteger("notebooks: --parallel", lanes, 1, MAX_LANES);
  const data = env["JOMED_DATA_DIR"];
  return {
    files: files.map((file) => resolve(file)),
    outDir: values.out === undefined ? join(root, "data", "artifacts", "reports", "run") : resolve(values.out),
    parameters: Object.fromEntries(values.param.map(parseParameter)),
    cellTimeoutMs: readTimeout(values.timeout),
    lanes,
    junit: values.junit === undefined ? null : resolve(values.junit),
    dataDir: data ? resolve(data) : null,
  };
}

/** Refuses what would lose a file: a notebook that is not there, two of one name, results over their notebook. */
function assertFiles(files: readonly string[], notebooksDir: string): void {
  const names = new Set<string>();
  for (const file of files) {
    const name = basename(file);
    if (!existsSync(file))
      throw new ConfigError(`notebooks: each file must exist; got ${file}. Name notebooks (.ipynb) that are there.`);
    if (names.has(name))
      throw new ConfigError(
        `notebooks: names of notebooks must differ; got two of ${name}. Run one of them with another --out.`,
      );
    if (dirname(file) === notebooksDir)
      throw new ConfigError(
        `notebooks: results must not be written over their notebook; got ${file}. Use another --out.`,
      );
    names.add(name);
  }
}

/** What all notebooks of a run share. */
interface RunContext {
  readonly options: RunOptions;
  readonly notebooksDir: string;
  readonly progress: TerminalProgress;
  readonly signal: AbortSignal;
}

/** A path as it is read: from the working folder where it lies below that. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}

async function runOne(file: string, parameters: Parameters, context: RunContext): Promise<NotebookOutcome> {
  const { options, notebooksDir, progress, signal } = context;
  const name = basename(file, ".ipynb");
  const begun = performance.now();
  const cells: CellReport[] = [];
  const line = createNotebookLine(name, progress);
  const ended = (state: "ok" | "failed", message: string): NotebookOutcome => {
    const seconds = (performance.now() - begun) / 1000;
    progress.finish(name, `${name}  ${state === "ok" ? "done in" : "FAILED after"} ${seconds.toFixed(1)} s`);
    return { file: shown(file), seconds, state, cells, message };
  };
  line.show("starting");
  try {
    await runNotebook(file, {
      output: join(notebooksDir, basename(file)),
      parameters,
      env: notebookEnvironment({ figuresDir: join(options.outDir, "figures"), dataDir: options.dataDir }),
      ...(options.cellTimeoutMs === null ? {} : { cellTimeoutMs: options.cellTimeoutMs }),
      signal,
      onProgress: ({ done, total }) => line.enter(done + 1, total),
      onProgressText: line.show,
      onCell: (report) => cells.push(report),
    });
    return ended("ok", "");
  } catch (error) {
    return ended("failed", failureText(error));
  }
}

async function runAll(files: readonly string[], context: RunContext): Promise<NotebookOutcome[]> {
  const { options, notebooksDir, signal } = context;
  const { settings, declared } = await shareSettings(files, options.parameters);
  assertDeclared("notebooks: -p", Object.keys(options.parameters), declared);
  for (const folder of [notebooksDir, join(options.outDir, "figures")]) await mkdir(folder, { recursive: true });
  const outcomes = new Map<string, NotebookOutcome>();
  await workInLanes(files, options.lanes, async (file) => {
    outcomes.set(file, await runOne(file, settings.get(file)!, context));
    return signal.aborted ? "stop" : "go on";
  });
  const skipped = (file: string): NotebookOutcome => ({
    file: shown(file),
    seconds: 0,
    state: "skipped",
    cells: [],
    message: "",
  });
  return files.map((file) => outcomes.get(file) ?? skipped(file));
}

/** The messages of the notebooks that failed, and how many there are of each kind. */
function summary(outcomes: readonly NotebookOutcome[], seconds: number): string {
  const failed = outcomes.filter(({ state }) => state === "failed");
  const skipped = outcomes.filter(({ state }) => state === "skipped").length;
  const counts = [`${outcomes.length} notebooks`, `${failed.length} failed`, `${skipped} not begun`];
  const line = `${counts.join(", ")}, ${seconds.toFixed(1)} s.`;
  return [...failed.map(({ message }) => `\n${message}`), `\n${line}`].join("\n");
}

async function run(
  options: RunOptions,
  { root, signal, stream }: { root: string; signal: AbortSignal; stream: LineStream },
): Promise<number> {
  const begun = performance.now();
  const notebooksDir = join(options.outDir, "notebooks");
  const files = options.files.length > 0 ? options.files : await selectNotebooks(join(root, "notebooks"), []);
  assertFiles(files, notebooksDir);
  const progress = createTerminalProgress(stream);
  progress.say(`Writing to ${shown(options.outDir)}.`);
  const outcomes = await runAll(files, { options, notebooksDir, progress, signal });
  const seconds = (performance.now() - begun) / 1000;
  if (options.junit !== null) writeFileAtomic(options.junit, formatJunit(outcomes, seconds));
  progress.say(summary(outcomes, seconds));
  if (signal.aborted) return INTERRUPTED;
  return outcomes.every(({ state }) => state === "ok") ? 0 : 1;
}

/**
 * Runs `npm run notebooks`. A notebook that fails does not keep the others from running; Ctrl-C stops all, a second one at once.
 *
 * @param stream where lines go. Default: standard output.
 * @returns the exit code: 0, 1 when a notebook failed or the command cannot be done, 130 when stopped by Ctrl-C.
 */
export async function main(argv: readonly string[], stream: LineStream = process.stdout): Promise<number> {
  const { signal, release } = listenForStop();
  try {
    const root = repositoryRoot();
    const options = readRunOptions(argv, process.env, root);
    if (options !== "help") return await run(options, { root, signal, stream });
    stream.write(`${HELP}\n`);
    return 0;
  } catch (error) {
    if (!isKernelError(error)) throw error;
    createTerminalProgress(stream).say(error.message);
    return 1;
  } finally {
    release();
  }
}
