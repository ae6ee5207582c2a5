import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { explain, SetupError, StepSkipped } from "./errors.mjs";
import { hashFile, hashOf, readStamp, removeStamp, writeStamp } from "./stamps.mjs";

/**
 * A step: {name, title, file (its own URL: a changed recipe runs again), needs (steps it cannot do without),
 * after (steps it only follows), inputs(context) -> JSON value, run(context) -> list of paths that prove it is done}.
 */
const recipes = new Map();

function recipeOf(step) {
  if (!recipes.has(step.file)) recipes.set(step.file, hashFile(fileURLToPath(step.file)));
  return recipes.get(step.file);
}

/** What a step depends on, as one hash: its recipe, its inputs, and the very runs of the steps before it. */
function keyOf(step, context, stampsBefore) {
  const before = stampsBefore.map((stamp) => stamp?.run ?? "none");
  return hashOf([recipeOf(step), step.inputs(context), before]);
}

function isThere(root, path) {
  return existsSync(isAbsolute(path) ? path : join(root, path));
}

function isCurrent(context, key, stamp) {
  if (stamp === null || stamp.key !== key) return false;
  if (stamp.status === "skipped") return context.skipped === "keep";
  return stamp.outputs.every((path) => isThere(context.root, path));
}

/** The stamps of all steps when nothing has to be done, else null. Writes nothing. */
export function findCurrent(steps, context) {
  const stamps = new Map();
  for (const step of steps) {
    const before = [...step.needs, ...step.after].map((name) => stamps.get(name));
    const stamp = readStamp(context.root, step.name);
    if (!isCurrent(context, keyOf(step, context, before), stamp)) return null;
    stamps.set(step.name, stamp);
  }
  return stamps;
}

function blockedBy(step, before) {
  const missing = step.needs.map((name) => before.get(name)).find((stamp) => stamp.status === "skipped");
  if (missing !== undefined) throw new StepSkipped(missing.reason, missing.advice);
}

async function perform(step, context, key, before) {
  const begun = performance.now();
  const seconds = () => Math.round((performance.now() - begun) / 100) / 10;
  removeStamp(context.root, step.name);
  try {
    blockedBy(step, before);
    const outputs = await step.run(context, before);
    const stamp = writeStamp(context.root, step.name, { key, status: "done", outputs, seconds: seconds() });
    context.log(`  ${step.title.padEnd(30)} ${stamp.seconds.toFixed(1).padStart(6)} s`);
    return stamp;
  } catch (error) {
    if (!(error instanceof StepSkipped) || context.signal.aborted) throw error;
    const { message: reason, advice } = error;
    const stamp = writeStamp(context.root, step.name, { key, status: "skipped", reason, advice, seconds: seconds() });
    context.log(`  ${step.title.padEnd(30)} ${stamp.seconds.toFixed(1).padStart(6)} s  left out: ${reason}`);
    return stamp;
  }
}

/** Turns whatever a step threw into an error that names the step and a way out. */
function asSetupError(step, error) {
  if (error instanceof SetupError) return error;
  const known = explain(step.title, `${error.code ?? ""} ${error.message}`);
  return known ?? new SetupError(step.title, error.message, "Run the same command again; finished steps are kept.");
}

/**
 * Does what is not up to date, each step as soon as the steps before it are done, and returns every step's stamp.
 *
 * @throws SetupError of the first step that failed, after the others were stopped.
 */
export async function runSteps(steps, context) {
  const stop = new AbortController();
  const running = new Map();
  const start = async (step) => {
    const names = [...step.needs, ...step.after];
    const stamps = await Promise.all(names.map((name) => running.get(name)));
    if (stop.signal.aborted) throw stop.signal.reason;
    const before = new Map(names.map((name, position) => [name, stamps[position]]));
    try {
      const key = keyOf(step, context, stamps);
      const stamp = readStamp(context.root, step.name);
      if (isCurrent(context, key, stamp)) return stamp;
      return await perform(step, { ...context, signal: stop.signal }, key, before);
    } catch (error) {
      const failure = asSetupError(step, error);
      if (!stop.signal.aborted) stop.abort(failure);
      throw failure;
    }
  };
  for (const step of steps) running.set(step.name, start(step));
  const results = await Promise.allSettled(running.values());
  if (stop.signal.aborted) throw stop.signal.reason;
  const stamps = results.map((result) => result.value);
  return new Map(steps.map((step, position) => [step.name, stamps[position]]));
}
