/** What figures read: rows of any table, checked column by column, and the measured numbers of a results frame. */

import { DataError } from "../base/errors";
import type { FigureContext } from "./theme";

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

/** Like textIn, but null for a missing or null value. */
export function textOrNull(row: Row, column: string): string | null {
  const value = row[column];
  return value === null || value === undefined ? null : String(value);
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

/** n, number of seeds and data of rows that carry such columns. Only what all rows agree on is said. */
export function contextOf(rows: readonly Row[]): FigureContext {
  const agreed = (column: string): string | undefined => {
    const values = distinct(rows, column);
    return values.length === 1 && rows[0]?.[column] !== undefined && rows[0][column] !== null ? values[0] : undefined;
  };
  const n = agreed("n");
  const seeds = agreed("seeds");
  const data = agreed("data");
  return {
    ...(n === undefined ? {} : { n: Number(n) }),
    ...(seeds === undefined ? {} : { numSeeds: Number(seeds) }),
    ...(data === "phantom" || data === "real" ? { data } : {}),
  };
}

/** One measured number, as every analysis gives it. */
export interface Result {
  readonly system: string;
  /** The system that `value` is the difference to; null for a value of its own. */
  readonly baseline: string | null;
  readonly subset: string;
  readonly splitBy: string | null;
  readonly metric: string;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number | null;
}

/** The measured numbers of a results frame. Columns that a table lacks: a value of the system's own, on all questions. */
export function readResults(where: string, rows: readonly Row[]): Result[] {
  return rows.map((row) => ({
    system: textIn(row, "system"),
    baseline: textOrNull(row, "baseline"),
    subset: textOrNull(row, "subset") ?? "all",
    splitBy: textOrNull(row, "splitBy"),
    metric: textIn(row, "metric"),
    value: numberIn(where, row, "value"),
    low: numberOrNull(row, "low"),
    high: numberOrNull(row, "high"),
    n: numberOrNull(row, "n"),
  }));
}

/** Whether a number is a system's own, on all questions: neither a difference nor of a subset. */
export function isOwnValue({ baseline, subset }: Result): boolean {
  return baseline === null && subset === "all";
}

/** The first result that matches; columns that are not named: a value of the system's own, on all questions. */
export function findResult(results: readonly Result[], wanted: Partial<Result>): Result | undefined {
  const asked = Object.entries({ baseline: null, subset: "all", ...wanted });
  return results.find((result) => asked.every(([column, value]) => result[column as keyof Result] === value));
}

/** A paired difference with its interval. */
export interface PairedResult {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * `first` minus `second` on the same questions, from the row that has either sign; null where none was measured. Whether two systems differ is
 * said by this alone, never by whether their own intervals overlap.
 */
export function pairedResult(
  results: readonly Result[],
  [first, second]: readonly [string, string],
  part: Partial<Result>,
): PairedResult | null {
  const withBounds = (row: Result | undefined): PairedResult | null =>
    row === undefined || row.low === null || row.high === null
      ? null
      : { value: row.value, low: row.low, high: row.high };
  const row = withBounds(findResult(results, { ...part, system: first, baseline: second }));
  if (row !== null) return row;
  const mirrored = withBounds(findResult(results, { ...part, system: second, baseline: first }));
  return mirrored === null ? null : { value: -mirrored.value, low: -mirrored.high, high: -mirrored.low };
}

/** One number as the paper prints it, as a share of 1. */
export interface PublishedResult {
  /** As the paper names it: "JOMED (Qwen2-VL)". */
  readonly model: string;
  /** Which of our systems it is, and with which reader; null where it is none. */
  readonly system: string | null;
  readonly reader: string | null;
  readonly metric: string;
  readonly value: number;
}

/** The published numbers of one task, or of all. */
export function readPublished(where: string, table: Table | undefined, task?: string): PublishedResult[] {
  if (table === undefined) return [];
  const rows = rowsOf(where, table, ["model", "system", "reader", "task", "metric", "value"]);
  return rows
    .filter((row) => task === undefined || row["task"] === task)
    .map((row) => ({
      model: textIn(row, "model"),
      system: textOrNull(row, "system"),
      reader: textOrNull(row, "reader"),
      metric: textIn(row, "metric"),
      value: numberIn(where, row, "value") / 100,
    }));
}

/** Whether a published number stands on the line of one of our systems: the same system, with the reader the figures show. */
export function isShownAs({ system, reader }: PublishedResult, ours: string): boolean {
  return system === ours && (reader === null || reader === SHOWN_READER);
}

/** The reader of the notebooks. */
const SHOWN_READER = "qwen2-vl";
