import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { assertNotInterrupted } from "../base/check";
import { EnvironmentError, InterruptedError, isKernelError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import type { ProgressEvent } from "../base/types";
import type { KernelClient } from "../kernel/client";
import { type StartedKernel, startKernel } from "../kernel/client";
import type { KernelSpec } from "../kernel/process";
import { createCellError, createPathCleaner, OutputCollector } from "./collect-outputs";
import {
  type Cell,
  type CodeCell,
  type ErrorOutput,
  hasTag,
  type Notebook,
  type Output,
  readNotebook,
  writeNotebook,
} from "./notebook-file";
import { injectParameters, type Parameters } from "./parameters";
import { WidgetStates } from "./widget-states";

/**
 * How to start the TypeScript kernel for a notebook in this folder. It ends when this process does.
 *
 * @param root folder of the project; kernel-lib is looked up in its node_modules.
 * @throws EnvironmentError when it is missing.
 */
export function createKernelSpec(root: string, cwd: string, env: NonNullable<KernelSpec["env"]> = {}): KernelSpec {
  const program = kernelProgram(root);
  return {
    name: KERNELSPEC.name,
    argv: [process.execPath, program, "{connection_file}"],
    cwd,
    interruptMode: "message",
    env: {
      ...env,
      JPY_PARENT_PID: String(process.pid),
      KERNEL_LIB_HISTORY: "off",
      NO_COLOR: "1",
      FORCE_COLOR: undefined,
    },
  };
}

function kernelProgram(root: string): string {
  const file = "dist/kernel/serve/main.js";
  try {
    const path = join(dirname(createRequire(join(root, "package.json")).resolve("kernel-lib/package.json")), file);
    if (existsSync(path)) return path;
  } catch {
    // not installed: said below
  }
  throw new EnvironmentError(`createKernelSpec: kernel-lib/${file} must exist; it does not. Run npm run setup.`, {
    file,
  });
}

/** How one code cell fared. */
export interface CellReport {
  /** Counted from 1 over all cells of the notebook, those with words too. */
  readonly position: number;
  readonly id: string;
  readonly seconds: number;
  /** "skipped": tagged so, or behind a cell that failed. */
  readonly state: "ok" | "failed" | "skipped";
  /** What a failed cell showed; null for the others. */
  readonly error: ErrorOutput | null;
}

export interface RunNotebookOptions {
  /** Where the executed notebook is written. Default: over the notebook itself. */
  readonly output?: string;
  /** Values set after the cell tagged "parameters". Default: none. */
  readonly parameters?: Parameters;
  /** Added to the kernel's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Longest time a cell may take, in ms. Default: no limit. */
  readonly cellTimeoutMs?: number;
  /** Longest time until the kernel answers, in ms. Default 60,000. */
  readonly startTimeoutMs?: number;
  /** Stops the running cell and then the notebook; nothing is written then. */
  readonly signal?: AbortSignal;
  /** Told before each cell: `done` cells of `total`. */
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Told of each code cell (but empty ones) when it has ended; after a failure the rest are told as skipped. */
  readonly onCell?: (report: CellReport) => void;
  /** Told each line of a progress bar that the notebook shows. */
  readonly onProgressText?: (text: string) => void;
}

/** What running a notebook gave. */
interface NotebookRun {
  readonly notebook: Notebook;
  readonly seconds: number;
  /** Seconds until the kernel answered, part of `seconds`. */
  readonly startSeconds: number;
}

/** A cell that does not stop this long after an interrupt loses its kernel. */
const INTERRUPT_PATIENCE_MS = 10_000;
/** An interrupt that falls between two cells is lost: it is sent again. */
const INTERRUPT_EVERY_MS = 1000;
/** All cells have ended, so that nothing is lost when a kernel that takes longer to go is told to. */
const END_GRACE_MS = 100;
const KERNELSPEC = { display_name: "TypeScript (kernel-lib)", language: "typescript", name: "tslab" };

interface Session {
  readonly client: KernelClient;
  readonly collector: OutputCollector;
  readonly widgets: WidgetStates;
  readonly name: string;
  readonly options: RunNotebookOptions;
  executions: number;
}

async function executeCell(session: Session, source: string): Promise<"ok" | "failed"> {
  const { client, collector, widgets, options } = session;
  const { status } = await client.execute(source, {
    onOutput: (type, content, buffers) => {
      collector.add(type, content);
      widgets.add(type, content, buffers);
    },
    ...(options.cellTimeoutMs === undefined ? {} : { timeoutMs: options.cellTimeoutMs }),
  });
  return status === "ok" ? "ok" : "failed";
}

interface CellRun {
  readonly cell: CodeCell;
  readonly outputs: () => Output[];
  readonly seconds: number;
  readonly failure: unknown;
}

/** Interrupts the running cell when the signal is aborted, again every second, and ends a kernel that does not give in. */
function interruptOnAbort(session: Session): () => void {
  const { signal } = session.options;
  let timer: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    const until = Date.now() + INTERRUPT_PATIENCE_MS;
    const again = (): void => {
      if (Date.now() < until) void session.client.interrupt();
      else void session.client.shutdown();
    };
    again();
    timer = setInterval(again, INTERRUPT_EVERY_MS);
  };
  signal?.addEventListener("abort", interrupt, { once: true });
  return () => {
    signal?.removeEventListener("abort", interrupt);
    clearInterval(timer);
  };
}

