import { resolve } from "node:path";
import { assertKnownKeys, assertOneOf, assertSeed } from "../../base/check";
import { ConfigError } from "../../base/errors";
import { checkpointsFolder } from "../../base/paths";
import { DATA_SOURCES, type DataSource } from "../../base/types";
import { TASKS } from "../../data/tasks/tasks";
import { readerKinds, readersIn } from "../../models/architectures";
import { assertCorpusName, corpusFor } from "../../phantoms/load-corpus";
import { taskDefinition, tasksFrom } from "../../phantoms/load-task";
import { systemNames, systemOf } from "../../systems/systems";
import { profileOf } from "../profiles";
import { defaultArtifactsDir, defaultDataDir, PROFILES, type ProfileName } from "../run";
import { readerRecipe } from "./sizes";

/** Options of planGrid; a list that is left out is the profile's. */
export interface GridOptions {
  /** Default "quick". */
  readonly profile?: ProfileName;
  /** Default all published ones that have data of the source; one that is only drawn is to be named. */
  readonly tasks?: readonly string[];
  /** Readers by the names of their folders in data/checkpoints, or in `checkpointsDir`; "qwen2-vl:vision=frozen" leaves its vision tower untrained. */
  readonly backbones?: readonly string[];
  readonly seeds?: readonly number[];
  readonly systems?: readonly string[];
  /** As openRun's. */
  readonly source?: DataSource;
  readonly artifactsDir?: string;
  readonly dataDir?: string;
  /** Searched for every task. Default the one that is drawn for it (`corpusFor`). */
  readonly corpus?: string;
  /** Folder with the encoder, clip, and a folder for each reader. Default data/checkpoints. */
  readonly checkpointsDir?: string;
}

/** The options, resolved and checked; plain data. */
export interface GridSettings {
  readonly profile: ProfileName;
  readonly tasks: readonly string[];
  readonly backbones: readonly string[];
  readonly seeds: readonly number[];
  readonly systems: readonly string[];
  readonly source: DataSource;
  readonly artifactsDir: string;
  readonly dataDir: string;
  /** Null: the one drawn for each task (see corpusOf). */
  readonly corpus: string | null;
  readonly checkpointsDir: string | null;
}

const KEYS: readonly (keyof GridOptions)[] = [
  "profile",
  "tasks",
  "backbones",
  "seeds",
  "systems",
  "source",
  "artifactsDir",
  "dataDir",
  "corpus",
  "checkpointsDir",
];

/**
 * Fills in and checks what a grid is made of. Names come in the order they are asked for, each once.
 *
 * @throws ConfigError on an unknown option or name (the message lists the known ones) or an empty list.
 */
export function resolveGrid(options: GridOptions): GridSettings {
  assertKnownKeys("planGrid:", options, KEYS);
  const { profile = "quick", corpus = null } = options;
  assertOneOf("planGrid: profile", profile, PROFILES);
  const { grid } = profileOf(profile);
  const allSystems = systemNames();
  const dataDir = defaultDataDir(options.dataDir);
  const source = options.source ?? dataDir.source;
  assertOneOf("planGrid: source", source, DATA_SOURCES);
  if (corpus !== null) assertCorpusName("planGrid: corpus", corpus);
  const seeds = each("seeds", options.seeds ?? grid.seeds);
  for (const seed of seeds) assertSeed("planGrid: seeds", seed);
  for (const task of options.tasks ?? []) taskDefinition(task, "planGrid: tasks");
  const systems = options.systems ?? (grid.systems === "all" ? systemNames().filter(isOurs) : grid.systems);
  return {
    profile,
    tasks: each("tasks", options.tasks ?? gridTasks(source)),
    backbones: readers(options, options.backbones ?? grid.backbones),
    seeds,
    systems: names("systems", systems, allSystems),
    source,
    artifactsDir: resolve(options.artifactsDir ?? defaultArtifactsDir()),
    dataDir: dataDir.folder,
    corpus,
    checkpointsDir: options.checkpointsDir === undefined ? null : resolve(options.checkpointsDir),
  };
}

/** What a grid runs unless told otherwise: every published task that has data of the source. */
export function gridTasks(source: DataSource): readonly string[] {
  return tasksFrom(source).filter((name) => TASKS.has(name));
}

/** Every architecture, and what else lies in the folder. */
function knownReaders({ checkpointsDir = checkpointsFolder() }: GridOptions): string[] {
  return [...new Set([...readerKinds(), ...readersIn(checkpointsDir)])];
}

/** Names of readers, each of a model that is known. */
function readers(options: GridOptions, asked: readonly string[]): string[] {
  const known = knownReaders(options);
  for (const name of asked) assertOneOf("planGrid: backbones", readerRecipe(name).model, known);
  return each("backbones", asked);
}

/** Whether a system needs no server, and so belongs to "all". */
function isOurs(name: string): boolean {
  return systemOf("planGrid: systems", name).kind !== "served";
}

/** The corpus that is searched for a task. */
export function corpusOf({ corpus }: GridSettings, task: string): string {
  return corpus ?? corpusFor(task);
}

function each<T>(list: string, asked: readonly T[]): T[] {
  if (asked.length > 0) return [...new Set(asked)];
  throw new ConfigError(`planGrid: ${list} must name at least one; got none. Leave the option out for the profile's.`, {
    list,
  });
}

function names<T extends string>(list: string, asked: readonly string[], known: readonly T[]): T[] {
  for (const name of asked) assertOneOf(`planGrid: ${list}`, name, known);
  return each(list, asked) as T[];
}
