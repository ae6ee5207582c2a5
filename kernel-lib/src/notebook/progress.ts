import { randomBytes } from "node:crypto";
import { escapeHtml, visibleText } from "../base/plain-text";
import type { Control, ProgressEvent } from "../base/types";
import { currentCell, isInsideNotebook, writeDisplay } from "./display";
import type { MimeBundle } from "./notebook-file";
import { box, note, type PlainWidget, progress, type ValueWidget } from "./widgets/controls";
import { hasWidgetFrontEnd } from "./widgets/model";

/** Display ids of progress bars start with this; the runner shows them live and does not store them. */
export const PROGRESS_ID = "jomed-progress-";

const BAR_WIDTH = 24;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Seconds as m:ss, or h:mm:ss from one hour on; "?" when unknown. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${two(minutes)}:${two(whole % 60)}`;
}

function bar(share: number): string {
  const eighths = Math.round(share * BAR_WIDTH * 8);
  const full = Math.floor(eighths / 8);
  return `${"█".repeat(full)}${EIGHTHS[eighths % 8]}`.padEnd(BAR_WIDTH);
}

function rate(stepsPerSecond: number): string {
  if (!Number.isFinite(stepsPerSecond) || stepsPerSecond <= 0) return "?it/s";
  return stepsPerSecond >= 1 ? `${stepsPerSecond.toFixed(1)}it/s` : `${(1 / stepsPerSecond).toFixed(1)}s/it`;
}

const shareOf = ({ done, total }: ProgressEvent): number => (total > 0 ? Math.min(1, Math.max(0, done / total)) : 0);

/** What is known beside the share: `45/100 [00:12<00:14, 3.7it/s, loss=0.512]`. */
function progressFacts({ done, total, values = {} }: ProgressEvent, seconds: number, doneBefore: number): string {
  const perSecond = seconds > 0 ? (done - doneBefore) / seconds : 0;
  const left = perSecond > 0 ? (total - done) / perSecond : Number.NaN;
  const shown = Object.entries(values).map(([name, value]) => `${name}=${Number(value.toPrecision(3))}`);
  return `${done}/${total} [${[`${formatSeconds(seconds)}<${formatSeconds(left)}`, rate(perSecond), ...shown].join(", ")}]`;
}

/**
 * One line about a step in progress: `tune reader:  45%|███▌   | 45/100 [00:12<00:14, 3.7it/s, loss=0.512]`.
 *
 * @param elapsedSeconds since the stage began.
 * @param doneBefore steps that were already done then (a resumed stage), left out of the rate. Default 0.
 */
export function progressLine(event: ProgressEvent, elapsedSeconds: number, doneBefore = 0): string {
  const share = shareOf(event);
  const facts = progressFacts(event, elapsedSeconds, doneBefore);
  return `${event.stage}: ${String(Math.floor(100 * share)).padStart(3)}%|${bar(share)}| ${facts}`;
}

/** A line due to be shown, and whether the stage is over. */
interface DueLine {
  readonly stage: string;
  readonly line: string;
  /** Of the whole, 0 to 1. */
  readonly share: number;
  /** The line without name and bar. */
  readonly facts: string;
  readonly state: "running" | "finished";
}

interface StageState {
  readonly startedMs: number;
  readonly doneBefore: number;
  shownMs: number;
  finished: "yes" | "no";
}

/**
 * Decides which progress events are worth a line: the first of a stage, then at most one every `everyMs`, and the last.
 *
 * @param everyMs shortest time between two lines of a stage, in ms.
 * @param now clock in ms; replaced in tests. Default Date.now.
 * @returns a function from event to line, or null when none is due.
 */
export function createProgressClock(
  everyMs: number,
  now: () => number = Date.now,
): (event: ProgressEvent) => DueLine | null {
  const stages = new Map<string, StageState>();
  return (event) => {
    const time = now();
    let stage = stages.get(event.stage);
    const isNew = stage === undefined || (stage.finished === "yes" && event.done < event.total);
    if (stage === undefined || isNew) {
      stage = {
        startedMs: time,
        doneBefore: event.done > 1 ? event.done : 0,
        shownMs: Number.NEGATIVE_INFINITY,
        finished: "no",
      };
      stages.set(event.stage, stage);
    }
    const finished = event.done >= event.total;
    if (finished ? stage.finished === "yes" : time - stage.shownMs < everyMs) return null;
    stage.shownMs = time;
    stage.finished = finished ? "yes" : "no";
    const seconds = (time - stage.startedMs) / 1000;
    return {
      stage: event.stage,
      line: progressLine(event, seconds, stage.doneBefore),
      share: shareOf(event),
      facts: progressFacts(event, seconds, stage.doneBefore),
      state: finished ? "finished" : "running",
    };
  };
}

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
  // not at once: a cell's first part runs with a SIGINT watch of its own, whose end would switch off a handler installed
  // meanwhile
  if (current === null) setImmediate(() => process.on("SIGINT", onInterrupt));
  const isOver = current?.controller.signal.aborted === true && current.cell !== currentCell();
  if (current === null || isOver) current = { controller: new AbortController(), cell: null };
  return current.controller.signal;
}

/** What a viewer without widgets sees, and everybody at the end. */
function lineFormats(line: string): MimeBundle {
  return { "text/html": `<pre style="margin:0">${escapeHtml(line)}</pre>`, "text/plain": visibleText(line) };
}

/** A bar below a cell. */
interface Bar {
  readonly cell: unknown;
  show(due: DueLine): void;
  /** Leaves its last line. */
  end(): void;
}

/** A line, written anew with every step. */
function lineBar(id: string, cell: unknown): Bar {
  let mode: "new" | "update" = "new";
  return {
    cell,
    show({ line }) {
      writeDisplay(lineFormats(line), { id, mode });
      mode = "update";
    },
    end: () => undefined,
  };
}

/** A widget, of which only the values travel; at the end a line takes its place, which is what the notebook keeps. */
function widgetBar(id: string, cell: unknown): Bar {
  let parts: { share: ValueWidget<number>; facts: ValueWidget<string>; whole: PlainWidget } | null = null;
  let mode: "new" | "update" = "new";
  let last = "";
  const write = (view: MimeBundle): void => {
    writeDisplay({ ...lineFormats(last), ...view }, { id, mode });
    mode = "update";
  };
  const begin = (stage: string): NonNullable<typeof parts> => {
    const [share, facts] = [progress({ label: stage }), note()];
    const whole = box([share, facts], "row");
    write(whole.model.view());
    return { share, facts, whole };
  };
  const end = (): void => {
    for (const part of Object.values(parts ?? {})) part.close();
    parts = null;
    write({});
  };
  return {
    cell,
    show(due) {
      last = due.line;
      if (due.state === "finished") return end();
      parts ??= begin(due.stage);
      parts.share.value = due.share;
      parts.facts.value = due.facts;
    },
    end,
  };
}

function createBars(): (event: ProgressEvent) => void {
  const clock = createProgressClock(SHOW_EVERY_MS);
  const bars = new Map<string, Bar>();
  return (event) => {
    const due = clock(event);
    if (due === null) return;
    const cell = currentCell();
    let bar = bars.get(due.stage);
    if (bar === undefined || bar.cell !== cell) {
      bar?.end();
      const id = `${PROGRESS_ID}${randomBytes(6).toString("hex")}`;
      bar = hasWidgetFrontEnd() ? widgetBar(id, cell) : lineBar(id, cell);
      bars.set(due.stage, bar);
    }
    bar.show(due);
  };
}

/**
 * How a notebook watches and stops long steps: a bar per stage below the running cell (a widget where the front end has
 * them, else a line), at most four times a second,
 * warnings as lines, and a signal that the stop button (SIGINT) aborts. Outside a notebook: nothing to watch, nothing to stop.
 *
 * A step stops at its next look at the signal, so a loop must give way to events now and then.
 *
 * @example const run = await kernel.openRun({ control: kernel.notebookControl() })
 */
export function notebookControl(): Control {
  if (!isInsideNotebook()) return {};
  return {
    get signal() {
      return interruptSignal();
    },
    onProgress: createBars(),
    onWarn: (code, message) =>
      writeDisplay({
        "text/html": `<p>⚠ ${escapeHtml(message)}</p>`,
        "text/plain": `warning (${code}): ${visibleText(message)}`,
      }),
  };
}
