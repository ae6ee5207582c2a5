import { type ChildProcess, spawn } from "node:child_process";
import { ConfigError, EnvironmentError, type ErrorDetails, StateError } from "../base/errors";

/** The program behind a kernel: how it is started, watched and ended, and the errors that say how it failed. */

/** What went wrong with a kernel, in `details.reason`. */
type KernelFailure = "kernel-died" | "start-timeout" | "cell-timeout";

/** The kernel's process ended while it was needed. Details hold exit code, signal and the last lines it wrote. */
export class KernelDiedError extends EnvironmentError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { reason: "kernel-died" satisfies KernelFailure, ...details });
  }
}

/** The kernel did not answer in time after its process was started. */
export class KernelStartError extends EnvironmentError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { reason: "start-timeout" satisfies KernelFailure, ...details });
  }
}

/** A cell ran longer than it was allowed to. */
export class CellTimeoutError extends StateError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { reason: "cell-timeout" satisfies KernelFailure, ...details });
  }
}

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
