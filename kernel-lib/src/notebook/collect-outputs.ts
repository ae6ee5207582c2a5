import { homedir, tmpdir } from "node:os";
import { StateError } from "../base/errors";
import type { MessageContent } from "../kernel/message";
import type { ErrorOutput, MimeBundle, Output } from "./notebook-file";
import { PROGRESS_ID } from "./progress";

/** What a cell publishes, as a notebook keeps it: without this machine's folders, and with an error where the cell failed. */

/** Removes what only this machine knows from a text that is stored: its folders. */
type PathCleaner = (text: string) => string;

const SPECIAL = /[.*+?^${}()|[\]\\]/g;

/** Matches a folder where it stands as a path of its own: not inside a longer word, nor inside base64 text. */
function pathPattern(path: string): RegExp {
  return new RegExp(`(?<![\\w+/=.-])(?:file://)?${path.replaceAll(SPECIAL, "\\$&")}(?![\\w+=-])`, "g");
}

/**
 * A cleaner that writes files of the project relative to its root, the home folder as `~` and the temporary folder as `<tmp>`.
 *
 * @param root absolute path of the project.
 */
export function createPathCleaner(root: string): PathCleaner {
  const folders: [string, string][] = [
    [root, "."],
    [tmpdir(), "<tmp>"],
    [homedir(), "~"],
  ];
  // a folder like "/" would replace every slash
  const patterns = folders
    .filter(([path]) => path.replaceAll("/", "").length > 0)
    .map(([path, name]) => [pathPattern(path), name] as const);
  return (text) => patterns.reduce((cleaned, [pattern, name]) => cleaned.replaceAll(pattern, name), text);
}

/** The cleaner applied to every text inside a JSON value. */
export function cleanValue(value: unknown, clean: PathCleaner): unknown {
  if (typeof value === "string") return clean(value);
  if (Array.isArray(value)) return value.map((entry) => cleanValue(entry, clean));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, cleanValue(entry, clean)]));
}

/** A cell failed. Details: notebook, cell (counted from 1 over all cells), ename, evalue. */
class CellError extends StateError {}

const TYPE_ERROR = /^(\d+:\d+ - |\S+\.tsx? \d+:\d+ - )/;
const NAMED = /^(?:Uncaught )?([A-Z]\w*(?:Error|Exception|Interrupt)|Error)(?: \[[^\]]+\])?(?:: (.*))?$/;
const ENGINE_FRAME = /^\s+at .*(node:internal|node:vm|tslab\/dist\/)/;
const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");
const SHOWN_LINES = 5;

/** Whether this piece of stderr is a complaint of the type checker ("line:column - message"). */
function isTypeComplaint(text: string): boolean {
  return TYPE_ERROR.test(text);
}

/**
 * The nbformat error output for a failed cell, from what the kernel wrote to stderr (it sends no error message of its own).
 * Frames of the kernel's own machinery are left out of the traceback.
 */
