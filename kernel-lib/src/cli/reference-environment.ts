import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertNotInterrupted } from "../base/check";
import { EnvironmentError } from "../base/errors";

/** A program to run to its end. */
export interface PythonCall {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly cwd: string;
  readonly signal?: AbortSignal;
}

const READY = ".ready";

/**
 * The Python environment that the references are made in: `folder`, made of pinned packages at the first call and again when
 * the requirements change.
 *
 * @returns its Python.
 * @throws EnvironmentError when Python is missing or a package cannot be had. InterruptedError on abort.
 */
export async function openReferenceEnvironment(
  folder: string,
  requirements: string,
  { say, signal }: { readonly say: (line: string) => void; readonly signal?: AbortSignal },
): Promise<string> {
  const python = join(folder, "bin", "python");
  const stamp = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  const ready = join(folder, READY);
  if (existsSync(ready) && readFileSync(ready, "utf8") === stamp) return python;
  say(`making ${folder} from ${requirements} (minutes, and some gigabytes, the first time)`);
  rmSync(ready, { force: true });
  const cwd = join(folder, "..");
  const stop = signal === undefined ? {} : { signal };
  if (!existsSync(python)) await runPython({ program: "python3", parameters: ["-m", "venv", folder], cwd, ...stop });
  const install = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"];
  await runPython({ program: python, parameters: [...install, "-r", requirements], cwd, ...stop });
  writeFileSync(ready, stamp);
  return python;
}

/**
 * Runs a program quietly, away from every hub.
 *
 * @throws EnvironmentError when it fails, with the end of what it wrote. InterruptedError on abort.
 */
export async function runPython({ program, parameters, cwd, signal }: PythonCall): Promise<void> {
  const env = { ...process.env, HF_HUB_OFFLINE: "1", TOKENIZERS_PARALLELISM: "false" };
  const stop = signal === undefined ? {} : { signal };
  let text = "";
  const code = await new Promise<number>((resolve) => {
    const child = spawn(program, parameters, { cwd, env, stdio: ["ignore", "pipe", "pipe"], ...stop });
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding("utf8").on("data", (piece: string) => {
        text = (text + piece).slice(-4000);
      });
    child.on("error", (error) => {
      text += error.message;
      resolve(1);
    });
    child.on("close", (status) => resolve(status ?? 1));
  });
  assertNotInterrupted("reference", signal);
  if (code === 0) return;
  const end = text.trim().split("\n").slice(-12).join("\n");
  throw new EnvironmentError(
    `runPython: ${[program, ...parameters].join(" ")} must succeed; got exit code ${code}.\n${end}`,
    { program, code },
  );
}
