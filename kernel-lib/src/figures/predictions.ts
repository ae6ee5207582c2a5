import { DataError } from "../base/errors";
import { type Share, shareDifference, shareOf } from "./dot-plot";
import { contextOf } from "./results";
import { distinct, groupRows, numberIn, numberOrNull, type Row, rowsOf, type Table, textIn } from "./rows";
import type { FigureContext } from "./theme";

/** What the figures read of one system's predictions. */
export interface SystemPredictions {
  readonly system: string;
  readonly rows: readonly Row[];
  /** Share of right answers. */
  readonly accuracy: Share;
  /** Share of queries where at least one reading is right; null for systems that read only once. */
  readonly oracle: Share | null;
  /** Queries whose readings give different answers. */
  readonly inconsistent: Share | null;
}

/**
 * Reads a predictions frame (system, exampleId, correct, numReadings, distinctLabels, oracleCorrect …), system by system.
 *
 * @throws DataError when rows are missing, lack a column, or a system answers one example twice.
 */
export function readPredictions(
  where: string,
  table: Table,
): { systems: SystemPredictions[]; context: FigureContext; rows: Row[] } {
  const rows = rowsOf(where, table, ["system", "exampleId", "correct", "numReadings", "distinctLabels"]);
  const systems = [...groupRows(rows, "system")].map(([system, own]) => summarise(where, system, own));
  const counts = new Set(systems.map((entry) => entry.rows.length));
  const n = counts.size === 1 ? { n: systems[0]!.rows.length } : {};
  return { systems, context: { ...contextOf(rows), ...n }, rows };
}

function summarise(where: string, system: string, rows: readonly Row[]): SystemPredictions {
  if (distinct(rows, "exampleId").length !== rows.length) {
    throw new DataError(
      `${where} must hold one row per system and example; got several for ${system}. Keep one seed.`,
      {
        system,
      },
    );
  }
  const many = rows.some((row) => numberIn(where, row, "numReadings") > 1);
  const known = many && rows.every((row) => numberOrNull(row, "oracleCorrect") !== null);
  const share = (test: (row: Row) => boolean): Share => shareOf(rows.map(test), rows.map(groupOf));
  return {
    system,
    rows,
    accuracy: share(isRight),
    oracle: known ? share((row) => numberOrNull(row, "oracleCorrect") === 1) : null,
    inconsistent: many ? share(isInconsistent) : null,
  };
}

/** Whether the fused answer is the true one. */
function isRight(row: Row): boolean {
  return numberIn("predictions", row, "correct") === 1;
}

/** Whether the readings of a query give different answers. */
export function isInconsistent(row: Row): boolean {
  return numberIn("predictions", row, "distinctLabels") > 1;
}

/** The unit of resampling: patient or image group where known, else the example itself. */
function groupOf(row: Row): string {
  return textIn(row, row["group"] === undefined || row["group"] === null ? "exampleId" : "group");
}

function chosen(entry: SystemPredictions, exampleIds: ReadonlySet<string>): Row[] {
  return entry.rows.filter((row) => exampleIds.has(textIn(row, "exampleId")));
}

/** Right answers of a system on the queries named, or null when there are none. */
export function accuracyOn(entry: SystemPredictions, exampleIds: ReadonlySet<string>): Share | null {
  const rows = chosen(entry, exampleIds);
  return rows.length === 0 ? null : shareOf(rows.map(isRight), rows.map(groupOf));
}

/** Accuracy of `first` minus that of `second` on the queries named, both on the same drawn queries. */
export function accuracyDifference(
  first: SystemPredictions,
  second: SystemPredictions,
  exampleIds: ReadonlySet<string>,
): Share {
  const rows = chosen(first, exampleIds);
  const other = new Map(second.rows.map((row) => [textIn(row, "exampleId"), isRight(row)]));
  const rights = rows.map((row) => other.get(textIn(row, "exampleId")) ?? false);
  return shareDifference(rows.map(isRight), rights, rows.map(groupOf));
}
