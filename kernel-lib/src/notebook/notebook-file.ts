import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isObject } from "../base/check";
import { DataError } from "../base/errors";
import { writeFileAtomic } from "../store/files";

/** The parts of the notebook format (nbformat 4.5) that the runner reads and writes; texts are one string in memory. */

export type MimeBundle = Readonly<Record<string, unknown>>;
type Metadata = Readonly<Record<string, unknown>>;

interface StreamOutput {
  readonly output_type: "stream";
  readonly name: "stdout" | "stderr";
  readonly text: string;
}

interface DisplayOutput {
  readonly output_type: "display_data";
  readonly data: MimeBundle;
  readonly metadata: Metadata;
}

interface ResultOutput {
  readonly output_type: "execute_result";
  readonly data: MimeBundle;
  readonly metadata: Metadata;
  readonly execution_count: number | null;
}

export interface ErrorOutput {
  readonly output_type: "error";
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

export type Output = StreamOutput | DisplayOutput | ResultOutput | ErrorOutput;

export interface CodeCell {
  readonly cell_type: "code";
  readonly id: string;
  readonly metadata: Metadata;
  readonly source: string;
  readonly execution_count: number | null;
  readonly outputs: readonly Output[];
}

interface TextCell {
  readonly cell_type: "markdown" | "raw";
  readonly id: string;
  readonly metadata: Metadata;
  readonly source: string;
}

export type Cell = CodeCell | TextCell;

export interface Notebook {
  readonly cells: readonly Cell[];
  readonly metadata: Metadata;
  readonly nbformat: 4;
  readonly nbformat_minor: 5;
}

/** Whether a cell carries this tag. */
export function hasTag(cell: Cell, tag: string): boolean {
  const tags = cell.metadata["tags"];
  return Array.isArray(tags) && tags.includes(tag);
}

const CELL_ID = /^[a-zA-Z0-9-_]{1,64}$/;
const TEXT_TYPE = /^(text\/|image\/svg\+xml$|application\/(javascript|xml)$)/;

function refuse(file: string, rule: string, got: unknown): never {
  throw new DataError(
    `readNotebook: ${rule}; got ${JSON.stringify(got)?.slice(0, 80)} in ${file}. Save it with JupyterLab.`,
    {
      file,
    },
  );
}

/** The text of a field that nbformat stores as one string or as a list of lines. */
export function joinLines(text: string | readonly string[]): string {
  return typeof text === "string" ? text : text.join("");
}

/** A text as the list of its lines, each with its line end: how notebooks are stored, so that a diff shows lines. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

const isText = (value: unknown): value is string | readonly string[] =>
  typeof value === "string" || (Array.isArray(value) && value.every((line) => typeof line === "string"));

/** Whether an output has the parts that nbformat asks of its kind. */
function isOutput(value: unknown): value is Output {
  if (!isObject(value)) return false;
  if (value["output_type"] === "stream") return typeof value["name"] === "string" && isText(value["text"]);
  if (value["output_type"] === "error") {
    const named = [value["ename"], value["evalue"]].every((each) => typeof each === "string");
    return named && Array.isArray(value["traceback"]) && isText(value["traceback"]);
  }
  const shows = value["output_type"] === "display_data" || value["output_type"] === "execute_result";
  return shows && isObject(value["data"]) && (value["metadata"] === undefined || isObject(value["metadata"]));
}

function readOutput(output: Output): Output {
  if (output.output_type === "stream") return { ...output, text: joinLines(output.text) };
  if (output.output_type === "error") return output;
  const data = Object.entries(output.data).map(([type, value]) => [
    type,
    TEXT_TYPE.test(type) && isText(value) ? joinLines(value) : value,
  ]);
  return { ...output, data: Object.fromEntries(data) };
}

function readCell(value: unknown, index: number, file: string): Cell {
  const cell = value as Partial<CodeCell>;
  const where = `cell ${index + 1}`;
  if (value === null || typeof value !== "object") refuse(file, `${where} must be an object`, value);
  if (!["code", "markdown", "raw"].includes(String(cell.cell_type)))
    refuse(file, `${where} must have cell_type code, markdown or raw`, cell.cell_type);
  const source = cell.source as unknown;
  if (!isText(source)) return refuse(file, `${where} must have a source of text`, source);
  if (!isObject(cell.metadata ?? {})) refuse(file, `${where} must have metadata, an object`, cell.metadata);
  const base = {
    ...cell,
    id: typeof cell.id === "string" && CELL_ID.test(cell.id) ? cell.id : randomBytes(4).toString("hex"),
    metadata: cell.metadata ?? {},
    source: joinLines(source),
  };
  if (cell.cell_type !== "code") return base as Cell;
  const found: unknown = cell.outputs ?? [];
  if (!Array.isArray(found)) return refuse(file, `${where} must have outputs, a list`, found);
  const unsound = found.find((output) => !isOutput(output)) as unknown;
  if (unsound !== undefined) refuse(file, `${where} must have outputs as nbformat has them`, unsound);
  const outputs = found.map(readOutput);
  return { ...base, cell_type: "code", execution_count: cell.execution_count ?? null, outputs };
}

/**
 * Reads a notebook of format 4; cells without an id get one (so that 4.5 can be written), texts become one string.
 *
 * @throws DataError when the file is not JSON, not nbformat 4, or a cell is malformed; the message names the cell.
 */
export async function readNotebook(file: string): Promise<Notebook> {
  let parsed: Partial<Notebook> | null;
  try {
    parsed = JSON.parse(await readFile(file, "utf8")) as Partial<Notebook> | null;
  } catch (cause) {
    throw new DataError(
      `readNotebook: ${file} must be a readable JSON file; ${(cause as Error).message}.`,
      { file },
      cause,
    );
  }
  if (!isObject(parsed?.metadata ?? {})) refuse(file, "metadata must be an object", parsed?.metadata);
  if (parsed?.nbformat !== 4) refuse(file, "nbformat must be 4", parsed?.nbformat);
  if (!Array.isArray(parsed.cells)) refuse(file, "cells must be a list", parsed.cells);
  const cells = parsed.cells.map((cell, index) => readCell(cell, index, file));
  const ids = new Set(cells.map((cell) => cell.id));
  if (ids.size !== cells.length) refuse(file, "cell ids must differ", cells.map((cell) => cell.id).sort());
  return { cells, metadata: parsed.metadata ?? {}, nbformat: 4, nbformat_minor: 5 };
}

function storedOutput(output: Output): unknown {
  if (output.output_type === "stream") return { ...output, text: splitLines(output.text) };
  if (output.output_type === "error") return output;
  const data = Object.entries(output.data).map(([type, value]) => [
    type,
    typeof value === "string" && TEXT_TYPE.test(type) ? splitLines(value) : value,
  ]);
  return { ...output, data: Object.fromEntries(data) };
}

function storedCell(cell: Cell): unknown {
  const source = splitLines(cell.source);
  return cell.cell_type === "code" ? { ...cell, source, outputs: cell.outputs.map(storedOutput) } : { ...cell, source };
}

function sortKeys(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** The bytes Jupyter itself would write: sorted keys, one space of indentation, texts as lists of lines. */
export function formatNotebook(notebook: Notebook): string {
  const stored = { ...notebook, cells: notebook.cells.map(storedCell) };
  return `${JSON.stringify(stored, sortKeys, 1)}\n`;
}

/** Writes a notebook as nbformat 4.5; readers see the old file or the new one. */
export function writeNotebook(notebook: Notebook, file: string): void {
  writeFileAtomic(file, formatNotebook(notebook));
}
