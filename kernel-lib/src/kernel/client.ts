import { randomBytes } from "node:crypto";
import { InterruptedError, StateError } from "../base/errors";
import {
  type ConnectionFile,
  createConnectionFile,
  createMessage,
  type KernelMessage,
  type MessageContent,
} from "./message";
import { CellTimeoutError, KernelProcess, type KernelSpec, KernelStartError } from "./process";
import { type Channel, KernelSockets } from "./sockets";

interface ExecuteOptions {
  /** Called for every message the cell publishes (stream, display_data, error, comm_open …), in order. */
  readonly onOutput?: (type: string, content: MessageContent, buffers: readonly Uint8Array[]) => void;
  /** Answers the kernel's questions to the user. Without it the kernel is told that it may not ask. */
  readonly onInput?: (prompt: string) => Promise<string>;
  /** Longest time the cell may take, in ms. Default: no limit. */
  readonly timeoutMs?: number;
}

/** How a cell ended, as the kernel's execute_reply says. */
interface ExecuteResult {
  readonly status: "ok" | "error" | "aborted";
  readonly executionCount: number | null;
  readonly reply: MessageContent;
}

interface Pending {
  readonly options: ExecuteOptions;
  reply: MessageContent | null;
  idle: "seen" | "awaited";
  /** Running since the last message, once the reply is there. */
  patience?: NodeJS.Timeout;
  readonly settle: () => void;
}

/** How long a kernel may be silent after its reply: some lose their "idle" message behind a large picture. */
const IDLE_PATIENCE_MS = 10_000;

/** A running kernel and the sockets to it. Made by startKernel; ended by shutdown(). */
export class KernelClient {
  readonly process: KernelProcess;
  private readonly interruptMode: "signal" | "message";
  private readonly connection: ConnectionFile;
  private readonly session = randomBytes(8).toString("hex");
  private readonly sockets: KernelSockets;
  private readonly pending = new Map<string, Pending>();
  private failure: unknown = null;
  private closed: Promise<void> | null = null;
  private published = 0;

  constructor(process: KernelProcess, connection: ConnectionFile, interruptMode: "signal" | "message") {
    this.process = process;
    this.connection = connection;
    this.interruptMode = interruptMode;
    this.sockets = new KernelSockets(
      connection.info,
      this.session,
      (channel, message) => this.receive(channel, message),
      (error) => this.fail(error),
    );
    void process.exited.then(() => this.fail(process.deathError("KernelClient")));
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    for (const entry of [...this.pending.values()]) entry.settle();
  }

  private receive(channel: Channel, message: KernelMessage): void {
    if (channel === "iopub") this.published++;
    const entry = this.pending.get(message.parent.msg_id ?? "");
    if (entry === undefined) return;
    const { msg_type: type } = message.header;
    if (channel === "stdin" && type === "input_request") void this.answer(entry, message);
    if (channel === "shell" || channel === "control") entry.reply = message.content;
    if (channel === "iopub") {
      if (type !== "status") entry.options.onOutput?.(type, message.content, message.buffers ?? []);
      else if (message.content["execution_state"] === "idle") entry.idle = "seen";
    }
    if (entry.reply === null) return;
    clearTimeout(entry.patience);
    if (entry.idle === "seen") entry.settle();
    else entry.patience = setTimeout(entry.settle, IDLE_PATIENCE_MS);
  }

  private async answer(entry: Pending, request: KernelMessage): Promise<void> {
    const value = (await entry.options.onInput?.(String(request.content["prompt"] ?? ""))) ?? "";
    const reply = createMessage("input_reply", { value }, this.session);
    await this.sockets.send("stdin", { ...reply, parent: request.header });
  }

