import type { ProgressEvent } from "../../base/types";
import type { GridStage } from "./graph";
import type { PlannedStage } from "./plan";

/** A line of a grid's progress. */
export interface GridProgress {
  /** Stages done and in all. */
  readonly done: number;
  readonly total: number;
  /** What is being computed; null while others hold everything that is left. */
  readonly stage: GridStage | null;
  /** How far that stage is; null before it says so. */
  readonly inner: ProgressEvent | null;
  /** Of this process alone; null where it is not known. */
  readonly secondsLeft: number | null;
  /** Of the stages left, those that other processes are at work on. */
  readonly held: number;
}

/** A stage that could not be computed, and what its task lacks now. */
export interface GridFailure {
  readonly stage: GridStage;
  readonly error: unknown;
  /** Ids of the stages that need it and were left out. */
  readonly leftOut: readonly string[];
}

export interface GridOutcome {
  /** Stages this process computed, and those it found. */
  readonly computed: readonly GridStage[];
  readonly found: readonly GridStage[];
  readonly failures: readonly GridFailure[];
}

/** Which stage comes next, and what has become of the others. */
export interface Schedule {
  /** The first stage in order that can be worked on now; null when there is none. */
  next(): GridStage | null;
  begin(stage: GridStage): void;
  found(stage: GridStage): void;
  computed(stage: GridStage): void;
  /** Another process holds it: not to be tried again for so long. */
  putAside(stage: GridStage, milliseconds: number): void;
  failed(stage: GridStage, error: unknown): void;
  counts(): Pick<GridProgress, "done" | "total" | "secondsLeft" | "held">;
  outcome(): GridOutcome;
}

type State = "open" | "found" | "computed" | "failed" | "left out";

/**
 * Keeps the order of a grid's stages.
 *
 * @param now clock in ms; replaced in tests. Default performance.now.
 */
export function openSchedule(stages: readonly PlannedStage[], now: () => number = () => performance.now()): Schedule {
  const states = new Map<string, State>(stages.map(({ id }) => [id, "open"]));
  const aside = new Map<string, number>();
  const failures: GridFailure[] = [];
  const clock = openClock(now);
  const isSettled = (id: string): boolean => states.get(id) !== "open";
  const isDone = (id: string): boolean => states.get(id) === "found" || states.get(id) === "computed";
  const isReady = ({ enough, needs }: PlannedStage): boolean =>
    enough === "any" ? needs.every(isSettled) && needs.some(isDone) : needs.every(isDone);
  const open = (): PlannedStage[] => stages.filter(({ id }) => !isSettled(id));
  const settle = (stage: GridStage, state: State): void => {
    states.set(stage.id, state);
    aside.delete(stage.id);
    clock.end(stage.id);
  };
  return {
    next: () => open().find((stage) => isReady(stage) && (aside.get(stage.id) ?? 0) <= now()) ?? null,
    begin: (stage) => clock.begin(stages.find(({ id }) => id === stage.id)!),
    found: (stage) => settle(stage, "found"),
    computed: (stage) => settle(stage, "computed"),
    putAside: (stage, milliseconds) => void aside.set(stage.id, now() + milliseconds),
    failed: (stage, error) => {
      settle(stage, "failed");
      failures.push({ stage, error, leftOut: leaveOut(open(), states) });
    },
    counts: () => {
      const left = open();
      const secondsLeft = clock.secondsFor(left.filter(({ state, id }) => state === "missing" && !aside.has(id)));
      const held = left.filter(({ id }) => aside.has(id)).length;
      return { done: stages.length - left.length, total: stages.length, secondsLeft, held };
    },
    outcome: () => {
      const those = (state: State) => stages.filter(({ id }) => states.get(id) === state);
      return { computed: those("computed"), found: those("found"), failures };
    },
  };
}

/** Marks the stages that can never be ready. @returns their ids. */
function leaveOut(open: readonly PlannedStage[], states: Map<string, State>): string[] {
  const lost = (id: string): boolean => states.get(id) === "failed" || states.get(id) === "left out";
  const left: string[] = [];
  for (const { id, enough, needs } of open) {
    if (enough === "any" ? !needs.every(lost) : !needs.some(lost)) continue;
    states.set(id, "left out");
    left.push(id);
  }
  return left;
}

/** Estimates the time left from the stages' own estimates, corrected by how those done so far compared to theirs. */
function openClock(now: () => number) {
  let running: { readonly stage: PlannedStage; readonly since: number } | null = null;
  let expected = 0;
  let taken = 0;
  return {
    begin: (stage: PlannedStage): void => {
      running = { stage, since: now() };
    },
    end: (id: string): void => {
      if (running === null || running.stage.id !== id) return;
      expected += running.stage.seconds ?? 0;
      taken += running.stage.seconds === null ? 0 : (now() - running.since) / 1000;
      running = null;
    },
    secondsFor: (left: readonly PlannedStage[]): number | null => {
      if (left.some(({ seconds }) => seconds === null)) return null;
      // the first guesses weigh like a minute of measured work
      const pace = (taken + 60) / (expected + 60);
      const all = left.reduce((sum, { seconds }) => sum + seconds!, 0) * pace;
      const spent = running === null ? 0 : (now() - running.since) / 1000;
      return Math.max(0, all - Math.min(spent, (running?.stage.seconds ?? 0) * pace));
    },
  };
}
