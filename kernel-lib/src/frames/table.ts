import { createRequire } from "node:module";
import { DataError } from "../base/errors";

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
  toCSV(): string;
  toMarkdown(): string;
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

/** A table of any rows, columns named by the first row. For tables without a schema. */
export function tableOf(rows: readonly object[]): Table {
  const names = Object.keys(rows[0] ?? {});
  const columnOf = (name: string) => rows.map((row) => (row as Readonly<Record<string, unknown>>)[name] ?? null);
  return arquero.table(names.map((name): [string, unknown[]] => [name, columnOf(name)]));
}

/** A table from the bytes of an Arrow IPC file. */
export function decodeTable(bytes: Uint8Array): Table {
  return arquero.fromArrow(bytes);
}
