import { assertInteger, assertKnownKeys } from "../../base/check";
import { ConfigError, EnvironmentError, isKernelError, type StateError } from "../../base/errors";
import type { Control } from "../../base/types";
import {
  type ArtifactFacts,
  type ArtifactPlace,
  artifactKey,
  artifactPlace,
  canonicalJson,
  codeVersion,
  folderPlace,
  type JsonObject,
  type Artifact as StoredArtifact,
} from "../../store/artifact";
import { type FolderDraft, keepFolder } from "../../store/folder";
import type { StageHealth } from "../../training/health";
import type { Run } from "../run";

/** What a stage's manifest says beyond what every artifact's says. */
export interface StageFacts extends ArtifactFacts {
  /** What a training says of itself; absent where nothing is trained. */
  readonly health?: StageHealth;
}

/** The result of a stage: a folder of files with a manifest. */
export type Artifact = StoredArtifact<StageFacts>;

/** What `compute` gets besides its folder. */
export interface StageContext {
  readonly key: string;
  readonly workDir: string;
  /** A folder for checkpoints: it survives an interruption and is left out of the artifact. */
  readonly resumeDir: string;
  /** "resumed" when an earlier process left something in `workDir`. */
  readonly begun: "fresh" | "resumed";
  /** The stage's seed: every draw of the computation derives from it. */
  readonly seed: number;
  readonly control: Control;
  /** Writes the health of a training into the manifest. */
  readonly report: (health: StageHealth) => void;
}

/**
 * A stage as a value: what it is called, what decides its result, and how to compute it. Making the value opens nothing and costs
 * nothing: its key is known (`stageKey`) before there is any result, and what it reads is opened by `compute` alone.
 */
export interface Stage {
  /** Lower-case words joined by "-": the folder below the artifacts folder. */
  readonly name: string;
  /** Number of the stage's code, ≥ 1; raise it when a change of that code changes its results. */
  readonly version: number;
  /** All options that change the result, and only those: plain JSON. */
  readonly config: object;
  /** Artifacts and other inputs, by their keys, and fingerprints of data. */
  readonly inputs: readonly (string | { readonly key: string })[];
  /** Default the run's. A stage that all runs share has its own. */
  readonly seed?: number;
  /** Writes the result's files into `workDir`, which stays the same over restarts. */
  readonly compute: (workDir: string, context: StageContext) => Promise<void>;
}

/** A stage whose result can be opened as something to work with. */
export interface StageOf<T> extends Stage {
  /** Reads the result; what it opens is the caller's to dispose of. */
  readonly open: (artifact: Artifact) => Promise<T>;
}

/** What a stage reads: its key is known from the start; it is opened only where it is computed with, and stays its owner's. */
export interface Input<T> {
  readonly key: string;
  open(): Promise<T>;
}

const FIELDS: readonly (keyof StageOf<unknown>)[] = ["name", "version", "config", "inputs", "seed", "compute", "open"];
const FOLDER_FAULTS = ["ENOSPC", "EFBIG", "EDQUOT", "EACCES", "EPERM", "EROFS", "ENOTDIR", "ENAMETOOLONG"];

/** What a stage's key is made of, in this run, and where its result lies. */
interface Located {
  readonly config: JsonObject;
  readonly inputs: readonly string[];
  readonly seed: number;
  readonly place: ArtifactPlace;
}

function locate(run: Run, stage: Stage): Located {
  assertKnownKeys("runStage:", stage, FIELDS);
  const { name, version, seed = run.seed } = stage;
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    throw new ConfigError(`runStage: name must be lower-case words joined by "-"; got ${JSON.stringify(name)}.`, {
      name,
    });
  }
  assertInteger("runStage: version", version, 1);
  const config = JSON.parse(canonicalJson(stage.config, `${name}.config`)) as JsonObject;
  const inputs = stage.inputs.map((input) => (typeof input === "string" ? input : input.key));
  const key = artifactKey({ stage: name, version, config, inputs, seed, backend: run.backend.backend });
  return { config, inputs, seed, place: artifactPlace(run.artifactsDir, name, key) };
}

