import { inspect } from "node:util";
import { escapeHtml, visibleText } from "../base/plain-text";
import type { Figure, RasterImage } from "../base/types";
import type { ColumnReader, Presented, Presenter } from "../kernel/host";
import { nounCard, predictionCard } from "./cards";
import { type TableLike, tableBundle } from "./tables";

/**
 * What a value looks like as the result of a cell: tables of Arquero and danfo, Plotly figures, pictures, tensors, maps, sets and
 * typed arrays, this library's nouns. Values are known by what they have, not by their class: a library may be loaded in several copies.
 */

type Fields = Readonly<Record<string, unknown>>;

const MAX_ROWS = 10;
const MAX_ENTRIES = 20;
/** Larger tensors are not read to say what is in them. */
const MAX_READ = 4_000_000;

function fieldsOf(value: unknown): Fields | null {
  return value !== null && typeof value === "object" ? (value as Fields) : null;
}

const has = (fields: Fields, ...methods: readonly string[]): boolean =>
  methods.every((name) => typeof fields[name] === "function");

/** What kind of values a column holds, by the first that is there. */
function kindOf(values: readonly unknown[]): string {
  const first = values.find((value) => value !== null && value !== undefined);
  if (first === undefined) return "empty";
  return first instanceof Date ? "date" : Array.isArray(first) ? "array" : typeof first;
}

function shownTable(rows: readonly Fields[], columns: readonly string[], count: number): Presented {
  const kinds = columns.map((name) => `${name}: ${kindOf(rows.map((row) => row[name]))}`).join(", ");
  const note = `${count} rows x ${columns.length} columns (${kinds})`;
  return {
    data: tableBundle(
      { objects: () => [...rows], numRows: () => count, columnNames: () => [...columns] },
      { maxRows: MAX_ROWS, note },
    ),
  };
}

function isArqueroTable(value: object): value is TableLike {
  return has(value as Fields, "objects", "numRows", "columnNames");
}

function isDanfoFrame(value: object): value is Fields & { readonly columns: string[] } {
  return has(value as Fields, "head", "print") && Array.isArray((value as Fields)["columns"]);
}

/** For completion: the columns of Arquero's tables and danfo's frames. */
export const COLUMN_READERS: readonly ColumnReader[] = [
  (value) => (isArqueroTable(value) ? value.columnNames() : null),
  (value) => (isDanfoFrame(value) ? value.columns.map(String) : null),
];

const arqueroTable: Presenter = (value) => {
  const fields = fieldsOf(value);
  if (fields === null || !isArqueroTable(fields)) return null;
  const rows = fields.objects({ limit: MAX_ROWS }) as Fields[];
  return shownTable(rows, fields.columnNames(), fields.numRows());
};

const danfoFrame: Presenter = (value) => {
  const fields = fieldsOf(value);
  if (fields === null || !isDanfoFrame(fields)) return null;
  const { columns } = fields;
  const [count = 0] = fields["shape"] as number[];
  const values = (fields["values"] as unknown[]).slice(0, MAX_ROWS);
  const rows = values.map((row) =>
    Object.fromEntries(columns.map((name, i) => [name, Array.isArray(row) ? row[i] : row])),
  );
  return shownTable(rows, columns, count);
};

const plotlyFigure: Presenter = (value) => {
  const fields = fieldsOf(value);
  if (fields === null || !Array.isArray(fields["data"]) || fieldsOf(fields["layout"]) === null) return null;
  if (Object.keys(fields).some((key) => !["data", "layout", "config", "frames"].includes(key))) return null;
  // drawing needs more than most cells do
  return import("./show.js").then(async ({ presentFigure }) => ({ data: await presentFigure(value as Figure) }));
};

function isPicture(fields: Fields): boolean {
  const { width, height, channels, data } = fields;
  const isBytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  return isBytes && Number(width) * Number(height) * Number(channels) === data.length && data.length > 0;
}

