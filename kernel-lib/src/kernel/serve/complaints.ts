import { codeFrame, paint } from "../code-frame";
import type { ShownError } from "../events";
import type { Complaint } from "../types/cell-types";

/** What the type checker says of a cell, as an error or as a warning. */

/** How complaints about types are treated. */
export type TypeErrors = "block" | "warn" | "off";

/**
 * Complaints that a value may be missing (possibly undefined, not set yet, of unknown type). They are shown, and the cell runs:
 * whether it is missing shows then, as in JavaScript and in plain tslab. A value that is certainly missing is an error.
 */
const MAY_BE_MISSING = new Set([2454, 2531, 2532, 2533, 2564, 2722, 18046, 18047, 18048, 18049]);
const PERHAPS = /'[^']*(?:\| (?:undefined|null)\b|\b(?:undefined|null) \|)[^']*'/;

function mayBeMissing({ code, message }: Complaint): boolean {
  return MAY_BE_MISSING.has(code) || PERHAPS.test(message.split("\n", 1)[0]!.split(" assignable to ")[0]!);
}

const MAX_SHOWN = 10;
const NO_CHECK = /^\s*(?:\/\/[^\n]*\n\s*)*\/\/\s*@ts-nocheck\b/;

/** Sorted by what happens to the cell. */
export interface Judged {
  readonly errors: readonly Complaint[];
  readonly warnings: readonly Complaint[];
}

/** @param source of the cell; a first comment `// @ts-nocheck` leaves the grammar only. */
export function judge(complaints: readonly Complaint[], source: string, mode: TypeErrors): Judged {
  const isGrammar = ({ kind }: Complaint): boolean => kind === "syntax";
  if (mode === "off" || NO_CHECK.test(source)) return { errors: complaints.filter(isGrammar), warnings: [] };
  const isError = (one: Complaint): boolean => isGrammar(one) || (mode === "block" && !mayBeMissing(one));
  return { errors: complaints.filter(isError), warnings: complaints.filter((one) => !isError(one)) };
}

function complaintLines({ code, message, line, column, length }: Complaint, label: string, source: string): string[] {
  const place = paint(32, `${label}, line ${line}, column ${column}`);
  return [`${paint(31, `TS${code}`)}: ${message}`, place, ...codeFrame(source, { line, column, length })];
}

function allLines(complaints: readonly Complaint[], label: string, source: string): string[] {
  const shown = complaints.slice(0, MAX_SHOWN).flatMap((one) => complaintLines(one, label, source));
  const left = complaints.length - MAX_SHOWN;
  return left > 0 ? [...shown, `… and ${left} more`] : shown;
}

/** The error of a cell that is not run. */
export function complaintError(complaints: readonly Complaint[], label: string, source: string): ShownError {
  const [first] = complaints as [Complaint, ...Complaint[]];
  const ename = first.kind === "syntax" ? "SyntaxError" : "TypeScriptError";
  const more = complaints.length > 1 ? ` (and ${complaints.length - 1} more)` : "";
  const evalue = `${first.line}:${first.column} - TS${first.code}: ${first.message}${more}`;
  return { ename, evalue, traceback: [`${paint(31, ename)}: ${evalue}`, ...allLines(complaints, label, source)] };
}

/** The text of complaints that do not stop the cell. */
export function warningText(complaints: readonly Complaint[], label: string, source: string): string {
  return `${allLines(complaints, label, source).join("\n")}\n`;
}
