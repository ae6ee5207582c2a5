import { join, relative, resolve } from "node:path";
import { isKernelError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import type { GridFailure } from "../experiments/grid/schedule";
import { defaultArtifactsDir } from "../experiments/run";
import { writeGallery } from "../figures/export/save-figure";
import { failureText } from "./command";
import { describeFailure, runGridCommand } from "./grid";
import { INTERRUPTED, listenForStop } from "./notebook-runs";
import {
  formatReport,
  readEarlierRun,
  recordRun,
  reproduceNotebooks,
  scheduleNotebooks,
  selectNotebooks,
  sharedStages,
} from "./reproduce-notebooks";
import { parseReproduce, REPRODUCE_USAGE, type ReproduceOptions } from "./reproduce-options";
import { createTerminalProgress, type TerminalProgress } from "./terminal-progress";

/** Computes the grid that was asked for, then the notebooks; a grid's failures are listed last. */
async function run(options: ReproduceOptions, root: string, signal: AbortSignal): Promise<number> {
  const progress = createTerminalProgress(process.stdout);
  const { grid } = options;
  const files = await selectNotebooks(join(root, "notebooks"), options.notebooks); // a wrong name is refused before anything runs
  const failures = grid === null ? [] : await runGridCommand(grid, { progress, signal });
  if (grid !== null && grid.verb !== "run") return 0;
  try {
    await runNotebooks(files, options, { signal, progress });
  } finally {
    printFailures(failures);
  }
  return failures.length === 0 ? 0 : 1;
}

function printFailures(failures: readonly GridFailure[]): void {
  if (failures.length > 0) process.stderr.write(`\n${failures.map(describeFailure).join("\n")}\n`);
}

/** Which files a run writes, and how to have it otherwise. */
function describeTarget({ target, figuresDir, settings }: ReproduceOptions): string {
  const where = relative(process.cwd(), figuresDir) || ".";
  if (target === "committed") return `Writing over the committed notebooks and ${where}.`;
  const how = settings === "default" ? " (--update writes over the committed notebooks and figures)" : "";
  return `Writing to ${where} and notebooks beside it${how}.`;
}

interface Surroundings {
  readonly signal: AbortSignal;
  readonly progress: TerminalProgress;
}

async function runNotebooks(
  files: readonly string[],
  options: ReproduceOptions,
  { signal, progress }: Surroundings,
): Promise<void> {
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  const begun = performance.now();
  // written when a run of all notebooks with these settings has ended well, beside the results that it left
  const finished = join(resolve(defaultArtifactsDir()), "reports", `${options.name}.finished`);
  const schedule = scheduleNotebooks(files, readEarlierRun(finished), sharedStages(options));
  print(describeTarget(options));
  const { reports, failure } = await reproduceNotebooks(files, schedule, { options, progress, signal });
  print(`\n${formatReport(reports, (performance.now() - begun) / 1000)}`);
  if (failure !== null) throw failure;
  writeGallery(options.figuresDir);
  if (options.notebooks.length === 0) recordRun(finished, reports);
  print(`\nFigures: ${relative(process.cwd(), join(options.figuresDir, "index.html"))}`);
}

/**
 * `npm run reproduce`: computes the grid of experiments where one is asked for, executes the notebooks, rebuilds the figures and
 * their gallery, prints tables.
 *
 * @returns the exit code: 0, 1 after a failure (stage and task, or notebook and cell, are named), 130 when stopped by Ctrl-C.
 */
export async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    process.stdout.write(`${REPRODUCE_USAGE}\n`);
    return 0;
  }
  const { signal, release } = listenForStop();
  try {
    const root = repositoryRoot();
    process.env["JOMED_CHECKSUM"] ??= "warn"; // a file with another MD5 is said, and read if its content is sound
    return await run(parseReproduce(argv, process.env, root), root, signal);
  } catch (error) {
    process.stderr.write(`\n${failureText(error)}\n`);
    return signal.aborted || isKernelError(error, "interrupted") ? INTERRUPTED : 1;
  } finally {
    release();
  }
}