const picture: Presenter = (value) => {
  const fields = fieldsOf(value);
  if (fields === null || !isPicture(fields)) return null;
  return import("./show.js").then(({ imagesBundle }) => ({ data: imagesBundle([value as RasterImage]) }));
};

/** Smallest, mean and largest of the finite numbers, and how many are not. */
function summaryOf(values: ArrayLike<number>): string {
  let [low, high, sum, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
    sum += value;
    count++;
  }
  const odd = values.length - count;
  const range = count === 0 ? "" : `min ${round(low)}, mean ${round(sum / count)}, max ${round(high)}`;
  return [range, odd === 0 ? "" : `${odd} not finite`].filter((part) => part !== "").join(", ");
}

const round = (value: number): string => String(Number(value.toPrecision(4)));

const tensor: Presenter = (value) => {
  const fields = fieldsOf(value);
  if (fields === null || !has(fields, "dataSync", "dispose") || !Array.isArray(fields["shape"])) return null;
  const title = `Tensor ${String(fields["dtype"])} [${(fields["shape"] as number[]).join(", ")}]`;
  if (fields["isDisposed"] === true) return { data: { "text/plain": `${title}, disposed` } };
  const isNumeric = fields["dtype"] !== "string" && Number(fields["size"]) <= MAX_READ;
  // a copy of the numbers: no tensor is made
  const summary = isNumeric ? summaryOf((fields as unknown as { dataSync(): ArrayLike<number> }).dataSync()) : "";
  return { data: { "text/plain": summary === "" ? title : `${title}: ${summary}` } };
};

function entryTable(head: readonly string[], entries: readonly (readonly unknown[])[], note: string): string {
  const cell = (value: unknown): string => {
    const align = typeof value === "number" || typeof value === "bigint" ? "right" : "left";
    const text = typeof value === "string" ? value : inspect(value, { depth: 1, breakLength: 80 });
    return `<td style="text-align:${align}">${escapeHtml(visibleText(text))}</td>`;
  };
  const rows = entries.map((entry) => `<tr>${entry.map(cell).join("")}</tr>`).join("\n");
  const names = head.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join("");
  return `<table>\n<thead><tr>${names}</tr></thead>\n<tbody>\n${rows}\n</tbody>\n</table>\n<p>${escapeHtml(note)}</p>`;
}

function shownEntries(
  value: unknown,
  head: readonly string[],
  entries: readonly (readonly unknown[])[],
  note: string,
): Presented {
  const html = entryTable(head, entries.slice(0, MAX_ENTRIES), note);
  return { data: { "text/html": html, "text/plain": inspect(value, { maxArrayLength: MAX_ENTRIES }) } };
}

const collection: Presenter = (value) => {
  if (value instanceof Map) return shownEntries(value, ["key", "value"], [...value], `Map of ${value.size}`);
  if (value instanceof Set)
    return shownEntries(
      value,
      ["value"],
      [...value].map((one) => [one]),
      `Set of ${value.size}`,
    );
  if (!ArrayBuffer.isView(value) || value instanceof DataView || Buffer.isBuffer(value)) return null;
  const numbers = value as unknown as ArrayLike<number> & { constructor: { name: string } };
  const shown = Array.from({ length: Math.min(MAX_ENTRIES, numbers.length) }, (_, i) => [i, numbers[i]]);
  const summary = typeof numbers[0] === "bigint" ? "" : summaryOf(numbers);
  const note = `${numbers.constructor.name} of ${numbers.length}${summary === "" ? "" : `: ${summary}`}`;
  return shownEntries(value, ["index", "value"], shown, note);
};

/** Asked from the last to the first. */
export const PRESENTERS: readonly Presenter[] = [
  nounCard,
  predictionCard,
  collection,
  tensor,
  picture,
  plotlyFigure,
  danfoFrame,
  arqueroTable,
];
