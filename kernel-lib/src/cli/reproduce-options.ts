import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { assertInteger, assertOneOf } from "../base/check";
import { ConfigError } from "../base/errors";
import type { DataSource } from "../base/types";
import { PROFILES, type ProfileName } from "../experiments/run";
import { parseParameter } from "../notebook/parameters";
import type { GridCommand } from "./grid";
import { GRID_USAGE, GRID_WORDS, readGridCommand } from "./grid-command";

/** What `npm run reproduce` was asked for, resolved. */
export interface ReproduceOptions {
  readonly profile: ProfileName;
  readonly seed: number;
  readonly source: DataSource;
  /** Beginnings of the names of the notebooks to run; empty: all. */
  readonly notebooks: readonly string[];
  /** Further values for the parameters cells. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Where executed notebooks and figures go: the tracked files, or a report folder beside nothing that is tracked. */
  readonly target: "tracked" | "report";
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
  --out DIR            write executed notebooks and figures there

${GRID_USAGE}`;

const DEFAULTS = { profile: "quick", seed: 7 } as const;
const SOURCES: readonly DataSource[] = ["phantom", "real"];
const MAX_SEED = 2 ** 32 - 1;
const MAX_NAME = 80;

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        notebook: { type: "string", multiple: true, default: [] },
        profile: { type: "string" },
        seed: { type: "string" },
        source: { type: "string" },
        param: { type: "string", multiple: true, default: [] },
        out: { type: "string" },
        ...GRID_WORDS,
      },
    }).values;
  } catch (cause) {
    throw new ConfigError(
      `reproduce: ${(cause as Error).message.split(". ")[0]}.\n${REPRODUCE_USAGE}`,
      { argv },
      cause,
    );
  }
}

function nameOf(source: string, profile: string, seed: number, parameters: Readonly<Record<string, unknown>>): string {
  const extra = Object.entries(parameters).map(([key, value]) => `-${key}=${JSON.stringify(value)}`);
  const full = `${source}-${profile}-${seed}${extra.join("")}`;
  const safe = full.replaceAll(/[^\w.=-]/g, "_");
  if (safe === full && safe.length <= MAX_NAME) return safe;
  return `${safe.slice(0, MAX_NAME - 9)}-${createHash("sha256").update(full).digest("hex").slice(0, 8)}`;
}

/**
 * Reads the command line and environment of `npm run reproduce`.
 * Only the default settings write into tracked files, so that pictures of real data never get there.
 *
 * @throws ConfigError on an unknown option or an impossible value.
 */
export function parseReproduce(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  root: string,
): ReproduceOptions {
  const values = parse(argv);
  const { profile = DEFAULTS.profile } = values;
  const data = env["JOMED_DATA_DIR"];
  const source = values.source ?? (data ? "real" : "phantom");
  const given = { profile: values.profile !== undefined, seed: values.seed !== undefined };
  const asked = values.seed ?? String(DEFAULTS.seed);
  let seed: unknown = /^\d+$/.test(asked) ? Number(asked) : asked;
  assertOneOf("reproduce: --profile", profile, PROFILES);
  assertOneOf("reproduce: --source", source, SOURCES);
  assertInteger("reproduce: --seed", seed, 0, MAX_SEED);
  const dataDir = data ? resolve(data) : null;
  const { notebook, param, out, source: _source, profile: _profile, seed: _seed, ...words } = values;
  const grid = readGridCommand(words, { profile, given, seed, source, dataDir });
  const { seeds } = grid?.options ?? {};
  if (seeds !== undefined && !seeds.includes(seed)) seed = seeds[0]; // the notebooks' seed is one of the grid's
  const parameters = Object.fromEntries(param.map(parseParameter));
  for (const [key, option] of [
    ["profile", "--profile"],
    ["seed", "--seed"],
    ["source", "--source"],
  ] as const)
    if (key in parameters)
      throw new ConfigError(`reproduce: --param must not name ${key}; got ${key}. Use ${option}.`, { key });
  const name = nameOf(source, profile, seed as number, parameters);
  const isDefault = name === nameOf("phantom", DEFAULTS.profile, DEFAULTS.seed, {}) && out === undefined;
  const report = out === undefined ? join(root, "data", "artifacts", "reports", name) : resolve(out);
  return {
    profile,
    seed: seed as number,
    source,
    notebooks: notebook,
    parameters,
    target: isDefault ? "tracked" : "report",
    notebooksDir: isDefault ? null : join(report, "notebooks"),
    figuresDir: isDefault ? resolve(env["JOMED_FIGURES_DIR"] || join(root, "figures")) : join(report, "figures"),
    dataDir,
    name,
    grid,
  };
}
