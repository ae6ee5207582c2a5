import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { type BoardLine, boardOf } from "../analysis/findings";
import type { Measurement } from "../analysis/measurement";
import type { SweepRow } from "../analysis/sweep";
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
export const resultsFile = (name: string): string => join(resultsFolder(), `${name}.json`);

/** Whether a report's table is stored. */
export const hasResults = (name: string): boolean => existsSync(resultsFile(name));

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

/**
 * The board of findings from the tables that are stored, of the reports that data/protocol.json names; no model is opened. A claim that no
 * stored table can judge is "not run".
 *
 * @throws DataError when a stored table is malformed.
 * @example kernel.storedBoard().map(({ claim, verdict }) => `${claim.says}: ${verdict}`)
 */
export function storedBoard(): BoardLine[] {
  const names = loadProtocol().reports.map(({ name }) => name);
  return boardOf(names.filter(hasResults).map((report) => ({ report, rows: loadResults(report).rows })));
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
