import { relative } from "node:path";
import type { Control } from "../base/types";
import type { GridOptions } from "../experiments/grid/options";
import { type GridPlan, planGrid } from "../experiments/grid/plan";
import { gridStatus } from "../experiments/grid/records";
import { runGrid } from "../experiments/grid/run-grid";
import type { GridFailure, GridOutcome, GridProgress } from "../experiments/grid/schedule";
import type { GridWorld } from "../experiments/grid/session";
import { failureText } from "./command";
import { durationText, planTable, reportRows, resultsTable, statusTable, writeReport } from "./grid-report";
import type { TerminalProgress } from "./terminal-progress";

/** What the command line asks of a grid. */
export interface GridCommand {
  readonly options: GridOptions;
  /** "dry": say what would run; "status": say what is done; "run". */
  readonly verb: "run" | "dry" | "status";
  /** Of the report's folder. */
  readonly name: string;
}

export interface GridSurroundings {
  readonly progress: TerminalProgress;
  readonly signal?: AbortSignal;
  readonly world?: GridWorld;
}

/**
 * Plans a grid and says how it stands, or runs it and prints and stores its results.
 *
 * @returns the failures; none after "dry" and "status".
 */
export async function runGridCommand(command: GridCommand, around: GridSurroundings): Promise<readonly GridFailure[]> {
  const { progress, signal, world } = around;
  const context = { ...(world && { world }), control: signal === undefined ? {} : { signal } };
  const plan = await planGrid(command.options, context);
  if (command.verb === "dry") progress.say(planTable(plan));
  if (command.verb === "status") progress.say(statusTable(await gridStatus(plan)));
  if (command.verb !== "run") return [];
  const { failures, computed, found } = await runWithLine(plan, around);
  progress.say(`grid: ${computed.length} stages computed, ${found.length} found, ${failures.length} failed.`);
  const rows = await reportRows(plan.settings);
  if (rows.length > 0) {
    const folder = writeReport(plan.settings, rows, command.name);
    progress.say(`\n${resultsTable(rows)}\n\nResults: ${relative(process.cwd(), folder)}`);
  }
  return failures;
}

async function runWithLine(plan: GridPlan, { progress, signal, world }: GridSurroundings): Promise<GridOutcome> {
  const control: Control = {
    ...(signal && { signal }),
    onWarn: (_code, message) => progress.say(`warning: ${message}`),
  };
  const onProgress = (event: GridProgress): void => progress.update("grid", gridLine(event));
  try {
    return await runGrid(plan, { ...(world && { world }), control, onProgress });
  } finally {
    progress.finish("grid");
  }
}

/**
 * Computes a grid's stages and nothing else: no results, no report, no output. Beside the notebooks it runs as a process of its own, which takes
 * what they are not at work on; what fails here, they meet and explain.
 *
 * @param argv one GridOptions as JSON.
 * @returns the exit code: 0, 1 after a failure.
 */
export async function main([text]: readonly string[]): Promise<number> {
  const plan = await planGrid(JSON.parse(text ?? "{}") as GridOptions);
  const stages = plan.stages.filter(({ kind }) => kind !== "results");
  const { failures } = await runGrid({ ...plan, stages });
  return failures.length === 0 ? 0 : 1;
}

/** "grid 12/57  derma-mnist reader retrieval, qwen2-vl, seed 7  80/120  14 min left". */
export function gridLine({ done, total, stage, inner, secondsLeft, held }: GridProgress): string {
  const elsewhere = held === 0 ? "" : `  (${held} at work elsewhere)`;
  const left = secondsLeft === null ? "" : `  ${durationText(secondsLeft)} left`;
  if (stage === null)
    return `grid ${done}/${total}  ${held === 0 ? "done" : "waiting for other processes"}${elsewhere}`;
  const part = stage.part.filter((word) => word !== "default");
  const shared = [stage.backbone, stage.seed === null ? null : `seed ${stage.seed}`].filter((text) => text !== null);
  const what = [stage.task, stage.kind, ...part].join(" ");
  const step = inner === null ? "" : `  ${inner.stage} ${inner.done}/${inner.total}`;
  return `grid ${done}/${total}  ${[what, ...shared].join(", ")}${step}${left}${elsewhere}`;
}

/** Stage, task, what went wrong, what it cost, and what to do, for the end of the output. */
export function describeFailure({ stage, error, leftOut }: GridFailure): string {
  const cost = leftOut.length === 0 ? "" : `\n  left out because of it: ${leftOut.length} stages (${leftOut[0]} …)`;
  return `FAILED ${stage.kind} of ${stage.task} (${stage.id}): ${failureText(error)}${cost}\n  Then give the same command again: what is done is found.`;
}
