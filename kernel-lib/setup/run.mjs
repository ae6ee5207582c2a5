import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArguments } from "./arguments.mjs";
import { explain, SetupError } from "./errors.mjs";
import { takeLock } from "./lock.mjs";
import { endOrphans } from "./processes.mjs";
import { endPrograms } from "./programs.mjs";
import { findCurrent, runSteps } from "./schedule.mjs";
import { writeWhole } from "./stamps.mjs";
import { stepsOf } from "./steps.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** The variant last asked for, else "cpu". */
function variantOf(root) {
  const file = join(root, ".setup", "variant");
  return existsSync(file) && readFileSync(file, "utf8").trim() === "gpu" ? "gpu" : "cpu";
}

/** One line: which engine, and, when it is not the fastest, why and what to install. */
function engineLine(root, env) {
  const { backend, reason, advice, tensorflow } = JSON.parse(readFileSync(join(root, ".setup/engine.json"), "utf8"));
  const version = backend.startsWith("native") ? ` (TensorFlow ${tensorflow})` : "";
  const why = advice === "" ? "" : `: ${reason}. ${advice}`;
  const forced = env.JOMED_BACKEND ? ` JOMED_BACKEND=${env.JOMED_BACKEND} overrides it.` : "";
  return `Engine: ${backend}${version}${why}${forced}`;
}

/** Why an optional step, other than the engine's own, was left out. */
function remarks(stamps) {
  const spoken = ["hnswlib", "python"].map((name) => stamps.get(name)).filter((stamp) => stamp.status === "skipped");
  return spoken.map((stamp) => `Left out: ${stamp.reason}. ${stamp.advice}`);
}

/**
 * Brings the checkout to the state in which everything runs; does nothing when it is there already.
 *
 * @param {{root: string, variant: "cpu" | "gpu" | null, skipped: "keep" | "retry", env: object, log: Function}} options
 *   `skipped`: whether steps that were left out are tried again although nothing changed.
 * @throws SetupError
 */
export async function setUp({ root, variant: asked, skipped, env, log, steps }) {
  const begun = performance.now();
  const seconds = () => ((performance.now() - begun) / 1000).toFixed(1);
  if (asked !== null) writeWhole(join(root, ".setup", "variant"), `${asked}\n`);
  const variant = variantOf(root);
  const context = { root, env, log, skipped };
  const wanted = steps ?? stepsOf(variant);
  const current = findCurrent(wanted, context);
  if (current !== null) {
    log(`Set-up: everything is up to date (${seconds()} s)`);
    return current;
  }
  const release = await takeLock(root, (pid) => log(`Waiting for another set-up (process ${pid}) …`));
  try {
    await endOrphans(root);
    log("Set-up (about two minutes the first time):");
    const stamps = await runSteps(wanted, context);
    log(`Set-up: done (${seconds()} s)`);
    return stamps;
  } finally {
    release();
  }
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** While set-up works, a signal ends the programs it runs before it ends set-up; returns what undoes that. */
function endTogether() {
  const handlers = Object.entries(SIGNALS).map(([signal, number]) => {
    const end = () => {
      endPrograms();
      process.exit(128 + number);
    };
    process.once(signal, end);
    return () => process.off(signal, end);
  });
  return () => {
    for (const undo of handlers) undo();
  };
}

/** Runs `main(arguments)` of a compiled command in this very process: signals and the terminal reach it directly. */
async function runCommand(root, command, rest) {
  const file = join(root, "kernel-lib/dist/cli", `${command}.js`);
  if (!existsSync(file)) {
    throw new SetupError(
      "command",
      `there is no command "${command}".`,
      "Use reproduce, notebooks, results, findings, test, lab, checkpoints, data, artifacts or reference.",
    );
  }
  return await createRequire(file)(file).main(rest);
}

function messageOf(error) {
  if (error instanceof SetupError) return error.message;
  const known = explain("set-up", `${error.code ?? ""} ${error.message}`);
  if (known !== null) return known.message;
  return process.env.JOMED_DEBUG ? (error.stack ?? String(error)) : `${error.message}\nJOMED_DEBUG=1 shows where.`;
}

/** Set-up, then the command named by `--then`; ends the process with its exit code. */
export async function main(words) {
  let code = 1;
  try {
    const { variant, command, rest } = parseArguments(words);
    const skipped = command === null ? "retry" : "keep";
    const log = (line) => process.stdout.write(`${line}\n`);
    const standAlone = endTogether();
    const stamps = await setUp({ root: ROOT, variant, skipped, env: process.env, log });
    standAlone();
    for (const line of [...remarks(stamps), engineLine(ROOT, process.env)]) log(line);
    code = command === null ? 0 : await runCommand(ROOT, command, rest);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
  }
  process.stdout.write("", () => process.exit(code));
}
