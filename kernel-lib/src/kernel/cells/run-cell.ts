import type { AsyncLocalStorage } from "node:async_hooks";
import { join } from "node:path";
import { Script } from "node:vm";
import { CellSyntaxError, compile } from "../compile/compile";
import type { CellEnd, CellEvent, Command, MimeBundle } from "../events";
import type { ColumnReader, KernelHost } from "../host";
import { InterruptedCell } from "./cell-names";
import { loadFunction, type ModuleLoader } from "./imports";
import { present } from "./present";
import { findTables } from "./shared-names";
import { showError, showSyntaxError } from "./show-error";
import { rememberSource } from "./stack";
import type { StopFlags } from "./stop-flags";

/** Runs cells one after the other, in one process, with one set of names. */

type RunCommand = Command & { kind: "run" };

/** The parts of the process that a cell needs. */
export interface CellProcessParts {
  readonly host: KernelHost;
  readonly loader: ModuleLoader;
  readonly names: Record<string, unknown>;
  readonly stops: StopFlags;
  readonly speaking: AsyncLocalStorage<number>;
  /** Asked in their order for the columns of a value. */
  readonly columnReaders: readonly ColumnReader[];
  /** Says that a new cell speaks. */
  begin(): void;
  send(event: CellEvent): void;
}

/** The function that the script below calls; a script of its own can be stopped by a signal whatever it is doing. */
const START = Symbol.for("kernel-lib.start");
const start = new Script("globalThis[Symbol.for('kernel-lib.start')]()", { filename: "kernel-lib:start" });

/**
 * Does some work where SIGINT stops it, whatever it is doing.
 *
 * @throws InterruptedCell when it was stopped; else what the work throws.
 */
export function runWhereSignalsStop(work: () => void): void {
  Object.defineProperty(globalThis, START, { value: work, configurable: true, enumerable: false });
  try {
    start.runInThisContext({ breakOnSigint: true });
  } catch (error) {
    const isStopped = (error as NodeJS.ErrnoException)?.code === "ERR_SCRIPT_EXECUTION_INTERRUPTED";
    throw isStopped ? new InterruptedCell() : error;
  }
}

const EXPRESSION = "expression";

/** How long a cell that hears of an interrupt itself may take to end. */
const OWN_END_MS = 3000;

/** The file a cell pretends to be, so that paths and packages are looked up from the working folder. */
const cellFile = (): string => join(process.cwd(), "cell.ts");

export class CellRunner {
  private readonly parts: CellProcessParts;
  private readonly held = new Set<Promise<unknown>>();
  private declared: readonly string[] = [];
  private wasStopped: "yes" | "no" = "no";
  private rejectRunning: ((error: unknown) => void) | null = null;
  /** The cell that is running, else the last one. */
  current = 0;

  constructor(parts: CellProcessParts) {
    this.parts = parts;
  }

  get isRunning(): boolean {
    return this.rejectRunning !== null;
  }

  /** The cell waits for this work before it ends. */
  hold(work: Promise<unknown>): void {
    this.held.add(work);
    void work.catch(() => undefined).finally(() => this.held.delete(work));
  }

  async run(command: RunCommand): Promise<void> {
    this.current = command.cell;
    this.wasStopped = "no";
    this.parts.stops.begin(command.cell);
    this.parts.begin();
    const end = await this.finish(command);
    this.rejectRunning = null;
    this.parts.send({ kind: "end", cell: command.cell, end });
  }

