import { assertInteger } from "../base/check";
import { DataError } from "../base/errors";
import { escapeHtml, visibleText } from "../base/plain-text";
import type { MimeBundle } from "./notebook-file";

/** A table as a cell shows it: HTML for those who see it, aligned text for everybody else. */

type TableRow = Readonly<Record<string, unknown>>;

/** What showTable reads of an Arquero table. */
export interface TableLike {
  objects(options?: { limit?: number }): object[];
  numRows(): number;
  columnNames(): string[];
}

export interface ShowTableOptions {
  /** Most rows shown; below them stands how many there are. Default 20. */
  readonly maxRows?: number;
}

interface TableBundleOptions extends ShowTableOptions {
  /** A line below the table. Default: how many rows there are, where not all are shown. */
  readonly note?: string;
}

function isTable(value: TableLike | readonly object[]): value is TableLike {
  return !Array.isArray(value) && typeof (value as TableLike).objects === "function";
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  return visibleText(typeof value === "object" ? JSON.stringify(value) : String(value));
}

function toHtml(columns: readonly string[], rows: readonly TableRow[], note: string): string {
  const head = columns.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join("");
  const body = rows.map((row) => `<tr>${columns.map((name) => htmlCell(row[name])).join("")}</tr>`).join("\n");
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table>${note === "" ? "" : `\n<p>${escapeHtml(note)}</p>`}`;
}

function htmlCell(value: unknown): string {
  const style = typeof value === "number" ? ' style="text-align:right"' : ' style="text-align:left"';
  return `<td${style}>${escapeHtml(cellText(value))}</td>`;
}

function toText(columns: readonly string[], rows: readonly TableRow[], note: string): string {
  const names = columns.map(visibleText);
  const widths = columns.map((name, i) => Math.max(names[i]!.length, ...rows.map((row) => cellText(row[name]).length)));
  const line = (texts: readonly string[], numeric: readonly unknown[]): string =>
    texts
      .map((text, i) => (typeof numeric[i] === "number" ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  const first = columns.map((name) => rows[0]?.[name]);
  const lines = rows.map((row) => {
    const values = columns.map((name) => row[name]);
    return line(values.map(cellText), values);
  });
  return [line(names, first), ...lines, ...(note === "" ? [] : [note])].join("\n");
}

/**
 * A table as HTML and as aligned text. Numbers have at most four digits, missing values are blank.
 *
 * @throws DataError without rows and columns to show. ConfigError when maxRows is no whole number of at least 1.
 */
export function tableBundle(table: TableLike | readonly object[], options: TableBundleOptions = {}): MimeBundle {
  const { maxRows = 20 } = options;
  assertInteger("showTable: maxRows", maxRows, 1);
  const total = isTable(table) ? table.numRows() : table.length;
  const rows = (isTable(table) ? table.objects({ limit: maxRows }) : table.slice(0, maxRows)) as readonly TableRow[];
  const columns = isTable(table) ? table.columnNames() : [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0)
    throw new DataError("showTable: table must have columns; got none. Pass an Arquero table or a list of objects.");
  const note = options.note ?? (total > rows.length ? `first ${rows.length} of ${total} rows` : "");
  return { "text/html": toHtml(columns, rows, note), "text/plain": toText(columns, rows, note) };
}
