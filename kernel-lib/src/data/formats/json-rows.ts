import { basename } from "node:path";
import { DataError } from "../../base/errors";
import { decodeText, type FileLimits, readBytes } from "./text-file";

/** One object of a JSON list, with its place for messages. */
export interface JsonRow {
  /** E.g. "trainset.json, row 12". */
  readonly place: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function refuse(place: string, rule: string, got: string, next: string, cause?: unknown): never {
  throw new DataError(`readJsonRows: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got }, cause);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Parses a JSON list of objects. @throws DataError naming file, row and reason. */
export function parseJsonRows(bytes: Uint8Array, file: string): JsonRow[] {
  let content: unknown;
  try {
    content = JSON.parse(decodeText(bytes, file));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    refuse(file, "be sound JSON", (cause as Error).message, "Download the file again.", cause);
  }
  if (!Array.isArray(content)) {
    return refuse(file, "hold a list of objects", isObject(content) ? "one object" : typeof content, "Check the file.");
  }
  return content.map((fields: unknown, i) => {
    const place = `${file}, row ${i}`;
    return isObject(fields) ? { place, fields } : refuse(place, "be an object", typeof fields, "Check the file.");
  });
}

/** Reads a JSON list of objects from a file. @throws DataError when it is missing, too large or unsound. */
export async function readJsonRows(path: string, limits: FileLimits = {}): Promise<JsonRow[]> {
  return parseJsonRows(await readBytes(path, limits), basename(path));
}

/**
 * A field that must hold text (numbers are written out) and is not empty; blanks around it are cut.
 *
 * @throws DataError naming row and field.
 */
export function textField(row: JsonRow, field: string): string {
  const value = Object.hasOwn(row.fields, field) ? row.fields[field] : undefined;
  const text = typeof value === "number" && Number.isFinite(value) ? String(value) : value;
  if (typeof text === "string" && text.trim() !== "") return text.trim();
  const got = text === undefined ? "no such field" : (JSON.stringify(value) ?? typeof value);
  return refuse(`${row.place}, field ${field}`, "be a text that is not empty", got.slice(0, 80), "Check the file.");
}

/** A field that may be missing; null then, and where it is empty. */
export function optionalText(row: JsonRow, field: string): string | null {
  const value = Object.hasOwn(row.fields, field) ? row.fields[field] : undefined;
  if (value === undefined || value === null || value === "") return null;
  return textField(row, field);
}
