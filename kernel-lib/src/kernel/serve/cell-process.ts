import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import {
  type CellEnd,
  type CellEvent,
  type Command,
  EVENT_CHANNEL,
  type PromptAnswer,
  type ShownError,
  TURN_VARIABLE,
  WATCH_CHANNEL,
} from "../events";
import { OutputOrder } from "./output-order";

/** The process that runs the cells, started again whenever it ends. */

/** What is heard of it. */
export interface CellProcessListener {
  text(stream: "stdout" | "stderr", bytes: Buffer, cell: number): void;
  event(event: CellEvent, cell: number): void;
  /** It ended by itself; another one is starting. `cell` was running then. */
  died(error: ShownError): void;
}

const SIGNAL_AFTER_MS = 300;
const KILL_AFTER_MS = 4000;
const TAIL_BYTES = 4000;
/** Lines that native libraries (TensorFlow) log for information, with time and thread: they go to the kernel's own log. */
const LIBRARY_LOG =
  /^(?:WARNING: All log messages before absl::InitializeLog\(\)|I\d{4} [\d:.]+ +\d+ [\w./-]+:\d+\]).*\n/gm;
const HEAP = /heap out of memory|Reached heap limit/;

interface Running {
  readonly resolve: (end: CellEnd) => void;
}

export class CellProcess {
  private readonly listener: CellProcessListener;
  private readonly program = join(__dirname, "..", "..", "notebook", "cell-program.js");
  private child!: ChildProcess;
  private tail = "";
  private running: Running | null = null;
  private passing: (() => void) | null = null;
  private interrupts: NodeJS.Timeout[] = [];
  private asked: "now" | "later" | null = null;
  private stopped: "interrupt" | "restart" | "close" | null = null;

  constructor(listener: CellProcessListener) {
    this.listener = listener;
    this.start();
  }

  private start(): void {
    const mark = `\u001e${randomBytes(12).toString("hex")}:`;
    const child = fork(this.program, [], {
      stdio: ["pipe", "pipe", "pipe", "pipe", "pipe", "ipc"],
      serialization: "advanced",
      env: { ...process.env, [TURN_VARIABLE]: mark },
      // the loader that cells import packages with calls itself experimental
      execArgv: ["--disable-warning=ExperimentalWarning"],
      // a group of its own: the programs that cells start are in it, and nothing else
      detached: true,
    });
    const order = new OutputOrder(mark, {
      text: (stream, bytes, cell) => this.text(stream, bytes, cell),
      event: (event, cell) => this.event(event, cell),
    });
    for (const channel of [1, 2, EVENT_CHANNEL] as const)
      (child.stdio[channel] as Readable).on("data", (chunk: Buffer) => order.push(channel, chunk));
    child.stdin!.on("error", () => undefined);
    (child.stdio[WATCH_CHANNEL] as Writable).on("error", () => undefined);
    child.on("error", () => undefined);
    // "close" comes after the last of its output
    child.once("close", (code, signal) => this.ended(child, order, code, signal));
    [this.child, this.tail] = [child, ""];
  }

  private text(stream: 1 | 2, bytes: Buffer, cell: number): void {
    if (stream === 1) {
      this.listener.text("stdout", bytes, cell);
      return;
    }
    const text = bytes.toString("latin1"); // one character a byte: nothing is lost on the way back
    this.tail = (this.tail + text).slice(-TAIL_BYTES);
    const own = text.replace(LIBRARY_LOG, (line) => {
      process.stderr.write(line);
      return "";
    });
    if (own !== "") this.listener.text("stderr", Buffer.from(own, "latin1"), cell);
  }

  private event(event: CellEvent, cell: number): void {
    if (event.kind === "heard") this.calm();
    else if (event.kind === "taken") this.passed();
    else if (event.kind === "end") this.settle(event.end);
    else {
      if (event.kind === "input") this.asked = event.now === true ? "now" : "later";
      this.listener.event(event, cell);
    }
  }

  private settle(end: CellEnd): void {
    this.calm();
    const { running } = this;
    this.running = null;
    running?.resolve(end);
  }

  private passed(): void {
    if (this.running === null) this.calm();
    const { passing } = this;
    this.passing = null;
    passing?.();
  }

  private calm(): void {
    for (const timer of this.interrupts) clearTimeout(timer);
    this.interrupts = [];
  }

  private ended(child: ChildProcess, order: OutputOrder, code: number | null, signal: string | null): void {
    order.flush();
    signalGroup(child, "SIGKILL");
    if (child !== this.child || this.stopped === "close") return;
    const error = this.deathError(code, signal);
    const wasRunning = this.running !== null;
    this.stopped = null;
    this.calm();
    this.start();
    this.listener.died(error);
    this.passed();
    if (wasRunning) this.settle({ error, result: null, metadata: {}, expressions: {}, reached: [], tables: {} });
  }

  private deathError(code: number | null, signal: string | null): ShownError {
    const gone = "The kernel goes on with a new process: all variables are gone, run the cells above again.";
    const make = (ename: string, what: string): ShownError => {
      const evalue = `${what} ${gone}`;
      return { ename, evalue, traceback: [`${ename}: ${evalue}`] };
    };
    if (this.stopped === "interrupt") return make("Interrupted", "The cell did not stop by itself and was ended.");
    if (HEAP.test(this.tail)) return make("OutOfMemory", "JavaScript's heap is exhausted (node --max-old-space-size).");
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
    return make("CellProcessEnded", `The process of the cells ended with ${how}.`);
  }

  /** Runs one cell; resolves when it has ended, however it did. */
  run(command: Command & { kind: "run" }): Promise<CellEnd> {
    return new Promise((resolve) => {
      this.running = { resolve };
      this.send(command);
    });
  }

  send(command: Command): void {
    if (this.child.connected) this.child.send(command, () => undefined);
  }

  /** Gives a message of a comm to the cells; resolves when everybody who listens has had it, or the process has ended. */
  pass(command: Command & { kind: "comm" }): Promise<void> {
    return new Promise((resolve) => {
      this.passing = resolve;
      this.send(command);
    });
  }

  /** The user's answer; null where nobody may be asked. */
  answer(value: string | null): void {
    const { asked } = this;
    this.asked = null;
    if (asked === "now") this.answerNow(value === null ? { stopped: "nobody to ask" } : { value });
    else if (asked === "later") this.send({ kind: "input", value });
  }

  private answerNow(answer: PromptAnswer): void {
    this.child.stdin!.write(`${JSON.stringify(answer)}\n`);
  }

  /**
   * Stops the running cell, or what listens to a comm: by its own loops, then by a signal (to the programs it waits for as
   * well), at last by ending the process.
   */
  interrupt(): void {
    if (this.running === null && this.passing === null) return;
    if (this.asked === "now") this.answerNow({ stopped: "interrupted" });
    this.asked = null;
    (this.child.stdio[WATCH_CHANNEL] as Writable).write("i");
    this.send({ kind: "interrupt" });
    const { child } = this;
    const kill = (): void => {
      this.stopped = "interrupt";
      signalGroup(child, "SIGKILL");
    };
    if (this.interrupts.length > 0) return; // asked again: the first one's patience goes on
    this.interrupts = [
      setTimeout(() => signalGroup(child, "SIGINT"), SIGNAL_AFTER_MS),
      setTimeout(kill, KILL_AFTER_MS),
    ];
  }

  /** Ends it for good. */
  close(): void {
    this.stopped = "close";
    this.calm();
    signalGroup(this.child, "SIGKILL");
  }
}

/** Signals a process and the programs it has started. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // all have ended
  }
}