export function parseStderrError(stderr: string): ErrorOutput {
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
export function createCellError(notebook: string, cell: number, source: string, error: ErrorOutput): CellError {
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

/** An error as the kernel itself publishes it. */
function errorOutput({ ename, evalue, traceback }: MessageContent): ErrorOutput {
  const lines = Array.isArray(traceback) ? traceback.map(String) : [];
  return { output_type: "error", ename: String(ename ?? "Error"), evalue: String(evalue ?? ""), traceback: lines };
}

type Piece = { output: Output; displayId?: string };

/**
 * Turns the messages a cell publishes into nbformat outputs: neighbouring pieces of one stream become one,
 * an update of a display changes it where it stands (in earlier cells too), progress bars are passed on but not kept.
 */
export class OutputCollector {
  private readonly clean: PathCleaner;
  private readonly onProgressText: (text: string) => void;
  private readonly displays = new Map<string, Piece[]>();
  private pieces: Piece[] = [];
  private clearNext: "yes" | "no" = "no";

  constructor(clean: PathCleaner, onProgressText: (text: string) => void) {
    this.clean = clean;
    this.onProgressText = onProgressText;
  }

  /** Starts the next cell. The returned function gives its outputs as they stand, later updates included. */
  beginCell(): () => Output[] {
    const pieces: Piece[] = [];
    this.pieces = pieces;
    this.clearNext = "no";
    // joined first: a path may be written in two pieces
    return () =>
      mergeStreams(pieces.map((piece) => piece.output)).map((output) => cleanValue(output, this.clean) as Output);
  }

  /** Takes one published message. */
  add(type: string, content: MessageContent): void {
    if (type === "clear_output") {
      if (content["wait"] === true) this.clearNext = "yes";
      else this.pieces.length = 0;
    } else if (type === "update_display_data") this.update(content);
    else {
      const piece = this.toPiece(type, content);
      if (piece === null) return;
      if (this.clearNext === "yes") this.pieces.length = 0;
      this.clearNext = "no";
      this.pieces.push(piece);
      if (piece.displayId !== undefined)
        this.displays.set(piece.displayId, [...(this.displays.get(piece.displayId) ?? []), piece]);
    }
  }

  private toPiece(type: string, content: MessageContent): Piece | null {
    if (type === "stream") {
      const name = content["name"] === "stderr" ? "stderr" : "stdout";
      return { output: { output_type: "stream", name, text: String(content["text"] ?? "") } };
    }
    if (type === "error") return { output: errorOutput(content) };
    if (type !== "display_data" && type !== "execute_result") return null;
    const data = (content["data"] ?? {}) as MimeBundle;
    const metadata = (content["metadata"] ?? {}) as MimeBundle;
    const id = (content["transient"] as { display_id?: unknown } | undefined)?.display_id;
    if (this.isProgress(id, data)) return null;
    const output: Output =
      type === "display_data"
        ? { output_type: type, data, metadata }
        : { output_type: type, data, metadata, execution_count: Number(content["execution_count"]) };
    return typeof id === "string" ? { output, displayId: id } : { output };
  }

  private isProgress(id: unknown, data: MimeBundle): boolean {
    if (typeof id !== "string" || !id.startsWith(PROGRESS_ID)) return false;
    this.onProgressText(String(data["text/plain"] ?? ""));
    return true;
  }

  private update(content: MessageContent): void {
    const data = (content["data"] ?? {}) as MimeBundle;
    const metadata = (content["metadata"] ?? {}) as MimeBundle;
    const id = (content["transient"] as { display_id?: unknown } | undefined)?.display_id;
    if (this.isProgress(id, data) || typeof id !== "string") return;
    for (const piece of this.displays.get(id) ?? []) piece.output = { ...piece.output, data, metadata } as Output;
  }

  /**
   * Adds the error output of the failed current cell, made from the last thing it wrote to stderr (which then is no stream output any more).
   * A kernel that published an error message itself keeps that.
   */
  fail(): ErrorOutput {
    const own = this.pieces.map((piece) => piece.output).find((output) => output.output_type === "error");
    if (own) return cleanValue(own, this.clean) as ErrorOutput;
    const taken: string[] = [];
    for (let i = this.pieces.length - 1; i >= 0; i--) {
      const { output } = this.pieces[i]!;
      if (output.output_type !== "stream" || output.name !== "stderr") continue;
      if (taken.length > 0 && !(isTypeComplaint(output.text) && isTypeComplaint(taken[0]!))) break;
      taken.unshift(output.text);
      this.pieces.splice(i, 1);
    }
    const error = parseStderrError(this.clean(taken.join("")));
    this.pieces.push({ output: error });
    return error;
  }
}

function mergeStreams(outputs: readonly Output[]): Output[] {
  const merged: Output[] = [];
  for (const output of outputs) {
    const last = merged[merged.length - 1];
    if (output.output_type === "stream" && last?.output_type === "stream" && last.name === output.name)
      merged[merged.length - 1] = { ...last, text: last.text + output.text };
    else merged.push(output);
  }
  return merged;
}
