import { createHash } from "node:crypto";
import { ConfigError } from "../base/errors";
import type { DataSource } from "../base/types";
import { type GridOptions, resolveGrid } from "../experiments/grid/options";
import type { ProfileName } from "../experiments/run";
import { TASK_NAMES } from "../phantoms/load-task";
import type { GridCommand } from "./grid";

/** What the command line says of a grid, as given. */
export interface GridWords {
  readonly tasks?: string | undefined;
  readonly backbones?: string | undefined;
  readonly seeds?: string | undefined;
  readonly systems?: string | undefined;
  readonly corpus?: string | undefined;
  readonly checkpoints?: string | undefined;
  readonly "dry-run"?: boolean | undefined;
  readonly status?: boolean | undefined;
}

/** Options for parseArgs. */
export const GRID_WORDS = {
  tasks: { type: "string" },
  backbones: { type: "string" },
  seeds: { type: "string" },
  systems: { type: "string" },
  corpus: { type: "string" },
  checkpoints: { type: "string" },
  "dry-run": { type: "boolean" },
  status: { type: "boolean" },
} as const;

export const GRID_USAGE = `the grid of experiments (named by --profile quick, full or paper, or by one of its lists; it runs before the notebooks):
  --tasks a,b          names of tasks, or all
  --backbones a,b      readers: qwen2-vl, pixtral
  --seeds 7,8          seeds of the trainings
  --systems a,b        closed-book, ft-rag, text-head, image-head, jomed, and the ablations; all: every one
  --corpus NAME        what is searched for every task; default phantom-pool, for breast-mnist phantom
  --checkpoints DIR    folder with the models clip, qwen2-vl and pixtral; default data/checkpoints
  --dry-run            only say what would run, what is there and how long the rest takes
  --status             only say what is done, running (and by whom), stopped, failed or missing`;

/** What decides besides the grid's own words. */
export interface GridSetting {
  readonly profile: ProfileName;
  /** Whether --profile and --seed were given. */
  readonly given: { readonly profile: boolean; readonly seed: boolean };
  readonly seed: number;
  readonly source: DataSource;
  readonly dataDir: string | null;
}

/**
 * The grid that a command line asks for; null when it names none.
 *
 * @throws ConfigError on an unknown name (the message lists the known ones), a seed that is none, or options that contradict.
 */
export function readGridCommand(words: GridWords, setting: GridSetting): GridCommand | null {
  const asked = Object.values(words).some((word) => word !== undefined);
  const { profile, given, seed, source, dataDir } = setting;
  if (!asked && !(given.profile && profile !== "test")) return null;
  if (words["dry-run"] && words.status) {
    throw new ConfigError("reproduce: --dry-run and --status must not be given together; leave one out.");
  }
  if (given.seed && words.seeds !== undefined) {
    throw new ConfigError("reproduce: --seed and --seeds must not be given together; name every seed in --seeds.");
  }
  const seeds = words.seeds !== undefined ? listOf("seeds", words.seeds).map(toSeed) : given.seed ? [seed] : undefined;
  const options: GridOptions = {
    profile,
    source,
    ...(dataDir === null ? {} : { dataDir }),
    ...(words.tasks === undefined ? {} : { tasks: allOr(listOf("tasks", words.tasks), TASK_NAMES) }),
    ...(words.backbones === undefined ? {} : { backbones: listOf("backbones", words.backbones) }),
    ...(seeds === undefined ? {} : { seeds }),
    ...(words.systems === undefined ? {} : { systems: allOr(listOf("systems", words.systems), everySystem()) }),
    ...(words.corpus === undefined ? {} : { corpus: words.corpus }),
    ...(words.checkpoints === undefined ? {} : { checkpointsDir: words.checkpoints }),
  };
  resolveGrid(options); // refuses wrong names before anything starts
  const verb = words["dry-run"] ? "dry" : words.status ? "status" : "run";
  return { options, verb, name: nameOf(options, { profile, source }) };
}

function listOf(option: string, text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.every((name) => name !== "")) return names;
  throw new ConfigError(`reproduce: --${option} must be names joined by commas; got ${JSON.stringify(text)}.`, {
    text,
  });
}

function allOr(names: string[], all: readonly string[]): readonly string[] {
  return names.length === 1 && names[0] === "all" ? all : names;
}

/** Every system of the grid, as profile "full" runs them. */
function everySystem(): readonly string[] {
  return resolveGrid({ profile: "full" }).systems;
}

function toSeed(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new ConfigError(`reproduce: --seeds must be whole numbers joined by commas; got ${JSON.stringify(text)}.`, {
    text,
  });
}

/** "grid-phantom-quick" for a profile's own grid, with a short hash for every other. */
function nameOf(options: GridOptions, { profile, source }: { profile: ProfileName; source: DataSource }): string {
  const selection = (of: GridOptions): string => {
    const { tasks, backbones, seeds, systems, corpus, checkpointsDir } = resolveGrid(of);
    return JSON.stringify([tasks, backbones, seeds, systems, corpus, checkpointsDir]);
  };
  const own = selection(options);
  const name = `grid-${source}-${profile}`;
  if (own === selection({ profile, source })) return name;
  return `${name}-${createHash("sha256").update(own).digest("hex").slice(0, 8)}`;
}
