import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { assertNotInterrupted, assertOneOf } from "../base/check";
import { EnvironmentError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import { readWords, runCommand } from "./command";
import { compareReference } from "./reference-compare";
import { createTerminalProgress, type LineStream } from "./terminal-progress";

const HELP = `npm run reference -- [--write] [--only FOLDER] [--python PROGRAM]
Runs the make*.py scripts of kernel-lib/test/reference beside it, in .venv-reference, and compares what they make with what is
stored: one line a file. Ends with 1 when a file differs by more than another machine's rounding.
--write   puts what differs in its place
--only    one folder of kernel-lib/test/reference
--python  a Python that has the packages already`;

const OPTIONS = {
  write: { type: "boolean" },
  only: { type: "string" },
  python: { type: "string" },
  help: { type: "boolean" },
} as const;

/** A program to run to its end. */
interface PythonCall {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly cwd: string;
  readonly signal?: AbortSignal;
}

/**
 * Runs a program quietly, away from every hub.
 *
 * @throws EnvironmentError when it fails, with the end of what it wrote. InterruptedError on abort.
 */
async function runPython({ program, parameters, cwd, signal }: PythonCall): Promise<void> {
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

const READY = ".ready";

/**
 * The Python environment that the references are made in: `folder`, made of pinned packages at the first call and again when
 * the requirements change.
 *
 * @returns its Python.
 * @throws EnvironmentError when Python is missing or a package cannot be had. InterruptedError on abort.
 */
async function openReferenceEnvironment(
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

/** Where everything is; replaced in tests. */
interface ReferencePlaces {
  /** Folders with make*.py scripts and what they made. */
  readonly stored: string;
  readonly environment: string;
}

const defaultPlaces = (): ReferencePlaces => ({
  stored: join(repositoryRoot(), "kernel-lib", "test", "reference"),
  environment: join(repositoryRoot(), ".venv-reference"),
});

interface Work extends ReferencePlaces {
  readonly python: string | null;
  readonly only: string | null;
  readonly mode: "compare" | "write";
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Remakes the stored references and compares. @returns whether all are the same, within rounding. */
async function remake(work: Work): Promise<boolean> {
  const { stored, environment, only, say, signal } = work;
  const folders = readdirSync(stored).filter((name) => scriptsOf(join(stored, name)).length > 0);
  if (only !== null) assertOneOf("reference: --only", only, folders);
  const requirements = join(stored, "requirements.txt");
  const python = work.python ?? (await openReferenceEnvironment(environment, requirements, { say, signal }));
  const draft = mkdtempSync(join(tmpdir(), "jomed-reference-"));
  try {
    let isGood = true;
    for (const name of only === null ? folders : [only]) {
      await makeFolder(work, python, name, join(draft, name));
      for (const file of filesOf(join(stored, name), join(draft, name)))
        isGood = compareFile(work, draft, join(name, file)) && isGood;
    }
    return isGood;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

async function makeFolder({ stored, signal }: Work, python: string, name: string, draft: string): Promise<void> {
  mkdirSync(draft);
  for (const script of scriptsOf(join(stored, name))) copyFileSync(join(stored, name, script), join(draft, script));
  for (const script of scriptsOf(draft)) await runPython({ program: python, parameters: [script], cwd: draft, signal });
}

function compareFile({ stored, mode, say }: Work, draft: string, file: string): boolean {
  const { verdict, detail } = compareReference(join(stored, file), join(draft, file));
  const isWritten = mode === "write" && verdict !== "same" && existsSync(join(draft, file));
  if (isWritten) {
    mkdirSync(dirname(join(stored, file)), { recursive: true });
    copyFileSync(join(draft, file), join(stored, file));
  }
  say(`${file}: ${[verdict, ...(detail === "" ? [] : [detail])].join(", ")}${isWritten ? " (written)" : ""}`);
  return verdict !== "differs";
}

function scriptsOf(folder: string): string[] {
  if (!statSync(folder).isDirectory()) return [];
  return readdirSync(folder).filter((name) => /^make.*\.py$/.test(name));
}

/** Data files of either folder, by their path in it; programs beside them are no references. */
function filesOf(...folders: readonly string[]): string[] {
  const found = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\.(py|js|pyc)$/.test(entry.name))
      .map((entry) => relative(folder, join(entry.parentPath, entry.name))),
  );
  return [...new Set(found)].sort();
}

function readOptions(argv: readonly string[]) {
  return readWords({ args: [...argv], options: OPTIONS }, HELP).values;
}

/** Remakes all stored references. @returns the exit code. */
export async function main(
  argv: readonly string[],
  stream: LineStream = process.stdout,
  places: ReferencePlaces = defaultPlaces(),
): Promise<number> {
  const progress = createTerminalProgress(stream);
  return runCommand("reference", progress, async (signal) => {
    const { write = false, only = null, python = null, help = false } = readOptions(argv);
    if (help) progress.say(HELP);
    if (help) return 0;
    const mode = write ? "write" : "compare";
    const isGood = await remake({ ...places, python, only, mode, signal, say: progress.say });
    return isGood || write ? 0 : 1;
  });
}
