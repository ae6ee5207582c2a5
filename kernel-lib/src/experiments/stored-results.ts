import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { type BoardLine, boardOf } from "../analysis/findings";
import type { Measurement } from "../analysis/measurement";
import { orderSettings, type SweepRow } from "../analysis/sweep";
import { ConfigError, DataError } from "../base/errors";
import { repositoryRoot } from "../base/paths";
import type { CodeVersion } from "../store/artifact";
import { writeFileAtomic } from "../store/files";
import { loadProtocol, type ReportPlan } from "./protocol";

// The tables of reported runs, data/results/<name>.json: what pages, figures and notebooks show without a model.

/** Where a table of data/results comes from. */
export interface ResultsManifest extends Omit<ReportPlan, "tasks" | "sweep"> {
  /** All of them, a sweep's settings too. */
  readonly tasks: readonly string[];
  readonly kind: "systems" | "sweep";
  /** "reported": fresh seeds, as the protocol says. "trial": other seeds, never in data/results. */
  readonly status: "reported" | "trial";
  readonly madeAt: string;
  /** Commit, Node and platform. */
  readonly code: Pick<CodeVersion, "commit" | "node" | "platform">;
  readonly backend: string;
  /** Fingerprints of the encoder and of each reader. */
  readonly models: Readonly<Record<string, string>>;
  /** SHA-256 of data/protocol.json. */
  readonly protocol: string;
  /** SHA-256 of the keys of all predictions behind the rows. */
  readonly predictions: string;
  /** SHA-256 of the rows as JSON: a table that was edited by hand is refused. */
  readonly rows: string;
}

/** One number of a report: as any measurement, with its reader. */
export interface ReportedRow extends Measurement {
  readonly backbone: string;
}

/** The content of data/results/<name>.json. */
export interface ResultsTable {
  readonly manifest: ResultsManifest;
  readonly rows: readonly ReportedRow[] | readonly SweepRow[];
}

/** SHA-256 of a value as JSON. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** Where reported tables lie. */
export const resultsFolder = (): string => join(repositoryRoot(), "data", "results");

/** The file of a report's table. */
export const resultsFile = (name: string, folder: string = resultsFolder()): string => join(folder, `${name}.json`);

/** Whether a report's table is stored. */
export const hasResults = (name: string, folder?: string): boolean => existsSync(resultsFile(name, folder));

/**
 * The stored table of a report, as data/protocol.json names it: "casebook", "sweep" …
 *
 * @param file default data/results/<name>.json.
 * @throws DataError when it is missing, malformed, a trial, or its rows are not those that were written.
 * @example const { rows } = kernel.loadResults("sweep")
 */
export function loadResults(name: string, file: string = resultsFile(name)): ResultsTable {
  const shown = relative(repositoryRoot(), file);
  const refuse = (rule: string, cause?: unknown): DataError =>
    new DataError(
      `loadResults: ${shown} must ${rule}. Run \`npm run results -- ${name}\`, or restore it with git.`,
      { name, file },
      cause,
    );
  let found: ResultsTable;
  try {
    found = JSON.parse(readFileSync(file, "utf8")) as ResultsTable;
  } catch (cause) {
    throw refuse("be readable JSON", cause);
  }
  const { manifest, rows } = found;
  if (manifest?.name !== name || !Array.isArray(rows)) throw refuse(`hold the manifest and the rows of ${name}`);
  if (manifest.rows !== digestOf(rows)) throw refuse("hold the rows that its manifest was written with");
  if (manifest.status === "reported" || resolve(file) !== resultsFile(name)) return found;
  throw refuse("be of fresh seeds, not a trial");
}

/** Sweeps that are one table: where each comes from, and all their rows. */
export interface SweepTable {
  readonly manifests: readonly ResultsManifest[];
  /** In the order of the dials (`orderSettings`). */
  readonly rows: readonly SweepRow[];
}

/** The reports of data/protocol.json that are sweeps and stored, by name. */
export function storedSweeps(folder?: string): string[] {
  const sweeps = loadProtocol().reports.filter(({ sweep }) => sweep !== undefined);
  return sweeps.map(({ name }) => name).filter((name) => hasResults(name, folder));
}

/**
 * The sweep with all settings that are stored: the tables of every report of data/protocol.json that turns dials, as one.
 *
 * @param folder default data/results.
 * @throws DataError when none is stored, one is malformed, or a setting stands in two of them: each has one number, and none is chosen here.
 * @example const { rows } = kernel.loadSweep()
 */
export function loadSweep(folder: string = resultsFolder()): SweepTable {
  const shown = relative(repositoryRoot(), folder);
  const tables = storedSweeps(folder).map((name) => loadResults(name, resultsFile(name, folder)));
  if (tables.length === 0)
    throw new DataError(`loadSweep: ${shown} must hold a sweep; got none. Run \`npm run results -- sweep\`.`, {
      folder,
    });
  const manifests = tables.map(({ manifest }) => manifest);
  const tasks = manifests.flatMap((manifest) => manifest.tasks);
  const twice = tasks.find((task, at) => tasks.indexOf(task) < at);
  if (twice === undefined)
    return { manifests, rows: orderSettings(tables.flatMap(({ rows }) => rows as readonly SweepRow[])) };
  const both = manifests.flatMap((manifest) => (manifest.tasks.includes(twice) ? [manifest.name] : []));
  throw new DataError(
    `loadSweep: ${shown} must hold each setting in one sweep; got ${twice} in ${both.join(" and ")}. Load one of them with loadResults.`,
    { task: twice, reports: both },
  );
}

/**
 * The board of findings from the tables that are stored, of the reports that data/protocol.json names; no model is opened. A claim that no
 * stored table can judge is "not run". Sweeps are one report, "sweep".
 *
 * @param folder default data/results.
 * @throws DataError when a stored table is malformed.
 * @example kernel.storedBoard().map(({ claim, verdict }) => `${claim.says}: ${verdict}`)
 */
export function storedBoard(folder: string = resultsFolder()): BoardLine[] {
  const sweeps = storedSweeps(folder);
  const names = loadProtocol().reports.map(({ name }) => name);
  const tables = names.filter((name) => hasResults(name, folder) && !sweeps.slice(1).includes(name));
  return boardOf(
    tables.map((name) =>
      sweeps.includes(name)
        ? { report: "sweep", rows: loadSweep(folder).rows }
        : { report: name, rows: loadResults(name, resultsFile(name, folder)).rows },
    ),
  );
}

/**
 * Writes a table, one row a line. A trial does not get into data/results.
 *
 * @param file default data/results/<name>.json.
 * @throws ConfigError for a trial that would.
 */
export function writeResults(table: ResultsTable, file: string = resultsFile(table.manifest.name)): void {
  const { manifest, rows } = table;
  const isInside = !relative(resultsFolder(), resolve(file)).startsWith("..");
  if (manifest.status === "trial" && isInside) {
    throw new ConfigError(
      `writeResults: a trial on seeds ${manifest.seeds.join(", ")} must not be written to data/results; got ${file}. Name another place with --out.`,
      { file, seeds: manifest.seeds },
    );
  }
  const lines = rows.map((row) => JSON.stringify(row)).join(",\n");
  writeFileAtomic(file, `{"manifest":${JSON.stringify(manifest, null, 1)},\n"rows":[\n${lines}\n]}\n`);
}
