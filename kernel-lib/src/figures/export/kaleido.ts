import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { DataError, EnvironmentError, isKernelError } from "../../base/errors";
import {
  type DrawingEngine,
  drawingInput,
  fontConfiguration,
  seededBundle,
  TRY_TIMEOUT_MS,
  workFolder,
} from "./engine";

type Child = ChildProcessByStdio<Writable, Readable, null>;

/** As the set-up installs it. */
export const KALEIDO_NAME = "kaleido 0.2.1";

/** What kaleido writes, one line of JSON per request and one at its start. */
interface Reply {
  readonly code: number;
  readonly message: string | null;
  readonly result?: string | null;
}

/**
 * Starts kaleido 0.2.1 (its own Chromium 88, no Python) and draws through its line protocol.
 *
 * Its process is in a group of its own, so an interrupt of a notebook does not reach it, and it ends by itself when its
 * input closes: also when this process is killed.
 */
export async function openKaleido(folder: string): Promise<DrawingEngine> {
  const child = startChild(folder);
  const lines = lineReader(child);
  const endWithUs = (): void => endGroup(child);
  process.once("exit", endWithUs);
  try {
    await readyLine(lines);
  } catch (error) {
    process.off("exit", endWithUs);
    endWithUs();
    throw error;
  }
  setAlive(child, "idle");
  return {
    name: KALEIDO_NAME,
    draw: async (figure, format, size) => {
      setAlive(child, "busy");
      try {
        const scale = format === "svg" ? 1 : size.scale;
        child.stdin.write(`${JSON.stringify({ data: drawingInput(figure), format, ...size, scale })}\n`);
        return decode(await lines.next(), format);
      } finally {
        setAlive(child, "idle");
      }
    },
    close: async () => {
      process.off("exit", endWithUs);
      child.stdin.end();
      endWithUs();
    },
  };
}

/** Waits for the first line. An error without `details.why` says: kaleido cannot run on this machine at all. */
async function readyLine(lines: { next(): Promise<Reply> }): Promise<void> {
  const cannot = (reason: string, cause?: unknown): EnvironmentError =>
    new EnvironmentError(`drawFigure: kaleido does not start: ${reason}. Run \`npm run setup\` again.`, {}, cause);
  try {
    const { code, message } = await lines.next();
    if (code !== 0) throw cannot(String(message));
  } catch (error) {
    if (isKernelError(error, "environment") && error.details["why"] === ENDED) throw cannot("it ends at once", error);
    throw error;
  }
}

function decode(reply: Reply, format: "svg" | "png"): string | Uint8Array {
  if (reply.code !== 0 || typeof reply.result !== "string") {
    throw new DataError(
      `drawFigure: figure must be one that plotly.js can draw; got "${reply.message ?? "no picture"}". Check its layout.`,
      { code: reply.code },
    );
  }
  return format === "svg" ? reply.result : new Uint8Array(Buffer.from(reply.result, "base64"));
}

function startChild(folder: string): Child {
  const child = spawn(
    join(folder, "bin", "kaleido"),
    [
      "plotly",
      `--plotlyjs=${seededBundle()}`,
      "--disable-gpu",
      "--disable-breakpad",
      "--disable-dev-shm-usage",
      "--no-sandbox",
    ],
    {
      cwd: folder,
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
      env: {
        PATH: process.env["PATH"],
        HOME: workFolder(),
        LD_LIBRARY_PATH: join(folder, "lib"),
        FONTCONFIG_FILE: fontConfiguration(),
      },
    },
  );
  child.stdin.on("error", () => undefined); // a closed pipe shows as the end of stdout, which lineReader reports
  return child;
}

/** The child's lines as a queue of one: each `next()` waits for one reply, an ended child or the time limit. */
function lineReader(child: Child): { next(): Promise<Reply> } {
  let waiting: { resolve(reply: Reply): void; reject(error: Error): void } | null = null;
  let text = "";
  const fail = (why: string): void => {
    waiting?.reject(stopped(why));
    waiting = null;
  };
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (part: string) => {
    text += part;
    const end = text.indexOf("\n");
    if (end === -1) return;
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    waiting?.resolve(JSON.parse(line) as Reply);
    waiting = null;
  });
  child.on("error", () => fail(ENDED));
  child.on("close", () => fail(ENDED));
  return {
    next: () =>
      new Promise<Reply>((resolve, reject) => {
        if (child.exitCode !== null || child.signalCode !== null) return reject(stopped(ENDED));
        const timer = setTimeout(() => {
          fail(`was silent for ${TRY_TIMEOUT_MS / 1000} s`);
          endGroup(child);
        }, TRY_TIMEOUT_MS);
        const settle =
          <T>(done: (value: T) => void) =>
          (value: T): void => {
            clearTimeout(timer);
            done(value);
          };
        waiting = { resolve: settle(resolve), reject: settle(reject) };
      }),
  };
}

const ENDED = "has ended";

function stopped(why: string): EnvironmentError {
  return new EnvironmentError(`drawFigure: kaleido ${why}. Draw again; it is started anew.`, { why });
}

/** Ends kaleido and the helpers of its Chromium, which are one process group. */
function endGroup(child: Child): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // ESRCH: it has ended already
  }
}

/** While idle the child must not keep Node (or a notebook's kernel) from ending; while busy it must. */
function setAlive(child: Child, state: "busy" | "idle"): void {
  for (const handle of [child, child.stdin as Socket, child.stdout as Socket]) {
    if (state === "busy") handle.ref();
    else handle.unref();
  }
}
