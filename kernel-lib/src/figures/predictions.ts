import { DataError } from "../base/errors";
import { contextOf } from "./results";
import { distinct, groupRows, numberIn, numberOrNull, type Row, rowsOf, type Table, textIn } from "./rows";
import { type Share, shareOf } from "./shares";
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
  if (distinct(rows, "exampleId").length !== rows.length && distinct(rows, "seed").length < 2) {
    throw new DataError(
      `${where} must hold one row per system and example; got several for ${system}. Keep one seed, or add a column "seed".`,
      { system },
    );
  }
  const count = (test: (row: Row) => boolean): number => rows.filter(test).length;
  const many = rows.some((row) => numberIn(where, row, "numReadings") > 1);
  const known = many && rows.every((row) => numberOrNull(row, "oracleCorrect") !== null);
  return {
    system,
    rows,
    accuracy: shareOf(
      count((row) => isRight(row)),
      rows.length,
    ),
    oracle: known
      ? shareOf(
          count((row) => numberOrNull(row, "oracleCorrect") === 1),
          rows.length,
        )
      : null,
    inconsistent: many
      ? shareOf(
          count((row) => isInconsistent(row)),
          rows.length,
        )
      : null,
  };
}

/** Whether the fused answer is the true one. */
export function isRight(row: Row): boolean {
  return numberIn("predictions", row, "correct") === 1;
}

/** Whether the readings of a query give different answers. */
export function isInconsistent(row: Row): boolean {
  return numberIn("predictions", row, "distinctLabels") > 1;
}

/** Right answers of a system on the queries named, or null when there are none. */
export function accuracyOn(entry: SystemPredictions, exampleIds: ReadonlySet<string>): Share | null {
  const rows = entry.rows.filter((row) => exampleIds.has(textIn(row, "exampleId")));
  return rows.length === 0 ? null : shareOf(rows.filter(isRight).length, rows.length);
}
