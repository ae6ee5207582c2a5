import { DataError } from "../base/errors";

/** One row of a table: column name -> value. */
export type Row = Readonly<Record<string, unknown>>;

/** What a figure reads: plain rows, or a table that can list them (an Arquero ColumnTable). */
export type Table = readonly object[] | { objects(): object[] };

/**
 * The rows of a table, with the columns a figure needs checked.
 *
 * @throws DataError when there is no row or a column is missing; the message lists the columns that are there.
 */
export function rowsOf(where: string, table: Table, columns: readonly string[]): Row[] {
  const rows = (Array.isArray(table) ? table : (table as { objects(): object[] }).objects()) as Row[];
  if (rows.length === 0) {
    throw new DataError(`${where} must hold at least one row; got none. Run the stage that fills it first.`);
  }
  for (const column of columns) {
    const missing = rows.findIndex((row) => row[column] === undefined);
    if (missing === -1) continue;
    const there = Object.keys(rows[missing]!);
    throw new DataError(
      `${where} must have the column "${column}"; row ${missing} has ${there.join(", ") || "no column"}. ` +
        `Pass a table with the columns ${columns.join(", ")}.`,
      { column, row: missing, columns: there },
    );
  }
  return rows;
}

/** A column's value as a finite number. @throws DataError naming column, row content and rule. */
export function numberIn(where: string, row: Row, column: string): number {
  const value = typeof row[column] === "bigint" ? Number(row[column]) : row[column];
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new DataError(`${where}: column "${column}" must hold finite numbers; got ${String(value)}.`, {
    column,
    value,
  });
}

/** Like numberIn, but null for a missing, null or NaN value. */
export function numberOrNull(row: Row, column: string): number | null {
  const value = row[column];
  if (value === null || value === undefined || Number.isNaN(value)) return null;
  return numberIn(column, row, column);
}

/** A column's value as text. */
export function textIn(row: Row, column: string): string {
  return String(row[column]);
}

/** The distinct texts of a column, in order of first appearance. */
export function distinct(rows: readonly Row[], column: string): string[] {
  return [...new Set(rows.map((row) => textIn(row, column)))];
}

/** Rows grouped by a column, groups in order of first appearance. */
export function groupRows(rows: readonly Row[], column: string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = textIn(row, column);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}