  private async finish(command: RunCommand): Promise<CellEnd> {
    const { label, source } = command;
    const { names, columnReaders } = this.parts;
    const before = new Map(Object.entries(names));
    let error: CellEnd["error"] = null;
    let result: MimeBundle | null = null;
    let metadata: MimeBundle = {};
    try {
      const value = await this.evaluate(source, label, command.cell);
      if (value !== undefined) {
        const shown = await present(value, this.parts.host.presenters);
        [result, metadata] = [shown.data, shown.metadata ?? {}];
      }
    } catch (thrown) {
      error = thrown instanceof CellSyntaxError ? showSyntaxError(thrown, label, source) : showError(thrown);
    }
    if (this.wasStopped === "yes") this.held.clear();
    const stopped = await this.release();
    error ??= stopped;
    // a cell that listens to the interrupt itself has been interrupted all the same: what waits behind it must not run
    if (this.wasStopped === "yes") error ??= showError(new InterruptedCell());
    // rejections that nobody waits for are told before the cell ends
    await new Promise((next) => setImmediate(next));
    const expressions = error === null ? await this.evaluateAll(command) : {};
    return {
      error,
      result,
      metadata,
      expressions,
      reached: this.reached(before),
      tables: findTables(names, columnReaders),
    };
  }

  /** Waits for what the cell still holds; an interrupt ends the waiting. */
  private async release(): Promise<CellEnd["error"]> {
    while (this.held.size > 0) {
      const stopped = new Promise<never>((_, reject) => {
        this.rejectRunning = reject;
      });
      try {
        await Promise.race([Promise.allSettled(this.held), stopped]);
      } catch (thrown) {
        this.held.clear();
        return showError(thrown);
      }
    }
    return null;
  }

  /** Names that the last piece of code declared; of those it did not come to, only what changed. */
  private reached(before: ReadonlyMap<string, unknown>): string[] {
    const { names } = this.parts;
    const isNew = (name: string): boolean => !before.has(name) || !Object.is(before.get(name), names[name]);
    return this.declared.filter((name) => Object.hasOwn(names, name) && isNew(name));
  }

  private async evaluateAll(command: RunCommand): Promise<CellEnd["expressions"]> {
    const values: Record<string, CellEnd["expressions"][string]> = {};
    for (const [name, expression] of Object.entries(command.expressions)) {
      try {
        const value = await this.evaluate(expression, EXPRESSION, command.cell);
        values[name] = { data: (await present(value, this.parts.host.presenters)).data };
      } catch (thrown) {
        values[name] = showError(thrown);
      }
    }
    return values;
  }

  /** The value of a piece of code in the names of the cells. */
  async evaluate(source: string, label: string, cell: number): Promise<unknown> {
    const { names, loader } = this.parts;
    const known = new Set(Object.keys(names));
    const compiled = compile(source, { known, isGlobal: (name) => name in globalThis });
    if (label !== EXPRESSION) this.declared = compiled.names;
    const script = `${cellFile()}?${label}`;
    rememberSource(script, { name: label, source, map: compiled.map });
    const run = loadFunction(compiled.code, script);
    const tools = { ...loader.tools(cellFile(), names, {}), stop: this.parts.stops.of(cell) };
    try {
      return (await this.race(() => run(names, tools), cell))?.value;
    } finally {
      await tools.dispose();
    }
  }

  /** Starts the work where a signal can stop it, and waits for it or for an interrupt. */
  private race<T>(work: () => Promise<T>, cell: number): Promise<T> {
    let settle: { resolve: (value: T) => void; reject: (error: unknown) => void };
    const ended = new Promise<T>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const { resolve, reject } = settle!;
    this.rejectRunning = reject;
    const begin = (): void => this.parts.speaking.run(cell, () => void work().then(resolve, reject));
    try {
      runWhereSignalsStop(begin);
    } catch (error) {
      reject(error);
    }
    return ended;
  }

  /** Stops the running cell: at once, or when it does not end by itself although it listens to SIGINT. */
  interrupt(): void {
    const reject = this.rejectRunning;
    if (reject === null) return;
    this.wasStopped = "yes";
    this.parts.stops.stop(this.current);
    const listens = process.listenerCount("SIGINT") > 1;
    if (listens) {
      process.emit("SIGINT");
      setTimeout(() => reject(new InterruptedCell()), OWN_END_MS).unref();
    } else reject(new InterruptedCell());
  }
}
