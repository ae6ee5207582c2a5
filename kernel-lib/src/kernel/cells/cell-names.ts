import { randomBytes } from "node:crypto";
import { readSync } from "node:fs";
import type { PromptAnswer } from "../events";
import type { KernelHost, Presented } from "../host";
import { pauseThread } from "./channels";
import { present } from "./present";

/**
 * The names every cell finds beside those of the language and of Node: display, clearOutput, prompt; and the module "tslab" as
 * cells written for the kernel of that name import it.
 */

/** Something that is shown, to be replaced by something else. */
export interface DisplayHandle {
  readonly id: string;
  /** Shows another value in this place. */
  update(value: unknown): void;
}

export interface DisplayOptions {
  /** Name of the display. Default: one of its own. */
  readonly id?: string;
  /** The display that is replaced: what an earlier call returned, or its id. Default: a new one is shown. */
  readonly update?: DisplayHandle | string;
}

/** What the runner of cells lends to these names. */
export interface NameTools {
  readonly host: KernelHost;
  /** The cell ends when this is settled. */
  hold(work: Promise<unknown>): void;
  /** Asks for a line and waits for it without giving way. */
  askNow(prompt: string): void;
}

function createDisplayFunction({ host, hold }: NameTools): (value: unknown, options?: DisplayOptions) => DisplayHandle {
  const send = (type: string, id: string, { data, metadata = {} }: Presented): void =>
    host.publish(type, { data, metadata, transient: { display_id: id } });
  const show = (type: string, id: string, value: unknown): void => {
    const presented = present(value, host.presenters);
    if (presented instanceof Promise) hold(presented.then((one) => send(type, id, one)));
    else send(type, id, presented);
  };
  return (value, { id, update } = {}) => {
    const place = typeof update === "string" ? update : (update?.id ?? id ?? randomBytes(8).toString("hex"));
    show(update === undefined ? "display_data" : "update_display_data", place, value);
    return { id: place, update: (next) => show("update_display_data", place, next) };
  };
}

const LINE_END = 10;

/** Reads one byte; some libraries make the stream one that does not wait. */
function readByte(one: Buffer): number {
  for (;;) {
    try {
      return readSync(0, one, 0, 1, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      pauseThread(5);
    }
  }
}

/** The next line of standard input, without giving way to events. */
function readLine(): string {
  const bytes: number[] = [];
  const one = Buffer.alloc(1);
  while (readByte(one) === 1 && one[0] !== LINE_END) bytes.push(one[0]!);
  return Buffer.from(bytes).toString("utf8");
}

export function createCellNames(tools: NameTools): Readonly<Record<string, unknown>> {
  return {
    display: createDisplayFunction(tools),
    clearOutput: ({ wait = false }: { wait?: boolean } = {}): void => tools.host.publish("clear_output", { wait }),
    prompt: (message = "", initial: string | null = null): string | null => {
      tools.askNow(String(message));
      const answer = JSON.parse(readLine()) as PromptAnswer;
      if ("stopped" in answer) throw answer.stopped === "interrupted" ? new InterruptedCell() : nobodyToAsk();
      return answer.value === "" ? initial : answer.value;
    },
  };
}

/** Thrown in a cell that is told to stop. */
export class InterruptedCell extends Error {
  constructor() {
    super("the cell was interrupted");
    this.name = "Interrupted";
  }
}

/** The error where the front end takes no questions (a notebook that is run by a program). */
export function nobodyToAsk(): Error {
  const error = new Error("prompt: nobody can be asked here; this front end allows no input.");
  return Object.assign(error, { name: "InputNotAllowed" });
}

/** Shows one thing; a second call on the same display replaces the first. */
interface TslabDisplay {
  raw(type: string, value: string | Uint8Array): void;
}

const METHODS = {
  javascript: "text/javascript",
  html: "text/html",
  markdown: "text/markdown",
  latex: "text/latex",
  svg: "image/svg+xml",
  png: "image/png",
  jpeg: "image/jpeg",
  gif: "image/gif",
  pdf: "application/pdf",
  text: "text/plain",
} as const;

function createDisplay(raw: TslabDisplay["raw"]): TslabDisplay {
  const methods = Object.entries(METHODS).map(([name, type]) => [
    name,
    (value: string | Uint8Array) => raw(type, value),
  ]);
  return { ...Object.fromEntries(methods), raw } as TslabDisplay;
}

const encode = (value: string | Uint8Array): string =>
  typeof value === "string" ? value : Buffer.from(value).toString("base64");

/** @param typescript version of the compiler, for `versions`. */
export function createTslabModule(host: KernelHost, typescript: string): Readonly<Record<string, unknown>> {
  const show = (type: string, value: string | Uint8Array): void =>
    host.publish("display_data", { data: { [type]: encode(value) }, metadata: {}, transient: {} });
  const newDisplay = (): TslabDisplay => {
    const transient = { display_id: randomBytes(8).toString("hex") };
    let kind = "display_data";
    return createDisplay((type, value) => {
      host.publish(kind, { data: { [type]: encode(value) }, metadata: {}, transient });
      kind = "update_display_data";
    });
  };
  return {
    display: createDisplay(show),
    newDisplay,
    versions: { tslab: "kernel-lib", typescript, node: process.version },
  };
}
