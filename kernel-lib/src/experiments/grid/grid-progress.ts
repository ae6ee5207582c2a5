import type { ProgressEvent } from "../../base/types";
import type { GridStage } from "./grid-stages";

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
