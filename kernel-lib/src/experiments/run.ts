import { join, resolve } from "node:path";
import { assertKnownKeys, assertOneOf, assertSeed } from "../base/check";
import { repositoryRoot } from "../base/paths";
import { type Control, DATA_SOURCES, type DataSource } from "../base/types";
import { type BackendReport, openBackend } from "../compute/backend";

/**
 * How much a run computes: "quick" is the notebooks' size (minutes on a laptop), "full" that with every reader, seed and system of
 * the grid (hours), "paper" the paper's own numbers (for real models), "test" the size of tests (seconds).
 */
export const PROFILES = ["quick", "full", "paper", "test"] as const;
export type ProfileName = (typeof PROFILES)[number];

/** Options of openRun; every one has a default. */
export interface RunOptions {
  /** Default "quick". */
  readonly profile?: ProfileName;
  /** Whole number in [0, 2³² - 1]; every random draw of the run derives from it. Default 7. */
  readonly seed?: number;
  /** Default "real" when a data folder is named (here or by JOMED_DATA_DIR), else "phantom". */
  readonly source?: DataSource;
  /** Where stages keep their results. Default JOMED_ARTIFACTS_DIR, else data/artifacts of the repository. */
  readonly artifactsDir?: string;
  /** Where publishers' files lie. Default JOMED_DATA_DIR, else data/raw of the repository. */
  readonly dataDir?: string;
  /** How to watch and stop the run's long steps. Default: not at all. */
  readonly control?: Control;
}

/** What every verb takes first: the settings of one run, resolved, with the backend open. */
export interface Run {
  readonly profile: ProfileName;
  readonly seed: number;
  readonly source: DataSource;
  readonly artifactsDir: string;
  readonly dataDir: string;
  readonly control: Control;
  readonly backend: BackendReport;
}

const OPTION_NAMES: readonly (keyof RunOptions)[] = ["profile", "seed", "source", "artifactsDir", "dataDir", "control"];

function fromEnvironment(name: string): string | undefined {
  const value = process.env[name];
  return value === undefined || value === "" ? undefined : value;
}

/** Where stages keep their results when no folder is named: JOMED_ARTIFACTS_DIR, else data/artifacts of the repository. */
export function defaultArtifactsDir(): string {
  return fromEnvironment("JOMED_ARTIFACTS_DIR") ?? join(repositoryRoot(), "data", "artifacts");
}

/** Where publishers' files lie, and what data that means when no source is named. */
export function defaultDataDir(named = fromEnvironment("JOMED_DATA_DIR")): {
  readonly folder: string;
  readonly source: DataSource;
} {
  if (named !== undefined) return { folder: resolve(named), source: "real" };
  return { folder: join(repositoryRoot(), "data", "raw"), source: "phantom" };
}

/**
 * Opens a run: checks its settings, finds its folders and opens the TensorFlow.js backend.
 * For a run the environment variables JOMED_ARTIFACTS_DIR and JOMED_DATA_DIR are read here and nowhere else.
 *
 * @throws ConfigError on an unknown option or value. EnvironmentError outside a checkout when a folder is not named.
 * @example const run = await openRun({ profile: "quick", seed: 7 })
 */
export async function openRun(options: RunOptions = {}): Promise<Run> {
  assertKnownKeys("openRun:", options, OPTION_NAMES);
  const { profile = "quick", seed = 7, control = {} } = options;
  const data = defaultDataDir(options.dataDir);
  const source = options.source ?? data.source;
  assertOneOf("openRun: profile", profile, PROFILES);
  assertSeed("openRun: seed", seed);
  assertOneOf("openRun: source", source, DATA_SOURCES);
  return {
    profile,
    seed,
    source,
    artifactsDir: resolve(options.artifactsDir ?? defaultArtifactsDir()),
    dataDir: data.folder,
    control,
    backend: await openBackend(),
  };
}
