import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { assertInteger, assertKnownKeys, assertNotInterrupted } from "../../base/check";
import { ConfigError, EnvironmentError, isKernelError, StateError } from "../../base/errors";
import type { Control } from "../../base/types";
import {
  type Artifact,
  dropDamaged,
  exists,
  findComplete,
  inspect,
  type Places,
  publish,
  RESUME_NAME,
} from "../../store/artifact";
import { listFiles, makeFolder, removeHalfWritten } from "../../store/files";
import { artifactKey, type JsonObject } from "../../store/key";
import { type ArtifactLock, tryLock } from "../../store/lock";
import { codeVersion, MANIFEST_NAME, writeManifest } from "../../store/manifest";
import type { StageHealth } from "../../training/health";
import type { Run } from "../run";

/** What `compute` gets besides its folder. */
export interface StageContext {
  readonly key: string;
  readonly workDir: string;
  /** A folder for checkpoints: it survives an interruption and is left out of the artifact. */
  readonly resumeDir: string;
  /** "resumed" when an earlier process left something in `workDir`. */
  readonly begun: "fresh" | "resumed";
  readonly control: Control;
  /** Writes the health of a training into the manifest. */
  readonly report: (health: StageHealth) => void;
}

/** A stage: what it is called, what decides its result, and how to compute it. */
export interface StageOptions {
  /** Lower-case words joined by "-": the folder below the artifacts folder. */
  readonly name: string;
  /** Number of the stage's code, ≥ 1; raise it when a change of that code changes its results. */
  readonly version: number;
  /** All options that change the result, and only those: plain JSON. */
  readonly config: JsonObject;
  /** Artifacts, or fingerprints of data, that it reads. */
  readonly inputs: readonly (Artifact | string)[];
  /** Writes the result's files into `workDir`, which stays the same over restarts. */
  readonly compute: (workDir: string, context: StageContext) => Promise<void>;
}

export type { Artifact } from "../../store/artifact";

const OPTION_NAMES: readonly (keyof StageOptions)[] = ["name", "version", "config", "inputs", "compute"];
const POLL_MS = 200;
const FOLDER_FAULTS = ["ENOSPC", "EFBIG", "EDQUOT", "EACCES", "EPERM", "EROFS", "ENOTDIR", "ENAMETOOLONG"];

function placesOf(run: Run, options: StageOptions): Places {
  assertKnownKeys("runStage:", options, OPTION_NAMES);
  const { name, version, config } = options;
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    throw new ConfigError(`runStage: name must be lower-case words joined by "-"; got ${JSON.stringify(name)}.`, {
      name,
    });
  }
  assertInteger("runStage: version", version, 1);
  const inputs = options.inputs.map((input) => (typeof input === "string" ? input : input.key));
  const key = artifactKey({ stage: name, version, config, inputs, seed: run.seed, backend: run.backend.backend });
  const folder = join(run.artifactsDir, name, key);
  return { name, key, folder, workDir: `${folder}.partial`, lockFile: `${folder}.lock` };
}

/** Waits for the lock; an artifact that appears meanwhile ends the wait. */
async function lockOrFind(places: Places, { control, whenHeld }: Run): Promise<ArtifactLock | Artifact> {
  for (let polls = 0; ; polls++) {
    assertNotInterrupted(`runStage (${places.name})`, control.signal);
    const answer = await tryLock(places.lockFile);
    if ("release" in answer) return answer;
    if (whenHeld === "skip") throw heldError(places, answer.heldBy);
    if (polls % 5 === 0) {
      const waitedSeconds = Math.round((polls * POLL_MS) / 1000);
      const stage = `${places.name}: waiting for ${answer.heldBy}`;
      control.onProgress?.({ stage, done: 0, total: 1, values: { waitedSeconds } });
    }
    await sleep(POLL_MS);
    const found = await findComplete(places);
    if (found !== null) return found;
  }
}

function heldError({ name, lockFile }: Places, heldBy: string): StateError {
  return new StateError(
    `runStage: ${name} must be free; ${heldBy} computes it. Try again later, or let the run wait.`,
    { heldBy, lockFile },
  );
}

