import type { ProgressEvent } from "../base/types";
import { progressLine } from "./progress-text";

/** A line due to be shown, and whether the stage is over. */
export interface DueLine {
  readonly stage: string;
  readonly line: string;
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
    const line = progressLine(event, (time - stage.startedMs) / 1000, stage.doneBefore);
    return { stage: event.stage, line, state: finished ? "finished" : "running" };
  };
}
