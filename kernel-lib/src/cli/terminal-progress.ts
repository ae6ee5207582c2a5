import { visibleText } from "../base/plain-text";
import type { Control } from "../base/types";
import { createProgressClock } from "../notebook/progress";

/** Where lines go: a terminal or a file. */
export interface LineStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Live lines, one per running job, below lines that stay. */
export interface TerminalProgress {
  /** Sets the live line of a job. */
  update(job: string, line: string): void;
  /** Ends a job's live line; with a text, that stays. */
  finish(job: string, line?: string): void;
  /** Writes a line that stays. */
  say(line: string): void;
}

const SPARSE_MS = 15_000;
const LIVE_MS = 250;
const CLEAR_LINE = "\u001b[2K";

/** The screen form: live lines are redrawn in place, cut to the width of the terminal. */
function createLive(stream: LineStream): TerminalProgress {
  const live = new Map<string, string>();
  let shown = 0;
  const redraw = (above: string): void => {
    const up = shown > 0 ? `\u001b[${shown}A` : "";
    const width = Math.max(20, (stream.columns ?? 80) - 1);
    const lines = [...live.values()].map((line) => `${CLEAR_LINE}${line.slice(0, width)}\n`);
    const emptied = Math.max(0, shown - lines.length - (above === "" ? 0 : 1));
    const clear = `${CLEAR_LINE}\n`.repeat(emptied) + (emptied > 0 ? `\u001b[${emptied}A` : "");
    stream.write(`${up}${above === "" ? "" : `${CLEAR_LINE}${above}\n`}${lines.join("")}${clear}`);
    shown = lines.length;
  };
  return {
    update(job, line) {
      live.set(job, line);
      redraw("");
    },
    finish(job, line = "") {
      live.delete(job);
      redraw(line);
    },
    say: redraw,
  };
}

/** The form for logs: a job's line at most every 15 s. */
function createSparse(stream: LineStream, now: () => number): TerminalProgress {
  const written = new Map<string, number>();
  const say = (line: string): void => void stream.write(`${line}\n`);
  return {
    update(job, line) {
      const time = now();
      if (time - (written.get(job) ?? Number.NEGATIVE_INFINITY) < SPARSE_MS) return;
      written.set(job, time);
      say(line);
    },
    finish(job, line = "") {
      written.delete(job);
      if (line !== "") say(line);
    },
    say,
  };
}

/**
 * Progress on a terminal, or, where the stream is none (CI, a pipe), as sparse lines. Names and texts of files are shown, whatever they
 * hold: an ANSI code in a file's name does not act.
 *
 * @param now clock in ms; replaced in tests. Default Date.now.
 */
export function createTerminalProgress(stream: LineStream, now: () => number = Date.now): TerminalProgress {
  const { update, finish, say } = stream.isTTY ? createLive(stream) : createSparse(stream, now);
  return {
    update: (job, line) => update(job, visibleText(line)),
    finish: (job, line = "") => finish(job, visibleText(line)),
    say: (line) => say(visibleText(line)),
  };
}

/** How a command watches and stops long steps of the library: a line per stage, warnings as lines that stay. */
export function terminalControl(progress: TerminalProgress, signal?: AbortSignal): Control {
  const clock = createProgressClock(LIVE_MS);
  return {
    signal,
    onProgress(event) {
      const due = clock(event);
      if (due === null) return;
      if (due.state === "finished") progress.finish(due.stage, due.line);
      else progress.update(due.stage, due.line);
    },
    onWarn: (_code, message) => progress.say(`warning: ${message}`),
  };
}
