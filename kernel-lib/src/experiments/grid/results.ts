import type { Difference, Measurement } from "../../analysis/measurement";
import { aggregateSeeds, type SeedSummary } from "../../metrics/seeds";
import { artifactPlace } from "../../store/artifact";
import { readJson } from "../../store/files";
import type { Run } from "../run";
import { PREDICTIONS_VERSION, type Predictions, readPredictions } from "../stages/predictions";
import { type EvaluateResult, RESULTS_VERSION } from "../stages/results";
import { type CellRecord, readCells } from "./records";
import { findStored } from "./session";

/** Which cell of a grid a row belongs to. */
export type CellName = Pick<CellRecord, "profile" | "source" | "task" | "backbone" | "seed">;

/** The answers of one system on one task with one reader and seed. */
export interface GridPredictions extends CellName {
  readonly predictions: Predictions;
  /** As the grid names it ("no-prior"); the predictions themselves name their label ("no prior"). */
  readonly system: string;
}

/** Everything a grid has stored. */
export interface GridRows {
  readonly predictions: readonly GridPredictions[];
  /** Rows of the results frame, with their cell. */
  readonly results: readonly (Measurement & CellName)[];
  /** Paired differences to FT RAG (or the first system without it), with their cell. */
  readonly differences: readonly (Difference & CellName)[];
}

const VERSIONS = { predictions: PREDICTIONS_VERSION, results: RESULTS_VERSION } as const;

/** Which rows; a name that is left out does not matter. */
export type GridRowsFilter = Partial<CellName>;

/**
 * All predictions and results that grids have stored in an artifacts folder, read from disk: no data, model or backend is opened.
 * A run means its own folder, profile and source. Results of predictions that have been made anew since are left out.
 *
 * @param filter which rows. Default all.
 * @example const { results } = await gridResults(run, { task: "derma-mnist" })
 * @example const rows = resultsFrame((await gridResults("data/artifacts")).results)
 */
export async function gridResults(place: Run | string, filter: GridRowsFilter = {}): Promise<GridRows> {
  const { folder, cells } = await cellsOf(place, filter);
  const current = new Set(cells.filter(({ kind }) => kind === "predictions").map(({ key }) => key));
  const seen = new Set<string>();
  const predictions: GridPredictions[] = [];
  const results: (Measurement & CellName)[] = [];
  const differences: (Difference & CellName)[] = [];
  for (const cell of cells) {
    const at = artifactPlace(folder, cell.kind, cell.key);
    const stored = await findStored(at, "look"); // null: pruned or damaged since; the next run of the grid makes it again
    if (stored?.manifest.version !== VERSIONS[cell.kind]) continue; // files of an older version may have another form
    const name = nameOf(cell);
    if (cell.kind === "predictions") {
      predictions.push({ ...name, system: cell.system!, predictions: readPredictions(at.folder) });
    } else if (cell.answers.every((key) => current.has(key))) {
      const { rows, differences: found } = readJson<EvaluateResult>(at.folder, "results.json");
      results.push(...rows.map((row) => ({ ...row, ...name })).filter((row) => isNew(seen, row)));
      differences.push(...found.map((row) => ({ ...row, ...name })).filter((row) => isNew(seen, row)));
    }
  }
  return { predictions, results, differences };
}

/** The cells that a place's grids have recorded, those of a filter. */
export async function cellsOf(
  place: Run | string,
  filter: GridRowsFilter,
): Promise<{ readonly folder: string; readonly cells: readonly CellRecord[] }> {
  const folder = typeof place === "string" ? place : place.artifactsDir;
  const own: GridRowsFilter = typeof place === "string" ? {} : { profile: place.profile, source: place.source };
  const wanted = Object.entries({ ...own, ...filter }) as [keyof CellName, unknown][];
  const all = await readCells(folder);
  return { folder, cells: all.filter((cell) => wanted.every(([name, value]) => cell[name] === value)) };
}

/** Results of overlapping sets of systems hold the same row twice. */
function isNew(seen: Set<string>, row: (Measurement | Difference) & CellName): boolean {
  const { profile, source, task, backbone, seed, system, metric } = row;
  const baseline = "baseline" in row ? row.baseline : "";
  const name = JSON.stringify([profile, source, task, backbone, seed, system, metric, baseline]);
  return !seen.has(name) && seen.add(name) !== undefined;
}

export function nameOf({ profile, source, task, backbone, seed }: CellRecord): CellName {
  return { profile, source, task, backbone, seed };
}

/** A number with its interval: over test questions (bootstrap) with one seed, over seeds (Student's t) with several. */
interface SummaryNumber {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** One line of the results table: a system on a task, averaged over seeds. */
export interface SummaryRow extends SummaryNumber {
  readonly task: string;
  readonly backbone: string;
  readonly system: string;
  readonly metric: string;
  /** Questions per seed. */
  readonly n: number;
  readonly seeds: number;
  readonly interval: "bootstrap" | "seeds";
  /** Paired, system minus baseline, seed by seed; null for the baseline itself. */
  readonly difference: (SummaryNumber & { readonly baseline: string }) | null;
}

type Named = CellName & Pick<Measurement, "system" | "metric">;

/** Averages stored rows over their seeds, in the order in which they come. */
export function summarizeGrid({ results, differences }: Pick<GridRows, "results" | "differences">): SummaryRow[] {
  const paired = groupRows(differences);
  return [...groupRows(results)].map(([name, rows]): SummaryRow => {
    const { task, backbone, system, metric, n } = rows[0]!;
    const found = paired.get(name);
    return {
      ...{ task, backbone, system, metric, ...averageOf(rows), n, seeds: rows.length },
      interval: rows.length === 1 ? "bootstrap" : "seeds",
      difference: found === undefined ? null : differenceOf(found),
    };
  });
}

function groupRows<T extends Named>(rows: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const name = JSON.stringify([row.task, row.backbone, row.system, row.metric]);
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return groups;
}

/** With one seed its own bootstrap interval; with several the interval of their mean. */
function averageOf(rows: readonly SummaryNumber[]): SummaryNumber {
  if (rows.length === 1) {
    const { value, low, high } = rows[0]!;
    return { value, low, high };
  }
  const { value, low, high }: SeedSummary = aggregateSeeds(rows.map((row) => row.value));
  return { value, low, high };
}

/** Differences to the same baseline only: a seed without FT RAG may have another one. */
function differenceOf(rows: readonly Difference[]): SummaryRow["difference"] {
  const { baseline } = rows[0]!;
  return { ...averageOf(rows.filter((row) => row.baseline === baseline)), baseline };
}
