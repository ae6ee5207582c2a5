import { randomBytes } from "node:crypto";
import type { Control, ProgressEvent } from "../base/types";
import { currentCell, insideNotebook, writeDisplay } from "./display";
import { escapeHtml } from "./html";
import { createProgressClock } from "./progress-clock";
import { PROGRESS_ID } from "./progress-text";

const SHOW_EVERY_MS = 250;

interface Interrupt {
  readonly controller: AbortController;
  /** The cell that was running at the interrupt. */
  cell: unknown;
}

let current: Interrupt | null = null;

function onInterrupt(): void {
  if (current === null || current.controller.signal.aborted) return;
  current.cell = currentCell();
  current.controller.abort();
}

/** The signal of the running cell: aborted by an interrupt, fresh again in the next cell. */
function interruptSignal(): AbortSignal {
  // not at once: the kernel runs a cell's first part with its own SIGINT watch, whose end would switch off a handler
  // installed meanwhile, and an interrupt would then end the process
  if (current === null) setImmediate(() => process.on("SIGINT", onInterrupt));
  const isOver = current?.controller.signal.aborted === true && current.cell !== currentCell();
  if (current === null || isOver) current = { controller: new AbortController(), cell: null };
  return current.controller.signal;
}

function showBar(id: string, line: string, mode: "new" | "update"): void {
  const html = `<pre style="margin:0">${escapeHtml(line)}</pre>`;
  writeDisplay({ "text/html": html, "text/plain": line }, { id, mode });
}

function createBars(): (event: ProgressEvent) => void {
  const clock = createProgressClock(SHOW_EVERY_MS);
  const bars = new Map<string, { id: string; cell: unknown }>();
  return (event) => {
    const due = clock(event);
    if (due === null) return;
    const cell = currentCell();
    let bar = bars.get(due.stage);
    const isNew = bar === undefined || bar.cell !== cell;
    if (bar === undefined || isNew) bar = { id: `${PROGRESS_ID}${randomBytes(6).toString("hex")}`, cell };
    bars.set(due.stage, bar);
    showBar(bar.id, due.line, isNew ? "new" : "update");
  };
}

/**
 * How a notebook watches and stops long steps: a bar per stage below the running cell, at most four lines a second,
 * warnings as lines, and a signal that the stop button (SIGINT) aborts. Outside a notebook: nothing to watch, nothing to stop.
 *
 * A step stops at its next look at the signal, so a loop must give way to events now and then.
 *
 * @example const run = await kernel.openRun({ control: kernel.notebookControl() })
 */
export function notebookControl(): Control {
  if (!insideNotebook()) return {};
  return {
    get signal() {
      return interruptSignal();
    },
    onProgress: createBars(),
    onWarn: (code, message) =>
      writeDisplay({ "text/html": `<p>⚠ ${escapeHtml(message)}</p>`, "text/plain": `warning (${code}): ${message}` }),
  };
}
