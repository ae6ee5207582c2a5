import { lstatSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { StepSkipped } from "../errors.mjs";
import { findProgram, lastLines, run, runForStep } from "../programs.mjs";
import { hashFile } from "../stamps.mjs";

const NAMES = ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
const ADVICE = "Install Python 3.10 or later with its venv module (Debian: apt-get install python3-venv).";
const CHECK = "import sys, venv, ensurepip; print(sys.version_info >= (3, 10))";

/** Options of every pip call: no prompts, no compiled copies (they are made at first use), few retries. */
export const PIP = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"];
export const PIP_RETRIES = ["--retries", "2", "--timeout", "30"];

/** The context with a place for pip's temporary files that is emptied here, whatever an interrupted pip left there. */
export function withPipFolder(context, name) {
  const folder = join(context.root, ".setup", "tmp", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return { ...context, env: { ...context.env, TMPDIR: folder } };
}

/** A Python of the machine (never the one inside .venv: it may be the one to be replaced). */
function findPython(context) {
  if (process.platform === "win32") return null;
  return findProgram(NAMES, context.env, join(context.root, ".venv"));
}

async function usablePython(context) {
  for (const name of NAMES) {
    const path = findProgram([name], context.env, join(context.root, ".venv"));
    if (path === null) continue;
    const { code, output } = await run(path, ["-c", CHECK], { env: context.env });
    if (code === 0 && output.trim() === "True") return path;
  }
  throw new StepSkipped("no Python 3.10+ with the venv module was found", ADVICE);
}

/** A link is left alone: making the environment anew would empty the folder behind it, which another checkout may be using. */
function refuseLink(place) {
  if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return;
  throw new StepSkipped(
    `${place} must be a folder of this checkout; got a link to ${realpathSync(place)}`,
    "Remove the link and run npm run setup again.",
  );
}

/** JupyterLab and the figure renderer in `.venv`, with pinned versions. */
export const python = {
  name: "python",
  title: "Python environment",
  file: import.meta.url,
  needs: [],
  after: [],
  inputs: (context) => ({
    requirements: hashFile(join(context.root, "requirements.txt")),
    pins: hashFile(join(context.root, "requirements-pins.txt")),
    place: context.root,
    found: findPython(context) !== null,
  }),
  async run(context) {
    if (findPython(context) === null) throw new StepSkipped("no Python was found", ADVICE);
    refuseLink(join(context.root, ".venv"));
    const path = await usablePython(context);
    const onFailure = (output) =>
      new StepSkipped(
        `the Python environment could not be made (${lastLines(output, 1)})`,
        "See .setup/logs/python.log.",
      );
    await runForStep(context, python, path, ["-m", "venv", "--clear", ".venv"], { onFailure });
    const from = ["-r", "requirements.txt", "-c", "requirements-pins.txt"];
    await runForStep(withPipFolder(context, "python"), python, ".venv/bin/python", [...PIP, ...PIP_RETRIES, ...from], {
      onFailure,
    });
    return [".venv/bin/jupyter", realpathSync(join(context.root, ".venv/bin/python"))];
  },
};
