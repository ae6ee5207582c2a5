import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { DataError } from "../base/errors";
import { csvField } from "../base/plain-text";
import { writeFileAtomic } from "../store/files";

/** What is used of Arquero here. The package is an ES module; Node loads it by require, the compiler does not type that. */
interface Arquero {
  table(columns: readonly (readonly [string, unknown[]])[]): Table;
  fromArrow(bytes: Uint8Array): Table;
}

const arquero = createRequire(__filename)("arquero") as Arquero;

/** One row: column name to value. */
export type TableRow = Readonly<Record<string, string | number | boolean | null>>;

/** A column name, a function of the row, or an expression text such as "d => d.value > 0.5". */
export type TableExpression = string | ((row: never) => unknown) | object;

/**
 * An Arquero table, narrowed to the verbs the notebooks use; at run time it is a full ColumnTable, so every verb of
 * Arquero's documentation works on it.
 */
export interface Table {
  numRows(): number;
  numCols(): number;
  columnNames(): string[];
  get(column: string, row?: number): unknown;
  array(column: string): ArrayLike<unknown>;
  objects(options?: { readonly limit?: number; readonly offset?: number }): object[];
  filter(criteria: TableExpression): Table;
  derive(columns: Readonly<Record<string, TableExpression>>): Table;
  select(...columns: TableExpression[]): Table;
  groupby(...keys: TableExpression[]): Table;
  count(options?: { readonly as?: string }): Table;
  rollup(columns: Readonly<Record<string, TableExpression>>): Table;
  orderby(...keys: TableExpression[]): Table;
  slice(start?: number, end?: number): Table;
  concat(...others: Table[]): Table;
  join(other: Table, on?: TableExpression, values?: TableExpression): Table;
  toArrowIPC(options?: { readonly format?: "file" | "stream" }): Uint8Array;
}

/** A table as CSV. Texts that a spreadsheet would take for formulas are written so that it does not; see `csvField`. */
export function tableCsv(table: Table): string {
  const names = table.columnNames();
  const rows = (table.objects() as Readonly<Record<string, unknown>>[]).map((row) => names.map((name) => row[name]));
  return [names, ...rows].map((row) => `${row.map(csvField).join(",")}\n`).join("");
}

/** One column of a frame. */
export interface FrameColumn {
  readonly name: string;
  readonly meaning: string;
}

/** The columns of a frame, in order; `probabilities` says that p0 to pC-1 follow, one per class. */
export interface FrameSchema {
  readonly name: string;
  readonly columns: readonly FrameColumn[];
  readonly tail: "none" | "probabilities";
}

/** A schema from "name: meaning" lines. */
export function defineFrame(name: string, tail: FrameSchema["tail"], lines: readonly string[]): FrameSchema {
  const columns = lines.map((line) => {
    const at = line.indexOf(": ");
    return { name: line.slice(0, at), meaning: line.slice(at + 2) };
  });
  return { name, columns, tail };
}

/**
 * A table with exactly the schema's columns, also when there is no row.
 *
 * @param numClasses how many probability columns follow, where the schema has them.
 * @throws DataError when a row lacks a column.
 */
export function makeFrame(schema: FrameSchema, rows: readonly TableRow[], numClasses = 0): Table {
  const tail = schema.tail === "none" ? [] : Array.from({ length: numClasses }, (_, c) => `p${c}`);
  const names = [...schema.columns.map((column) => column.name), ...tail];
  const columns = names.map((name): [string, unknown[]] => [
    name,
    rows.map((row, index) => {
      const value = row[name];
      if (value !== undefined) return value;
      throw new DataError(
        `makeFrame: row ${index} of ${schema.name} must have the column ${name}; got none. Fill it.`,
        {
          frame: schema.name,
          row: index,
          column: name,
        },
      );
    }),
  ]);
  return arquero.table(columns);
}

const MAGIC = "ARROW1";

/** Saves a table as an Arrow IPC file, whole or not at all. Makes missing folders. */
export function saveFrame(table: Table, file: string): void {
  writeFileAtomic(file, table.toArrowIPC({ format: "file" }));
}

function refuse(file: string, rule: string, got: string, cause?: unknown): never {
  const message = `loadFrame: ${file} must ${rule}; got ${got}. Delete it and run the stage that writes it again.`;
  throw new DataError(message, { file, rule, got }, cause);
}

function decode(bytes: Buffer, file: string): Table {
  const whole = bytes.length >= 20 && bytes.toString("latin1", 0, 6) === MAGIC;
  if (!whole) refuse(file, "be an Arrow IPC file", "another format");
  if (bytes.toString("latin1", bytes.length - 6) !== MAGIC) refuse(file, "end with the Arrow mark", "a truncated file");
  try {
    return arquero.fromArrow(bytes);
  } catch (cause) {
    return refuse(file, "hold a sound Arrow table", `damaged content (${(cause as Error).message})`, cause);
  }
}

/**
 * Loads a table that saveFrame wrote.
 *
 * @param schema which frame it must be, e.g. FRAMES.results; its columns are checked then.
 * @throws DataError for a missing, truncated or foreign file, or one without the frame's columns.
 */
export async function loadFrame(file: string, schema?: FrameSchema): Promise<Table> {
  const bytes = await readFile(file).catch((cause: unknown) => refuse(file, "be readable", "no such file", cause));
  const table = decode(bytes, file);
  if (schema === undefined) return table;
  const names = table.columnNames();
  const missing = schema.columns.map((column) => column.name).filter((name) => !names.includes(name));
  if (missing.length === 0) return table;
  const wanted = `have the columns of ${schema.name}, among them ${missing.join(", ")}`;
  return refuse(file, wanted, names.join(", ") || "no column");
}
