import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { isObject } from "../../base/check";
import { DataError } from "../../base/errors";

/** Files of text, read strictly: bytes within a limit, UTF-8, lines, lists of JSON objects. */

const DEFAULT_LIMIT = 256 * 2 ** 20;

/** How much of a file may be read. */
export interface FileLimits {
  /** Most bytes. Default 256 MiB. */
  readonly maxBytes?: number;
}

/**
 * Refuses what should be a file before any of it is read.
 *
 * @throws DataError when it is missing, no file, or larger than the limit.
 */
export async function assertFileWithin(path: string, maxBytes: number): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    const message = `assertFileWithin: path must name a readable file; got ${path}. Check the folder.`;
    throw new DataError(message, { path }, cause);
  });
  if (found.isFile() && found.size <= maxBytes) return;
  const got = found.isFile() ? `${found.size} bytes` : "no file";
  const next = "Raise maxBytes if you trust it.";
  throw new DataError(`assertFileWithin: ${path} must be a file of at most ${maxBytes} bytes; got ${got}. ${next}`, {
    path,
    maxBytes,
    size: found.size,
  });
}

/** The bytes of a file. @throws DataError, before it is read, when it is missing, no file, or larger than the limit. */
export async function readBytes(path: string, { maxBytes = DEFAULT_LIMIT }: FileLimits = {}): Promise<Buffer> {
  await assertFileWithin(path, maxBytes);
  return readFile(path);
}

/** The text of UTF-8 bytes without its byte order mark. @throws DataError when they are no UTF-8 or hold a NUL. */
export function decodeText(bytes: Uint8Array, file: string): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // said below
  }
  throw new DataError(`decodeText: ${file} must be UTF-8 text; got other bytes. Save it as UTF-8.`, { file });
}

/** One line of a text file. */
interface TextLine {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** Bytes of the file read so far. */
  readonly bytesRead: number;
}

const NEWLINE = 0x0a;
const MOST_BYTES = 2 ** 20;

function refuseLine(file: string, line: number, rule: string, got: string): never {
  const message = `readLines: ${file}, line ${line}, must ${rule}; got ${got}. Check that it is the right file.`;
  throw new DataError(message, { file, line, rule, got });
}

/**
 * The lines of a UTF-8 text file, one at a time, without their ends; a byte order mark is left out, and so is what follows the
 * last line end when it is empty.
 *
 * @throws DataError naming file and line: unreadable file, a line longer than 1 MiB, bytes that are no UTF-8.
 */
export async function* readLines(file: string): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let [number, bytesRead] = [0, 0];
  let rest: Buffer = Buffer.alloc(0);
  const lineOf = (bytes: Buffer): TextLine => {
    number++;
    try {
      return { number, text: decoder.decode(bytes).replace(/\r$/, ""), bytesRead };
    } catch {
      return refuseLine(file, number, "be UTF-8 text", "other bytes");
    }
  };
  try {
    for await (const piece of createReadStream(file, { highWaterMark: 2 ** 18 })) {
      bytesRead += (piece as Buffer).length;
      const held = rest.length === 0 ? (piece as Buffer) : Buffer.concat([rest, piece as Buffer]);
      let start = 0;
      for (let end = held.indexOf(NEWLINE); end >= 0; end = held.indexOf(NEWLINE, start)) {
        yield lineOf(held.subarray(start, end));
        start = end + 1;
      }
      rest = held.subarray(start);
      if (rest.length > MOST_BYTES) refuseLine(file, number + 1, `have at most ${MOST_BYTES} bytes`, "more");
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`readLines: file must be readable; got ${file}. Check the folder.`, { file }, cause);
  }
  if (rest.length > 0) yield lineOf(rest);
}

/** One object of a JSON list, with its place for messages. */
export interface JsonRow {
  /** E.g. "trainset.json, row 12". */
  readonly place: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function refuse(place: string, rule: string, got: string, next: string, cause?: unknown): never {
  throw new DataError(`readJsonRows: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got }, cause);
}

/** What to do about a text that is no JSON: it may be another program's form of it. */
function adviceFor(text: string, fault: string): string {
  if (/[[:,]\s*(NaN|-?Infinity)\b/.test(text)) return "JSON knows no NaN or Infinity, which Python writes: write null.";
  if (/^\s*\{.*\}\r?\n\s*\{/.test(text)) return "One object a line (JSON Lines) is not read here: write one list.";
  if (/token '[\]}]'/.test(fault) && /,\s*[\]}]/.test(text))
    return "JSON knows no comma before a closing bracket: take it out.";
  return "Download the file again.";
}

/** Parses a JSON list of objects. @throws DataError naming file, row and reason. */
export function parseJsonRows(bytes: Uint8Array, file: string): JsonRow[] {
  const decoded = decodeText(bytes, file);
  let content: unknown;
  try {
    content = JSON.parse(decoded);
  } catch (cause) {
    refuse(file, "be sound JSON", (cause as Error).message, adviceFor(decoded, (cause as Error).message), cause);
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
  const isExact = typeof value === "number" && Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  const text = isExact ? String(value) : value;
  if (typeof text === "string" && text.trim() !== "") return text.trim();
  const got = text === undefined ? "no such field" : (JSON.stringify(value) ?? typeof value);
  return refuse(
    `${row.place}, field ${field}`,
    "be a text that is not empty",
    got.slice(0, 80),
    "Check the file (a number that lost digits: write it as text).",
  );
}

/** A field that must hold a list of texts that are not empty. @throws DataError naming row and field. */
export function textsField(row: JsonRow, field: string): string[] {
  const value = Object.hasOwn(row.fields, field) ? row.fields[field] : undefined;
  if (Array.isArray(value) && value.length > 0) {
    return value.map((text, i) =>
      textField({ place: `${row.place}, field ${field}`, fields: { [i]: text } }, String(i)),
    );
  }
  const got = value === undefined ? "no such field" : (JSON.stringify(value) ?? typeof value);
  return refuse(`${row.place}, field ${field}`, "be a list of texts", got.slice(0, 80), "Check the file.");
}

/** A field that may be missing; null then, and where it is empty. */
export function optionalText(row: JsonRow, field: string): string | null {
  const value = Object.hasOwn(row.fields, field) ? row.fields[field] : undefined;
  if (value === undefined || value === null || value === "") return null;
  return textField(row, field);
}
