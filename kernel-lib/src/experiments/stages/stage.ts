import { assertInteger, assertKnownKeys } from "../../base/check";
import { ConfigError, EnvironmentError, isKernelError, type StateError } from "../../base/errors";
import type { Control } from "../../base/types";
import {
  type Artifact,
  type ArtifactFacts,
  type ArtifactPlace,
  artifactKey,
  artifactPlace,
  codeVersion,
  folderPlace,
  type JsonObject,
} from "../../store/artifact";
import { type FolderDraft, keepFolder } from "../../store/folder";
import type { StageHealth } from "../../training/health";
import type { Run } from "../run";

/** What a stage's manifest says beyond what every artifact's says. */
export interface StageFacts extends ArtifactFacts {
  /** What a training says of itself; absent where nothing is trained. */
  readonly health?: StageHealth;
}

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

const keysOf = ({ inputs }: StageOptions): string[] =>
  inputs.map((input) => (typeof input === "string" ? input : input.key));

const OPTION_NAMES: readonly (keyof StageOptions)[] = ["name", "version", "config", "inputs", "compute"];
const FOLDER_FAULTS = ["ENOSPC", "EFBIG", "EDQUOT", "EACCES", "EPERM", "EROFS", "ENOTDIR", "ENAMETOOLONG"];

function placeOf(run: Run, options: StageOptions): ArtifactPlace {
  assertKnownKeys("runStage:", options, OPTION_NAMES);
  const { name, version, config } = options;
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    throw new ConfigError(`runStage: name must be lower-case words joined by "-"; got ${JSON.stringify(name)}.`, {
      name,
    });
  }
  assertInteger("runStage: version", version, 1);
  const { seed, backend } = run;
  const key = artifactKey({ stage: name, version, config, inputs: keysOf(options), seed, backend: backend.backend });
  return artifactPlace(run.artifactsDir, name, key);
}

/** Whether this is runStage's answer to `whenHeld: "skip"`: another process computes the stage. */
export function isStageHeld(error: unknown): error is StateError {
  return isKernelError(error, "state") && "heldBy" in error.details;
}

/** Computes the files of a stage into its work folder; returns the facts for its manifest. */
async function compute(run: Run, options: StageOptions, key: string, draft: FolderDraft): Promise<StageFacts> {
  const { name: stage, version, config } = options;
  const { folder: workDir, resumeDir, begun } = draft;
  let health: StageHealth | undefined;
  const report = (found: StageHealth): void => {
    health = found;
  };
  const started = new Date();
  await options.compute(workDir, { key, workDir, resumeDir, begun, control: run.control, report });
  const finished = new Date();
  return {
    stage,
    version,
    key,
    config,
    inputs: keysOf(options),
    seed: run.seed,
    profile: run.profile,
    backend: run.backend.backend,
    code: await codeVersion(),
    startedAt: started.toISOString(),
    finishedAt: finished.toISOString(),
    seconds: (finished.getTime() - started.getTime()) / 1000,
    resumed: begun,
    ...(health === undefined ? {} : { health }),
  };
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
export async function runStage(run: Run, options: StageOptions): Promise<Artifact<StageFacts>> {
  const place = placeOf(run, options);
  const { stage, key, folder } = place;
  const given = run.onStage?.({ stage, key, folder, config: options.config });
  if (given !== undefined) return given;
  try {
    const kept = await keepFolder<StageFacts>(folderPlace(place), (draft) => compute(run, options, key, draft), {
      where: "runStage",
      what: stage,
      afterInterruption: "goOn",
      whenHeld: run.whenHeld === "skip" ? "refuse" : "wait",
      control: run.control,
    });
    const artifact = { stage, key, ...kept };
    if (kept.origin === "computed") run.onComputed?.(artifact);
    return artifact;
  } catch (error) {
    throw explain(error, run, stage);
  }
}
