import { spawn } from "node:child_process";
import { accessSync, constants, mkdirSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, sep } from "node:path";
import { explain } from "./errors.mjs";
import { rememberChild } from "./processes.mjs";

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Full path of the first of these programs on PATH (entries inside `outside` do not count), or null. */
export function findProgram(names, env = process.env, outside = null) {
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const name of names) {
    for (const folder of folders) {
      if (outside !== null && `${folder}${sep}`.startsWith(`${outside}${sep}`)) continue;
      const path = join(folder, name);
      if (isProgram(path)) return path;
    }
  }
  return null;
}

/** The programs that run now. */
const running = new Set();

/** Ends all programs that run now: set-up itself was told to end. */
export function endPrograms() {
  for (const child of running) child.kill();
}

/**
 * Runs a program to its end and returns {code, output}; never throws for a program that fails.
 * `onStart(pid)` may return a function to be called at the end.
 */
export function run(program, parameters, { cwd, env = process.env, signal, onStart } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { cwd, env, signal, stdio: ["ignore", "pipe", "pipe"] });
    const onEnd = child.pid === undefined ? undefined : onStart?.(child.pid);
    running.add(child);
    child.on("close", () => {
      running.delete(child);
      onEnd?.();
    });
    let output = "";
    const collect = (chunk) => {
      output += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.on("error", (error) => resolve({ code: 1, output: `${output}\n${error.message}` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** The last lines of an output that say something. */
export function lastLines(output, count = 3) {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(-count).join("\n");
}

/**
 * Runs one program of a step; its whole output goes to `.setup/logs/<its name>.log`.
 *
 * @throws SetupError for a full disk, no network or a read-only folder; else whatever `onFailure(output)` returns.
 */
export async function runForStep(context, step, program, parameters, { cwd = context.root, onFailure }) {
  const { code, output } = await run(program, parameters, {
    cwd,
    env: context.env,
    signal: context.signal,
    onStart: (pid) => rememberChild(context.root, pid),
  });
  if (code === 0) return output;
  const log = join(context.root, ".setup", "logs", `${step.name}.log`);
  try {
    mkdirSync(dirname(log), { recursive: true });
    writeFileSync(log, output);
  } catch {
    // a full disk cannot hold a log either; the error below says what matters
  }
  throw explain(step.title, output) ?? onFailure(output);
}
