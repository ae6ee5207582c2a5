import { type ChildProcess, spawn } from "node:child_process";
import { ConfigError, InterruptedError } from "../base/errors";
import { KernelClient, KernelDiedError, KernelStartError } from "./client";
import { createConnectionFile, type MessageContent } from "./message";

/** How a kernel is started: the `argv` of a kernel spec, `{connection_file}` standing for the path of the connection file. */
export interface KernelSpec {
  readonly name: string;
  readonly argv: readonly string[];
  /** Working folder of the kernel. */
  readonly cwd: string;
  /** Added to this process's environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How the kernel is interrupted. Default "signal" (SIGINT). */
  readonly interruptMode?: "signal" | "message";
}

const TAIL_CHARACTERS = 4000;

/** A kernel's process. Only processes started here are ever signalled. */
export class KernelProcess {
  readonly exited: Promise<void>;
  private readonly child: ChildProcess;
  private tail = "";
  private ended: { code: number | null; signal: string | null; error?: Error } | null = null;

  constructor(spec: KernelSpec, connectionFile: string) {
    const [program, ...args] = spec.argv.map((arg) => arg.replaceAll("{connection_file}", connectionFile));
    if (program === undefined)
      throw new ConfigError("startKernel: argv must name a program; got an empty list. Pass the kernel spec's argv.");
    // its own process group: Ctrl-C in the terminal reaches this process only, which then decides
    this.child = spawn(program, args, {
      cwd: spec.cwd,
      env: { ...process.env, ...spec.env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (chunk: Buffer): void => {
      this.tail = (this.tail + chunk.toString("utf8")).slice(-TAIL_CHARACTERS);
    };
    this.child.stdout?.on("data", keep);
    this.child.stderr?.on("data", keep);
    this.exited = new Promise((resolve) => {
      this.child.once("error", (error) => {
        this.ended ??= { code: null, signal: null, error };
        resolve();
      });
      this.child.once("exit", (code, signal) => {
        this.ended ??= { code, signal };
        resolve();
      });
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get isRunning(): boolean {
    return this.ended === null;
  }

  /** The last characters the process wrote outside of any cell. */
  get lastOutput(): string {
    return this.tail.trim();
  }

  signal(name: NodeJS.Signals): void {
    if (this.isRunning) this.child.kill(name);
  }

  /** Waits for the process to end, at most this long. */
  async waitForExit(timeoutMs: number): Promise<"exited" | "running"> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"running">((resolve) => {
      timer = setTimeout(() => resolve("running"), timeoutMs);
    });
    const state = await Promise.race([this.exited.then(() => "exited" as const), late]);
    clearTimeout(timer);
    return state;
  }

  /** The error that says how the process ended. */
  deathError(where: string): KernelDiedError {
    const { code = null, signal = null, error } = this.ended ?? {};
    const how = error ? error.message : signal ? `signal ${signal}` : `exit code ${code}`;
    const wrote = this.lastOutput === "" ? "" : ` Its last output:\n${this.lastOutput}`;
    const hint = signal === "SIGKILL" ? " It may have run out of memory." : "";
    return new KernelDiedError(`${where}: the kernel must stay alive; it ended with ${how}.${hint}${wrote}`, {
      code,
      signal,
      lastOutput: this.lastOutput,
    });
  }
}

export interface StartKernelOptions {
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