/** Whether this is runStage's answer to `whenHeld: "skip"`: another process computes the stage. */
export function isStageHeld(error: unknown): error is StateError {
  return isKernelError(error, "state") && "heldBy" in error.details;
}

async function computeFiles(run: Run, options: StageOptions, places: Places): Promise<void> {
  const { workDir, key, name } = places;
  const begun = (await exists(workDir)) ? "resumed" : "fresh";
  await rm(join(workDir, MANIFEST_NAME), { force: true }); // of a finish whose files do not match: not this one's
  const resumeDir = join(workDir, RESUME_NAME);
  await makeFolder(resumeDir);
  const started = new Date();
  let health: StageHealth | undefined;
  const report = (found: StageHealth): void => {
    health = found;
  };
  await options.compute(workDir, { key, workDir, resumeDir, begun, control: run.control, report });
  const finished = new Date();
  await removeHalfWritten(workDir);
  const files = await listFiles(workDir, [RESUME_NAME, MANIFEST_NAME]);
  if (files.length === 0) throw new StateError(`runStage: compute of ${name} must write at least one file; got none.`);
  await writeManifest(workDir, {
    stage: name,
    version: options.version,
    key,
    config: options.config,
    inputs: options.inputs.map((input) => (typeof input === "string" ? input : input.key)),
    seed: run.seed,
    profile: run.profile,
    backend: run.backend.backend,
    code: await codeVersion(),
    startedAt: started.toISOString(),
    finishedAt: finished.toISOString(),
    seconds: (finished.getTime() - started.getTime()) / 1000,
    resumed: begun,
    ...(health === undefined ? {} : { health }),
    files,
  });
}

async function produce(run: Run, options: StageOptions, places: Places, lock: ArtifactLock): Promise<Artifact> {
  const found = await findComplete(places);
  if (found !== null) return found; // finished by another process between our look and our lock
  await dropDamaged(places, run.control);
  const left = await inspect(places.workDir, places); // complete only if a process ended just before its rename
  if (left === null || "damage" in left) await computeFiles(run, options, places);
  await publish(places, lock);
  const made = await findComplete(places);
  if (made === null) throw new StateError(`runStage: ${places.folder} must hold the result; it changed meanwhile.`);
  const computed = { ...made, origin: "computed" } as const;
  run.onComputed?.(computed);
  return computed;
}

function explain(error: unknown, run: Run, name: string): unknown {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (isKernelError(error) || code === undefined) return error;
  const noFolder = code === "ENOENT" && syscall === "mkdir";
  if (!noFolder && !FOLDER_FAULTS.includes(code)) return error;
  const advice = `Free space or grant access there, or set JOMED_ARTIFACTS_DIR to another folder; ${name} goes on from its last checkpoint.`;
  return new EnvironmentError(
    `runStage: ${run.artifactsDir} must take the files of stage ${name}; got ${code} (${(error as Error).message}). ${advice}`,
    { folder: run.artifactsDir, stage: name, fault: code },
    error,
  );
}

/**
 * Finds a stage's result, or computes it. The result is a folder named by the hash of everything that decides it
 * (stage, version, config, input keys, seed, backend), written beside its place and renamed when complete: an interrupted
 * computation leaves nothing half-made and goes on from its own checkpoints; two processes at once compute it once.
 * A damaged artifact is computed again, with a warning (code "artifact-damaged").
 *
 * @throws ConfigError on a bad name, version or config. EnvironmentError when the folder is full or not writable.
 * StateError when another process computes it and the run does not wait. InterruptedError when the signal is aborted while
 * waiting; whatever `compute` throws.
 */
export async function runStage(run: Run, options: StageOptions): Promise<Artifact> {
  const places = placesOf(run, options);
  const { name: stage, key, folder } = places;
  const given = run.onStage?.({ stage, key, folder, config: options.config });
  if (given !== undefined) return given;
  try {
    const found = await findComplete(places);
    if (found !== null) return found;
    await makeFolder(join(run.artifactsDir, places.name));
    const answer = await lockOrFind(places, run);
    if (!("release" in answer)) return answer;
    try {
      return await produce(run, options, places, answer);
    } finally {
      await answer.release();
    }
  } catch (error) {
    throw explain(error, run, places.name);
  }
}