  /** Sends a request and waits for its reply AND the kernel's return to idle (or 10 s of silence), so that no output of it is missed. */
  private async request(
    channel: "shell" | "control",
    type: string,
    content: MessageContent,
    options: ExecuteOptions = {},
  ): Promise<MessageContent | "late"> {
    if (this.failure !== null) throw this.failure;
    if (this.closed !== null) throw new StateError(`KernelClient: ${type} must be sent before shutdown().`);
    const message = createMessage(type, content, this.session);
    const id = message.header.msg_id;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<MessageContent | "late">((resolve, reject) => {
        const settle = (): void => {
          const entry = this.pending.get(id);
          if (this.failure !== null) reject(this.failure);
          else if (entry?.reply) resolve(entry.reply);
        };
        this.pending.set(id, { options, reply: null, idle: "awaited", settle });
        if (options.timeoutMs !== undefined) timer = setTimeout(() => resolve("late"), options.timeoutMs);
        this.sockets.send(channel, message).catch(reject);
      });
    } finally {
      clearTimeout(timer);
      clearTimeout(this.pending.get(id)?.patience);
      this.pending.delete(id);
    }
  }

  /** What the kernel says of itself, or null when it does not answer (and publish its status) within this time. */
  async kernelInfo(timeoutMs: number): Promise<MessageContent | null> {
    const before = this.published;
    const reply = await this.request("shell", "kernel_info_request", {}, { timeoutMs });
    return reply === "late" || this.published === before ? null : reply;
  }

  /**
   * Runs one cell. The result's status is the kernel's; a cell that fails does not throw.
   *
   * @throws CellTimeoutError when it takes longer than `timeoutMs` (it is then interrupted). KernelDiedError when the process ends.
   */
  async execute(code: string, options: ExecuteOptions = {}): Promise<ExecuteResult> {
    const content = {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: options.onInput !== undefined,
      stop_on_error: true,
    };
    const reply = await this.request("shell", "execute_request", content, options);
    if (reply === "late") {
      await this.interrupt();
      const limit = options.timeoutMs;
      throw new CellTimeoutError(
        `execute: the cell must end within ${limit} ms; it was interrupted. Give it more time with timeoutMs, or less to do.`,
        { timeoutMs: limit },
      );
    }
    const status = reply["status"] === "ok" || reply["status"] === "error" ? reply["status"] : "aborted";
    const count = reply["execution_count"];
    return { status, executionCount: typeof count === "number" ? count : null, reply };
  }

  /** Asks the running cell to stop: SIGINT, or an interrupt_request where the kernel spec says so. */
  async interrupt(): Promise<void> {
    if (this.interruptMode === "signal") this.process.signal("SIGINT");
    else await this.sockets.send("control", createMessage("interrupt_request", {}, this.session));
  }

  /** Whether the kernel's heartbeat answers within this time. */
  heartbeat(timeoutMs = 1000): Promise<"alive" | "silent"> {
    return this.sockets.heartbeat(timeoutMs);
  }

  /** Ends the kernel: asks it, then SIGTERM, then SIGKILL, each after `graceMs` (default 500); closes sockets, removes the connection file. */
  shutdown(graceMs = 500): Promise<void> {
    this.closed ??= this.end(graceMs);
    return this.closed;
  }

  private async end(graceMs: number): Promise<void> {
    this.failure ??= new StateError("KernelClient: must be used before shutdown(). Start another kernel.");
    for (const entry of [...this.pending.values()]) entry.settle();
    if (this.process.isRunning) {
      await this.sockets.send("control", createMessage("shutdown_request", { restart: false }, this.session));
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        if ((await this.process.waitForExit(graceMs)) === "exited") break;
        this.process.signal(signal);
      }
      await this.process.exited;
    }
    this.sockets.close();
    await this.connection.remove();
  }
}

interface StartKernelOptions {
  /** Longest time until the kernel answers, in ms. Default 60,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A kernel that has answered, and what it said of itself. */
export interface StartedKernel {
  readonly client: KernelClient;
  readonly info: MessageContent;
}

const ASK_EVERY_MS = 500;
const PORT_TAKEN = /address already in use|EADDRINUSE/i;
const MAX_ATTEMPTS = 3;

type Outcome = MessageContent | "port-taken" | "timeout";

async function untilReady(client: KernelClient, timeoutMs: number, signal?: AbortSignal): Promise<Outcome> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (signal?.aborted) throw new InterruptedError("startKernel: interrupted.");
    const info = await client.kernelInfo(Math.min(ASK_EVERY_MS, Math.max(1, deadline - Date.now())));
    if (info !== null) return info;
    if (PORT_TAKEN.test(client.process.lastOutput)) return "port-taken";
  }
  return "timeout";
}

/**
 * Starts a kernel from its argv and waits until it answers and its published messages arrive.
 * When another program took one of its ports in between, it is started again with other ports.
 *
 * @throws KernelStartError when it does not answer in time. KernelDiedError when its process ends first.
 */
export async function startKernel(spec: KernelSpec, options: StartKernelOptions = {}): Promise<StartedKernel> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  for (let attempt = 1; ; attempt++) {
    const connection = await createConnectionFile(spec.name);
    let client: KernelClient | undefined;
    try {
      const process = new KernelProcess(spec, connection.path);
      client = new KernelClient(process, connection, spec.interruptMode ?? "signal");
      const outcome = await untilReady(client, timeoutMs, options.signal);
      if (outcome !== "port-taken" && outcome !== "timeout") return { client, info: outcome };
      if (outcome === "port-taken" && attempt < MAX_ATTEMPTS) {
        await client.shutdown();
        continue;
      }
      const wrote = process.lastOutput === "" ? "" : ` Its last output:\n${process.lastOutput}`;
      throw new KernelStartError(
        `startKernel: kernel "${spec.name}" must answer within ${timeoutMs} ms; it did not. Try its command by hand: ${spec.argv.join(" ")}${wrote}`,
        { timeoutMs, argv: spec.argv, lastOutput: process.lastOutput },
      );
    } catch (error) {
      if (client === undefined) await connection.remove();
      else await client.shutdown();
      throw error;
    }
  }
}
