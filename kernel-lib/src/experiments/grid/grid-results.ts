import { readJson } from "../artifact-io";
import type { DifferenceRow, EvaluateResult, EvaluationRow } from "../evaluate";
import { type Predictions, readPredictions } from "../prediction-files";
import type { Run } from "../run";
import { type CellRecord, readCells } from "./grid-record";
import { placeIn, thereIn } from "./locate-stages";

/** Which cell of a grid a row belongs to. */
export type CellName = Pick<CellRecord, "profile" | "source" | "task" | "backbone" | "seed">;

/** The answers of one system on one task with one reader and seed, by their form. */
export interface GridPredictions extends CellName, Predictions {
  /** As the grid names it ("no-prior"); the predictions themselves name their label ("no prior"). */
  readonly system: string;
}

/** Everything a grid has stored. */
export interface GridRows {
  readonly predictions: readonly GridPredictions[];
  /** Rows of the results frame, with their cell. */
  readonly results: readonly (EvaluationRow & CellName)[];
  /** Paired differences to FT RAG (or the first system without it), with their cell. */
  readonly differences: readonly (DifferenceRow & CellName)[];
}

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
  const folder = typeof place === "string" ? place : place.artifactsDir;
  const own: GridRowsFilter = typeof place === "string" ? {} : { profile: place.profile, source: place.source };
  const wanted = Object.entries({ ...own, ...filter }) as [keyof CellName, unknown][];
  const cells = (await readCells(folder)).filter((cell) => wanted.every(([name, value]) => cell[name] === value));
  const current = new Set(cells.filter(({ kind }) => kind === "predictions").map(({ key }) => key));
  const seen = new Set<string>();
  const predictions: GridPredictions[] = [];
  const results: (EvaluationRow & CellName)[] = [];
  const differences: (DifferenceRow & CellName)[] = [];
  for (const cell of cells) {
    const at = placeIn(folder, cell.kind, cell.key);
    if (!(await thereIn(at))) continue; // pruned or damaged since: the next run of the grid makes it again
    const name = nameOf(cell);
    if (cell.kind === "predictions") predictions.push({ ...name, system: cell.system!, ...readPredictions(at.folder) });
    else if (cell.answers.every((key) => current.has(key))) {
      const { rows, differences: found } = readJson<EvaluateResult>(at.folder, "results.json");
      results.push(...rows.map((row) => ({ ...row, ...name })).filter((row) => isNew(seen, row)));
      differences.push(...found.map((row) => ({ ...row, ...name })).filter((row) => isNew(seen, row)));
    }
  }
  return { predictions, results, differences };
}

/** Results of overlapping sets of systems hold the same row twice. */
function isNew(seen: Set<string>, row: (EvaluationRow | DifferenceRow) & CellName): boolean {
  const { profile, source, task, backbone, seed, system, metric } = row;
  const baseline = "baseline" in row ? row.baseline : "";
  const name = JSON.stringify([profile, source, task, backbone, seed, system, metric, baseline]);
  return !seen.has(name) && seen.add(name) !== undefined;
}

function nameOf({ profile, source, task, backbone, seed }: CellRecord): CellName {
  return { profile, source, task, backbone, seed };
}