/**
 * The name of a stage's artifact: a hash of everything that decides it (name, version, config, input keys, seed, backend).
 *
 * @throws ConfigError on a bad name, version or config.
 */
export function stageKey(run: Run, stage: Stage): string {
  return locate(run, stage).place.key;
}

/** A stage's artifact as another stage's input: opening it finds the artifact, or computes it first. */
export function artifactOf(run: Run, stage: Stage): Input<Artifact> {
  return { key: stageKey(run, stage), open: () => runStage(run, stage) };
}

/** An opened result as a stage's input. */
export function opened<T extends { readonly artifact: Artifact }>(value: T): Input<T> {
  return { key: value.artifact.key, open: async () => value };
}

/** Options of runStage. */
interface RunStageOptions {
  /** What is done about a stage that another process is at work on. Default "wait"; "refuse" throws (see isStageHeld). */
  readonly whenHeld?: "wait" | "refuse";
}

/**
 * Finds a stage's result, or computes it. The result is a folder named by the hash of everything that decides it (`stageKey`),
 * written beside its place and renamed when complete: an interrupted computation leaves nothing half-made and goes on from its
 * own checkpoints; two processes at once compute it once. A damaged artifact is computed again, with a warning (code "artifact-damaged").
 *
 * @throws ConfigError on a bad name, version or config. EnvironmentError when the folder is full or not writable.
 * StateError when another process computes it and is not waited for. InterruptedError when the signal is aborted while
 * waiting; whatever `compute` throws.
 */
export async function runStage(run: Run, stage: Stage, { whenHeld = "wait" }: RunStageOptions = {}): Promise<Artifact> {
  const located = locate(run, stage);
  const { place } = located;
  try {
    const kept = await keepFolder<StageFacts>(folderPlace(place), (draft) => compute(run, stage, located, draft), {
      where: "runStage",
      what: stage.name,
      afterInterruption: "goOn",
      whenHeld,
      control: run.control,
    });
    return { stage: stage.name, key: place.key, ...kept };
  } catch (error) {
    throw explain(error, run, stage.name);
  }
}

/** Finds a stage's result, or computes it, and opens it. @throws as runStage. */
export async function useStage<T>(run: Run, stage: StageOf<T>): Promise<T> {
  return stage.open(await runStage(run, stage));
}

/** Whether this is runStage's answer to `whenHeld: "refuse"`: another process computes the stage. */
export function isStageHeld(error: unknown): error is StateError {
  return isKernelError(error, "state") && "heldBy" in error.details;
}

/** Computes the files of a stage into its work folder; returns the facts for its manifest. */
async function compute(run: Run, stage: Stage, located: Located, draft: FolderDraft): Promise<StageFacts> {
  const { config, inputs, seed, place } = located;
  const { key } = place;
  const { folder: workDir, resumeDir, begun } = draft;
  let health: StageHealth | undefined;
  const report = (found: StageHealth): void => {
    health = found;
  };
  const started = new Date();
  await stage.compute(workDir, { key, workDir, resumeDir, begun, seed, control: run.control, report });
  const finished = new Date();
  return {
    stage: stage.name,
    version: stage.version,
    key,
    config,
    inputs,
    seed,
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
 * Says what a stage's manifest found wrong with it, one warning a finding (code "health"), whether the stage was computed now or
 * found: a sick stage is never averaged away in silence.
 *
 * @returns the manifest's health, null where the stage has none.
 */
export function sayHealth(run: Run, artifact: Artifact, name: string): StageHealth | null {
  const { health } = artifact.manifest;
  for (const { sign, seen, advice } of health?.findings ?? []) {
    run.control.onWarn?.("health", `${name}: ${sign}: ${seen}. ${advice}`, { stage: artifact.stage, sign, seen });
  }
  return health ?? null;
}
