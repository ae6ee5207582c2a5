import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { assertOneOf } from "../base/check";
import { ConfigError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import { compareReference } from "./reference-compare";
import { openReferenceEnvironment, runPython } from "./reference-environment";
import { runCommand } from "./run-command";
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

/** Where everything is; replaced in tests. */
export interface ReferencePlaces {
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
  try {
    return parseArgs({ args: [...argv], options: OPTIONS }).values;
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}\n${HELP}`, {}, error);
  }
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

if (require.main === module) {
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
