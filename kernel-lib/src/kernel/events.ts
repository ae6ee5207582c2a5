import type { MessageContent } from "./message";

/** What the kernel's two processes tell each other: the one that owns the sockets, and the one that runs the cells. */

/** A value in several formats, of which each viewer takes the best it knows. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** An error as a front end shows it. */
export interface ShownError {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** What is asked of the process that runs the cells. */
export type Command =
  | {
      readonly kind: "run";
      readonly cell: number;
      readonly source: string;
      /** As it is called in tracebacks: "Cell [12]". */
      readonly label: string;
      /** Expressions whose values are wanted beside the cell's own. */
      readonly expressions: Readonly<Record<string, string>>;
    }
  | { readonly kind: "interrupt" }
  /** The user's answer; null where nobody may be asked. */
  | { readonly kind: "input"; readonly value: string | null }
  | {
      readonly kind: "comm";
      readonly cell: number;
      readonly type: string;
      /** As JSON: what is nested very deep would not arrive otherwise. */
      readonly content: string;
      readonly buffers: readonly Uint8Array[];
    };

/** How a cell ended. */
export interface CellEnd {
  readonly error: ShownError | null;
  readonly result: MimeBundle | null;
  readonly metadata: MimeBundle;
  readonly expressions: Readonly<Record<string, { readonly data: MimeBundle } | ShownError>>;
  /** Values that the cell declared and reached. */
  readonly reached: readonly string[];
  /** Columns of every table that a name leads to now, by the way to it: `rows`, `study.rows`, `runs.0`. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
}

/** What the process that runs the cells tells. */
export type CellEvent =
  | { readonly kind: "ready" }
  /** The cell's thread has heard of an interrupt. */
  | { readonly kind: "heard" }
  /** A message of a comm has been given to everybody who listens. */
  | { readonly kind: "taken" }
  | {
      readonly kind: "publish";
      readonly type: string;
      readonly content: MessageContent;
      readonly metadata?: MessageContent;
      readonly buffers?: readonly Uint8Array[];
    }
  | { readonly kind: "input"; readonly prompt: string; readonly password: boolean; readonly now?: boolean }
  | { readonly kind: "end"; readonly cell: number; readonly end: CellEnd }
  | { readonly kind: "setting"; readonly name: string; readonly value: string }
  | { readonly kind: "turn"; readonly to: Channel; readonly cell: number };

/** The pipes of the process that runs the cells: its two streams, and the one of its events. */
export type Channel = 1 | 2 | 3;
export const EVENT_CHANNEL = 3;
/** Pipe on which its helper thread hears of interrupts; its end is the end of the kernel. */
export const WATCH_CHANNEL = 4;

/**
 * Marks in a stream where the output goes on in another channel, so that what is written to three pipes is read in the order of
 * writing: mark, channel, ",", number of the cell, ";".
 */
export const TURN_VARIABLE = "KERNEL_LIB_TURN";

/** The answer on standard input to a question that is waited for without giving way. */
export type PromptAnswer = { readonly value: string } | { readonly stopped: "interrupted" | "nobody to ask" };
