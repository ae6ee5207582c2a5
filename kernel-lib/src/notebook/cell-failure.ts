import { StateError } from "../base/errors";
import type { ErrorOutput } from "./nbformat";

/** A cell failed. Details: notebook, cell (counted from 1 over all cells), ename, evalue. */
export class CellError extends StateError {}

const TYPE_ERROR = /^(\d+:\d+ - |\S+\.tsx? \d+:\d+ - )/;
const NAMED = /^(?:Uncaught )?([A-Z]\w*(?:Error|Exception|Interrupt)|Error)(?: \[[^\]]+\])?(?:: (.*))?$/;
const ENGINE_FRAME = /^\s+at .*(node:internal|node:vm|tslab\/dist\/)/;
const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");
const SHOWN_LINES = 5;

/** Whether this piece of stderr is a complaint of the type checker ("line:column - message"). */
export function isTypeComplaint(text: string): boolean {
  return TYPE_ERROR.test(text);
}

/**
 * The nbformat error output for a failed cell, from what the kernel wrote to stderr (it sends no error message of its own).
 * Frames of the kernel's own machinery are left out of the traceback.
 */
export function errorFromStderr(stderr: string): ErrorOutput {
  const lines = stderr
    .replaceAll(ANSI, "")
    .split("\n")
    .filter((line) => !ENGINE_FRAME.test(line));
  while (lines.length > 0 && lines[lines.length - 1]!.trim() === "") lines.pop();
  const named = lines.map((line) => NAMED.exec(line)).find((match) => match !== null);
  if (named) return { output_type: "error", ename: named[1]!, evalue: named[2] ?? "", traceback: lines };
  const first = lines.find((line) => line.trim() !== "") ?? "";
  const ename = isTypeComplaint(first) ? "TypeScriptError" : "Error";
  return { output_type: "error", ename, evalue: first || "the cell failed without a message", traceback: lines };
}

/** A source shortened to its first and last five lines. */
export function quoteSource(source: string): string {
  const lines = source.split("\n");
  if (lines.length <= 2 * SHOWN_LINES + 1) return source;
  const left = lines.length - 2 * SHOWN_LINES;
  return [...lines.slice(0, SHOWN_LINES), `… ${left} more lines …`, ...lines.slice(-SHOWN_LINES)].join("\n");
}

/** The error for a failed cell: names notebook and cell, quotes its source and the traceback. */
export function cellError(notebook: string, cell: number, source: string, error: ErrorOutput): CellError {
  const rule = "-".repeat(60);
  const message = [
    `runNotebook: cell ${cell} of ${notebook} must run without an error; got ${error.ename}: ${error.evalue}`,
    rule,
    quoteSource(source),
    rule,
    ...error.traceback,
  ].join("\n");
  return new CellError(message, {
    reason: "cell-failed",
    notebook,
    cell,
    ename: error.ename,
    evalue: error.evalue,
  });
}
