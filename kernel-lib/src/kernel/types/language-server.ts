import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { StateError } from "../../base/errors";

/** A client of TypeScript's language server (`tsc --lsp`), which checks and completes what cells say. */

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly items?: readonly unknown[] };
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Completions are what is in scope: looking through every package for more takes seconds. */
const SETTINGS = { suggest: { autoImports: false }, preferences: { includeCompletionsForModuleExports: false } };
const HEAD_END = "\r\n\r\n";

/** The compiler's program for this machine, beside the package "typescript". */
function compilerProgram(): string {
  const { resolve } = createRequire(__filename);
  const home = createRequire(resolve("typescript/package.json"));
  const place = home.resolve(`@typescript/typescript-${process.platform}-${process.arch}/package.json`);
  return join(dirname(place), "lib", process.platform === "win32" ? "tsc.exe" : "tsc");
}

/** The version of the compiler. */
export function compilerVersion(): string {
  return (createRequire(__filename)("typescript/package.json") as { version: string }).version;
}

/** Requests are answered in the order they are made. */
export class LanguageServer {
  private readonly child: ChildProcess;
  private readonly pending = new Map<number, Pending>();
  private received = Buffer.alloc(0);
  private lastId = 0;
  private failure: Error | null = null;

  constructor(folder: string) {
    // Go lets a program's memory double before it looks for what is no longer needed: a session would seem to grow with its cells
    const env = { ...process.env, GOGC: "30" };
    this.child = spawn(compilerProgram(), ["--lsp", "--stdio"], {
      cwd: folder,
      stdio: ["pipe", "pipe", "ignore"],
      env,
    });
    this.child.stdout!.on("data", (chunk: Buffer) => this.read(chunk));
    this.child.stdin!.on("error", () => undefined); // told by its end
    this.child.once("error", (error) => this.fail(error.message));
    this.child.once("exit", (code, signal) => this.fail(`it ended with ${signal ?? `exit code ${code}`}`));
    this.child.unref();
  }

  private fail(reason: string): void {
    this.failure = new StateError(`LanguageServer: the compiler must be running; ${reason}.`);
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
  }

  private read(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    for (;;) {
      const end = this.received.indexOf(HEAD_END);
      if (end < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(this.received.subarray(0, end).toString())?.[1]);
      const start = end + HEAD_END.length;
      if (this.received.length < start + length) return;
      const message = JSON.parse(this.received.subarray(start, start + length).toString("utf8")) as Message;
      this.received = this.received.subarray(start + length);
      this.take(message);
    }
  }

  private take(message: Message): void {
    if (message.method !== undefined) {
      // a question of the server: its settings; of registrations nothing special is wanted
      const result = message.params?.items?.map(() => SETTINGS) ?? null;
      if (message.id !== undefined) this.send({ id: message.id, result });
      return;
    }
    const pending = this.pending.get(message.id!);
    this.pending.delete(message.id!);
    if (message.error) pending?.reject(new Error(message.error.message));
    else pending?.resolve(message.result);
  }

  private send(message: object): void {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.child.stdin!.write(`Content-Length: ${Buffer.byteLength(body)}${HEAD_END}${body}`);
  }

  /** @param signal tells that the answer is not wanted any more: it comes soon then, as an error. */
  request<T>(method: string, params: object, signal?: AbortSignal): Promise<T> {
    if (this.failure !== null) return Promise.reject(this.failure);
    const id = ++this.lastId;
    signal?.addEventListener("abort", () => this.notify("$/cancelRequest", { id }), { once: true });
    return new Promise<T>((resolve, reject) => {
      this.pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.send({ id, method, params });
    });
  }

  notify(method: string, params: object): void {
    if (this.failure === null) this.send({ method, params });
  }

  close(): void {
    this.child.kill("SIGKILL");
  }
}
