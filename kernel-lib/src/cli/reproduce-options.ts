import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { assertOneOf, assertSeed } from "../base/check";
import { ConfigError } from "../base/errors";
import { DATA_SOURCES, type DataSource } from "../base/types";
import { type GridOptions, gridTasks, resolveGrid } from "../experiments/grid/options";
import { PROFILES, type ProfileName } from "../experiments/run";
import { readerKinds } from "../models/architectures";
import { parseParameter } from "../notebook/parameters";
import { systemNames } from "../systems/systems";
import { readWords } from "./command";
import type { GridCommand } from "./grid";

/** The command line of `npm run reproduce`: first what it says of a grid of experiments, then the rest. */

/** What the command line says of a grid, as given. */
interface GridWords {
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
const GRID_WORDS = {
  tasks: { type: "string" },
  backbones: { type: "string" },
  seeds: { type: "string" },
  systems: { type: "string" },
  corpus: { type: "string" },
  checkpoints: { type: "string" },
  "dry-run": { type: "boolean" },
  status: { type: "boolean" },
} as const;

const GRID_USAGE = `the grid of experiments (named by --profile quick, full or paper, or by one of its lists; it runs before the notebooks):
  --tasks a,b          names of tasks, or all
  --backbones a,b      readers: ${readerKinds().join(", ")}; with :vision=frozen behind it, one whose vision tower is not trained
  --seeds 7,8          seeds of the trainings
  --systems a,b        ${systemNames("system").join(", ")}, ${systemNames("compared").join(", ")}, controls and ablations; all: every one but those of a served model, ${systemNames("served").join(", ")}
  --corpus NAME        what is searched for every task; default the one that is drawn for it
  --checkpoints DIR    folder with the encoder, clip, and a folder for each reader; default data/checkpoints
  --dry-run            only say what would run, what is there and how long the rest takes
  --status             only say what is done, running (and by whom), stopped, failed or missing`;

/** What decides besides the grid's own words. */
interface GridSetting {
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
function readGridCommand(words: GridWords, setting: GridSetting): GridCommand | null {
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
    ...(words.tasks === undefined ? {} : { tasks: allOr(listOf("tasks", words.tasks), gridTasks(source)) }),
    ...(words.backbones === undefined ? {} : { backbones: listOf("backbones", words.backbones) }),
    ...(seeds === undefined ? {} : { seeds }),
    ...(words.systems === undefined ? {} : { systems: allOr(listOf("systems", words.systems), everySystem()) }),
    ...(words.corpus === undefined ? {} : { corpus: words.corpus }),
    ...(words.checkpoints === undefined ? {} : { checkpointsDir: words.checkpoints }),
  };
  resolveGrid(options); // refuses wrong names before anything starts
  const verb = words["dry-run"] ? "dry" : words.status ? "status" : "run";
  return { options, verb, name: gridName(options, { profile, source }) };
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
function gridName(options: GridOptions, { profile, source }: { profile: ProfileName; source: DataSource }): string {
  const selection = (of: GridOptions): string => {
    const { tasks, backbones, seeds, systems, corpus, checkpointsDir } = resolveGrid(of);
    return JSON.stringify([tasks, backbones, seeds, systems, corpus, checkpointsDir]);
  };
  const own = selection(options);
  const name = `grid-${source}-${profile}`;
  if (own === selection({ profile, source })) return name;
  return `${name}-${createHash("sha256").update(own).digest("hex").slice(0, 8)}`;
}

/** What `npm run reproduce` was asked for, resolved. */
export interface ReproduceOptions {
  readonly profile: ProfileName;
  readonly seed: number;
  readonly source: DataSource;
  /** Beginnings of the names of the notebooks to run; empty: all. */
  readonly notebooks: readonly string[];
  /** Further values for the parameters cells. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Whether the notebooks run as they are, or with other values in their parameters cells. */
  readonly settings: "default" | "chosen";
  /** Where executed notebooks and figures go: a report folder beside nothing that is tracked, or the committed files. */
  readonly target: "report" | "committed";
  /** Folder of the executed notebooks; null: in place. */
  readonly notebooksDir: string | null;
  readonly figuresDir: string;
  readonly dataDir: string | null;
  /** Short name of these settings, usable as a file name. */
  readonly name: string;
  /** What to compute before the notebooks; null: nothing. */
  readonly grid: GridCommand | null;
}

export const REPRODUCE_USAGE = `npm run reproduce -- [options]
  --notebook 03        only notebooks whose name begins so (may be repeated)
  --profile quick      quick (default), full, paper or test
  --seed 7             whole number; default 7
  --source phantom     phantom, or real (default when JOMED_DATA_DIR is set)
  --param name=value   another value of a parameters cell (may be repeated)
  --out DIR            write executed notebooks and figures there; default a folder of data/artifacts/reports
  --update             write over the committed notebooks and figures (default settings only)

${GRID_USAGE}`;

const DEFAULTS = { profile: "quick", seed: 7 } as const;
const MAX_NAME = 80;

function parse(argv: readonly string[]) {
  return readWords(
    {
      args: [...argv],
      options: {
        notebook: { type: "string", multiple: true, default: [] },
        profile: { type: "string" },
        seed: { type: "string" },
        source: { type: "string" },
        param: { type: "string", multiple: true, default: [] },
        out: { type: "string" },
        update: { type: "boolean", default: false },
        ...GRID_WORDS,
      },
    },
    REPRODUCE_USAGE,
    "reproduce: ",
  ).values;
}

function settingsName(
  source: string,
  profile: string,
  seed: number,
  parameters: Readonly<Record<string, unknown>>,
): string {
  const extra = Object.entries(parameters).map(([key, value]) => `-${key}=${JSON.stringify(value)}`);
  const full = `${source}-${profile}-${seed}${extra.join("")}`;
  const safe = full.replaceAll(/[^\w.=-]/g, "_");
  if (safe === full && safe.length <= MAX_NAME) return safe;
  return `${safe.slice(0, MAX_NAME - 9)}-${createHash("sha256").update(full).digest("hex").slice(0, 8)}`;
}

function readSeed(text: string): number {
  const seed: unknown = /^\d+$/.test(text) ? Number(text) : text;
  assertSeed("reproduce: --seed", seed);
  return seed;
}

const DEFAULT_NAME = settingsName("phantom", DEFAULTS.profile, DEFAULTS.seed, {});

/** Values of parameters cells; those that have an option of their own are refused. */
function readParameters(texts: readonly string[]): Readonly<Record<string, unknown>> {
  const parameters = Object.fromEntries(texts.map(parseParameter));
  for (const key of ["profile", "seed", "source"]) {
    if (!(key in parameters)) continue;
    throw new ConfigError(`reproduce: --param must not name ${key}; got ${key}. Use --${key}.`, { key });
  }
  return parameters;
}

/** Where a run writes. */
type Place = Pick<ReproduceOptions, "target" | "notebooksDir" | "figuresDir">;

/** The committed files are only written over by the option that says so, and never with other settings than theirs. */
function committedPlace(root: string, name: string, out: string | undefined): Place {
  if (out !== undefined)
    throw new ConfigError("reproduce: --update and --out must not be given together; leave one out.", { out });
  if (name !== DEFAULT_NAME)
    throw new ConfigError(
      `reproduce: --update must go with the default settings (${DEFAULT_NAME}); got ${name}. Leave out --profile, --seed and --param, and use --source phantom where JOMED_DATA_DIR is set.`,
      { name },
    );
  return { target: "committed", notebooksDir: null, figuresDir: join(root, "figures") };
}

function reportPlace(folder: string): Place {
  return { target: "report", notebooksDir: join(folder, "notebooks"), figuresDir: join(folder, "figures") };
}

/**
 * Reads the command line and environment of `npm run reproduce`.
 * Only `--update` writes into committed files, and only phantoms with the default settings, so that a run leaves the working
 * tree as it was and pictures of real data never get there.
 *
 * @throws ConfigError on an unknown option, an impossible value, or `--update` with settings of one's own.
 */
export function parseReproduce(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  root: string,
): ReproduceOptions {
  const {
    notebook,
    param,
    out,
    update,
    source: namedSource,
    profile: namedProfile,
    seed: namedSeed,
    ...words
  } = parse(argv);
  const data = env["JOMED_DATA_DIR"];
  const dataDir = data ? resolve(data) : null;
  const profile = namedProfile ?? DEFAULTS.profile;
  const source = namedSource ?? (data ? "real" : "phantom");
  assertOneOf("reproduce: --profile", profile, PROFILES);
  assertOneOf("reproduce: --source", source, DATA_SOURCES);
  const askedSeed = readSeed(namedSeed ?? String(DEFAULTS.seed));
  const given = { profile: namedProfile !== undefined, seed: namedSeed !== undefined };
  const grid = readGridCommand(words, { profile, given, seed: askedSeed, source, dataDir });
  const { seeds } = grid?.options ?? {};
  const seed = seeds === undefined || seeds.includes(askedSeed) ? askedSeed : seeds[0]!; // one of the grid's
  const parameters = readParameters(param);
  const name = settingsName(source, profile, seed, parameters);
  const report = out === undefined ? join(root, "data", "artifacts", "reports", name) : resolve(out);
  return {
    profile,
    seed,
    source,
    notebooks: notebook,
    parameters,
    settings: name === DEFAULT_NAME ? "default" : "chosen",
    ...(update ? committedPlace(root, name, out) : reportPlace(report)),
    dataDir,
    name,
    grid,
  };
}
