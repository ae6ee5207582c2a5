import type { MimeBundle } from "./events";
import type { MessageContent } from "./message";

/** What the kernel offers to the code inside of it: kernel-lib finds it where it runs in a cell. */

/** A value in several formats, and what a viewer should know about each (a picture's width …). */
export interface Presented {
  readonly data: MimeBundle;
  readonly metadata?: MimeBundle;
}

/** Makes a value's formats, or null when it is not of its kind. */
export type Presenter = (value: unknown) => Presented | null | Promise<Presented | null>;

/** The names of a table's columns, or null when the value is no table of its kind. */
export type ColumnReader = (value: object) => readonly string[] | null;

/** A message of a comm, as the front end sent it. */
export interface CommMessage {
  readonly type: "comm_open" | "comm_msg" | "comm_close";
  readonly content: MessageContent;
  readonly buffers: readonly Uint8Array[];
}

/** Details of a published message beside its content. */
export interface PublishOptions {
  readonly metadata?: MessageContent;
  readonly buffers?: readonly Uint8Array[];
}

/** The running kernel, seen from a cell. */
export interface KernelHost {
  /** Number of the cell that is speaking: the one that started the present call, even when a later one runs. */
  readonly cell: number;
  /** Sends a message to every front end. */
  publish(type: string, content: MessageContent, options?: PublishOptions): void;
  /** Asks the user for a line of text. */
  input(prompt: string, options?: { readonly password?: boolean }): Promise<string>;
  /** Added last, asked first: what a value looks like as the result of a cell. */
  readonly presenters: Presenter[];
  /** Told every message of every comm. */
  readonly commListeners: Set<(message: CommMessage) => void>;
  /** Names of the comms that code in this process answers; one that a front end opens under another name is closed. */
  readonly commTargets: Set<string>;
  /** Names under which front ends have opened comms: it tells what they can show. */
  readonly commsWanted: ReadonlySet<string>;
  /** The running cell ends when this is settled. */
  hold(work: Promise<unknown>): void;
  /** Changes how cells are treated, from the next cell on. */
  setting(name: "typeErrors", value: "block" | "warn" | "off"): void;
}

const PLACE = Symbol.for("kernel-lib.kernel");

/** The kernel this code runs in; null in a plain program or in another kernel. */
export function kernelHost(): KernelHost | null {
  return ((globalThis as Record<symbol, unknown>)[PLACE] as KernelHost | undefined) ?? null;
}

/** Makes the kernel known to the code inside of it. */
export function installHost(host: KernelHost): void {
  Object.defineProperty(globalThis, PLACE, { value: host, configurable: true, enumerable: false });
}