async function runCell(session: Session, cell: CodeCell, position: number): Promise<CellRun> {
  const { collector, options, name } = session;
  const outputs = collector.beginCell();
  const begun = performance.now();
  const executed = { ...cell, execution_count: ++session.executions };
  const ended = (failure: unknown): CellRun => ({
    cell: executed,
    outputs,
    seconds: (performance.now() - begun) / 1000,
    failure:
      failure !== null && options.signal?.aborted
        ? new InterruptedError(`runNotebook: interrupted in cell ${position} of ${name}. Run it again to go on.`)
        : failure,
  });
  const release = interruptOnAbort(session);
  try {
    if ((await executeCell(session, cell.source)) === "ok") return ended(null);
    const error = collector.fail();
    const mayFail = hasTag(cell, "raises-exception") && !options.signal?.aborted;
    return ended(mayFail ? null : createCellError(name, position, cell.source, error));
  } catch (error) {
    const lines = (error as Error).message.split("\n");
    collector.add("error", { ename: (error as Error).name, evalue: lines[0], traceback: lines });
    return ended(inCell(error, name, position));
  } finally {
    release();
  }
}

/** The error of a kernel that died or a cell that was too slow, naming notebook and cell as well. */
function inCell(error: unknown, name: string, cell: number): unknown {
  if (!isKernelError(error)) return error;
  error.message = `cell ${cell} of ${name}: ${error.message}`;
  return Object.assign(error, { details: { ...error.details, notebook: name, cell } });
}

function reportCell({ options }: Session, cell: CodeCell, position: number, run: CellRun | null): void {
  const { seconds, failure } = run ?? { seconds: 0, failure: null };
  const error = failure === null ? undefined : run?.outputs().findLast((output) => output.output_type === "error");
  const state = run === null ? "skipped" : failure === null ? "ok" : "failed";
  options.onCell?.({ position, id: cell.id, seconds, state, error: error ?? null });
}

async function runCells(session: Session, cells: readonly Cell[]): Promise<{ cells: Cell[]; failure: unknown }> {
  const runs = new Map<number, CellRun>();
  let failure: unknown = null;
  for (const [index, cell] of cells.entries()) {
    if (failure === null) session.options.onProgress?.({ stage: session.name, done: index, total: cells.length });
    if (cell.cell_type !== "code" || cell.source.trim() === "") continue;
    const isSkipped = hasTag(cell, "skip-execution");
    if (!isSkipped && session.options.signal?.aborted)
      failure ??= new InterruptedError(
        `runNotebook: interrupted before cell ${index + 1} of ${session.name}. Run it again to go on.`,
      );
    const run = isSkipped || failure !== null ? null : await runCell(session, cell, index + 1);
    reportCell(session, cell, index + 1, run);
    if (run === null) continue;
    runs.set(index, run);
    failure = run.failure;
  }
  const executed = cells.map((cell, index): Cell => {
    const run = runs.get(index);
    if (run) return { ...run.cell, outputs: run.outputs() };
    const keeps = cell.cell_type !== "code" || hasTag(cell, "skip-execution");
    return keeps ? cell : { ...cell, execution_count: null, outputs: [] };
  });
  return { cells: executed, failure };
}

/**
 * Executes a notebook in a TypeScript kernel of its own, from its folder, and writes it with its outputs (nbformat 4.5).
 * Cells tagged "skip-execution" are left as they are; one tagged "raises-exception" may fail. A failure ends the run; the notebook is
 * then written as far as it came, with the error below its cell (but not when the run was interrupted). Folders of this machine are taken out of every output.
 *
 * @throws CellError quoting the failed cell. CellTimeoutError, KernelDiedError, KernelStartError, InterruptedError, DataError (the file), ConfigError (a parameter).
 */
export async function runNotebook(file: string, options: RunNotebookOptions = {}): Promise<NotebookRun> {
  const started = performance.now();
  const path = resolve(file);
  const root = repositoryRoot([dirname(path), __dirname]);
  const prepared = injectParameters(await readNotebook(path), options.parameters ?? {});
  assertNotInterrupted("runNotebook", options.signal);
  const kernel = await startKernel(createKernelSpec(root, dirname(path), options.env), {
    ...(options.startTimeoutMs === undefined ? {} : { timeoutMs: options.startTimeoutMs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const startSeconds = (performance.now() - started) / 1000;
  try {
    const clean = createPathCleaner(root);
    const collector = new OutputCollector(clean, options.onProgressText ?? (() => undefined));
    const widgets = new WidgetStates(prepared);
    const session: Session = {
      client: kernel.client,
      collector,
      widgets,
      name: basename(path),
      options,
      executions: 0,
    };
    const { cells, failure } = await runCells(session, prepared.cells);
    const notebook = widgets.store({ ...prepared, cells, metadata: kernelMetadata(prepared, kernel) }, clean);
    if (!isKernelError(failure, "interrupted")) writeNotebook(notebook, resolve(options.output ?? path));
    if (failure !== null) throw failure;
    return { notebook, seconds: (performance.now() - started) / 1000, startSeconds };
  } finally {
    await kernel.client.shutdown(END_GRACE_MS);
  }
}

function kernelMetadata(notebook: Notebook, kernel: StartedKernel): Notebook["metadata"] {
  return { ...notebook.metadata, kernelspec: KERNELSPEC, language_info: kernel.info["language_info"] };
}
