import { inspect } from "node:util";
import { codeFrame, paint } from "../code-frame";
import { CellSyntaxError } from "../compile/compile";
import type { ShownError } from "../events";
import { findSource, plainNames } from "./stack";

/** A thrown value as name, message and traceback: the place in the cell with its lines, the user's functions, the causes. */

const MAX_CAUSES = 5;
const FRAME = /^ {4}at (?:(.*) \()?(.+?):(\d+):(\d+)\)?$/;

interface Frame {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

function parseFrame(text: string): Frame | null {
  const match = FRAME.exec(text);
  if (match === null) return null;
  return { name: match[1] ?? "", file: match[2]!, line: Number(match[3]), column: Number(match[4]) };
}

const placeText = ({ file, line, column }: Frame): string => `${file}, line ${line}, column ${column}`;

/** The lines below the message: the first place in the user's code with its lines, then who called. */
function stackLines(stack: string): string[] {
  const frames = stack.split("\n").filter((line) => /^ {4}at /.test(line));
  const own = frames.findIndex((line) => findSource(parseFrame(line)?.file ?? "") !== undefined);
  if (own < 0) return frames;
  const frame = parseFrame(frames[own]!)!;
  const source = findSource(frame.file)!.source;
  const calls = frames.map((line) => {
    const parsed = parseFrame(line);
    if (parsed === null || findSource(parsed.file) === undefined) return line;
    return parsed.name === "" ? `    at ${placeText(parsed)}` : `    at ${parsed.name} (${placeText(parsed)})`;
  });
  return [paint(32, placeText(frame)), ...codeFrame(source, frame), ...calls];
}

function messageOf(error: Error): string {
  return plainNames(typeof error.message === "string" ? error.message : String(error.message));
}

/** Own properties beside message and stack, as Node prints them below a stack: code, errno … */
function extraLines(error: Error): string[] {
  const left = ["stack", "message", "name", "cause", "errors"];
  const extra = Object.entries(error).filter(([key]) => !left.includes(key));
  return extra.map(
    ([key, value]) => `    ${key}: ${inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY })}`,
  );
}

function errorLines(error: Error, depth: number): string[] {
  const title = `${paint(31, nameOf(error))}: ${messageOf(error)}`;
  const stack = typeof error.stack === "string" ? error.stack : "";
  const lines = [title, ...(error instanceof CellSyntaxError ? [] : [...stackLines(stack), ...extraLines(error)])];
  if (depth >= MAX_CAUSES) return lines;
  if (error instanceof AggregateError)
    for (const [i, one] of error.errors.entries())
      lines.push(`[errors ${i}]:`, ...anyLines(one, depth + 1).map(indent));
  if (error.cause !== undefined) lines.push("[cause]:", ...anyLines(error.cause, depth + 1).map(indent));
  return lines;
}

const indent = (line: string): string => `  ${line}`;

function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

function anyLines(value: unknown, depth: number): string[] {
  return isError(value) ? errorLines(value, depth) : inspect(value, { depth: 2 }).split("\n");
}

function nameOf(error: Error): string {
  const own = typeof error.name === "string" && error.name !== "" ? error.name : "Error";
  return own === "Error" && error.constructor?.name ? error.constructor.name : own;
}

/** What a front end shows of a thrown value. It never throws. */
export function showError(thrown: unknown): ShownError {
  try {
    if (isError(thrown)) return { ename: nameOf(thrown), evalue: messageOf(thrown), traceback: errorLines(thrown, 0) };
    const text = inspect(thrown, { depth: 2 });
    return { ename: "Thrown", evalue: text, traceback: [`${paint(31, "Thrown")}: ${text}`] };
  } catch {
    return { ename: "Error", evalue: "an error that cannot be shown", traceback: [] };
  }
}

/** The error of a cell that is not TypeScript, with its line marked. */
export function showSyntaxError(error: CellSyntaxError, label: string, source: string): ShownError {
  const shown = showError(error);
  if (error.line === undefined) return shown;
  const place = { name: "", file: label, line: error.line, column: error.column ?? 1 };
  const frame = codeFrame(source, place);
  return { ...shown, traceback: [...shown.traceback.slice(0, 1), paint(32, placeText(place)), ...frame] };
}
