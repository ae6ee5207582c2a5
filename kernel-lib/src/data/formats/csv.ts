import { basename } from "node:path";
import { DataError } from "../../base/errors";
import { decodeText, type FileLimits, readBytes } from "./text-file";

/**
 * CSV by RFC 4180, strictly, with the file and line of everything that is wrong.
 *
 * Its own reader, since `csv-parse` takes a bare carriage return for a part of a field and knows only the line a record ends on,
 * and `papaparse` takes rows of any length and quotes in the middle of a field.
 */

/** One record of a CSV file. */
export interface CsvRow {
  /** E.g. "labels.csv, line 12"; the header is line 1. */
  readonly place: string;
  readonly fields: ReadonlyMap<string, string>;
}

function refuse(place: string, rule: string, got: string): never {
  throw new DataError(`readCsv: ${place} must ${rule}; got ${got}. Download the file again, or save it as CSV.`, {
    place,
    rule,
    got,
  });
}

/** One record: its fields, the line it begins on, and where the next one begins. */
interface CsvRecord {
  readonly fields: string[];
  readonly line: number;
  /** Nothing stands on its line, not even quotes. */
  readonly isBlank: boolean;
}

const PLAIN = /[^",\r\n]*/y;

/** Splits text into records by RFC 4180: fields in quotes may hold commas, line ends and doubled quotes. */
function* splitRecords(text: string, file: string): Generator<CsvRecord> {
  let [at, line] = [0, 1];
  while (at < text.length) {
    const [first, start] = [line, at];
    const fields: string[] = [];
    for (;;) {
      const place = `${file}, line ${line}`;
      if (text[at] === '"') {
        const end = closingQuote(text, at, place);
        const field = text.slice(at + 1, end).replaceAll('""', '"');
        line += field.split("\n").length - 1;
        fields.push(field);
        at = end + 1;
      } else {
        PLAIN.lastIndex = at;
        const field = PLAIN.exec(text)![0];
        fields.push(field);
        at += field.length;
      }
      if (text[at] !== ",") break;
      at++;
    }
    const place = `${file}, line ${line}`;
    const isBlank = at === start;
    if (text.startsWith("\r\n", at)) at += 2;
    else if (text[at] === "\n") at++;
    else if (at < text.length) refuse(place, "quote whole fields only", JSON.stringify(text.slice(at, at + 20)));
    line++;
    yield { fields, line: first, isBlank };
  }
}

function closingQuote(text: string, start: number, place: string): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return refuse(place, "close its quotes", "an open field at the end of the file");
}

/**
 * Parses a CSV file with a header (RFC 4180: commas, quotes, either line end). Blank lines are passed over.
 *
 * @param columns names that the header must hold.
 * @throws DataError naming file, line and rule: missing or doubled columns, rows of another length, open quotes, no UTF-8.
 */
export function parseCsv(bytes: Uint8Array, file: string, columns: readonly string[]): CsvRow[] {
  const records = splitRecords(decodeText(bytes, file), file);
  const header = records.next().value?.fields.map((name: string) => name.trim()) ?? [];
  const missing = columns.filter((name) => !header.includes(name));
  if (missing.length > 0) refuse(`${file}, header`, `hold ${missing.join(", ")}`, header.join(", ") || "an empty file");
  if (new Set(header).size !== header.length) refuse(`${file}, header`, "name each column once", header.join(", "));
  const rows: CsvRow[] = [];
  for (const { fields, line, isBlank } of records) {
    if (isBlank) continue;
    const place = `${file}, line ${line}`;
    if (fields.length !== header.length) refuse(place, `have ${header.length} fields`, String(fields.length));
    rows.push({ place, fields: new Map(header.map((name: string, i: number) => [name, fields[i]!])) });
  }
  return rows;
}

/** Reads a CSV file with a header. @throws DataError when it is missing, too large or unsound. */
export async function readCsv(path: string, columns: readonly string[], limits: FileLimits = {}): Promise<CsvRow[]> {
  return parseCsv(await readBytes(path, limits), basename(path), columns);
}

/** The text of a column that must not be empty. @throws DataError naming line and column. */
export function csvText({ place, fields }: CsvRow, column: string): string {
  const value = fields.get(column)?.trim() ?? "";
  return value === "" ? refuse(`${place}, column ${column}`, "not be empty", "nothing") : value;
}

/** A column of 0 and 1 ("0.0" and "1.0" too, as some writers have them). @throws DataError for anything else. */
export function csvFlag(row: CsvRow, column: string): 0 | 1 {
  const value = csvText(row, column);
  if (/^0(\.0*)?$/.test(value)) return 0;
  if (/^1(\.0*)?$/.test(value)) return 1;
  return refuse(`${row.place}, column ${column}`, "be 0 or 1", JSON.stringify(value.slice(0, 40)));
}

const quoted = (field: string) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);

/** The text of a CSV file with this header. */
export function formatCsv(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [columns, ...rows].map((row) => `${row.map((field) => quoted(String(field))).join(",")}\n`).join("");
}
