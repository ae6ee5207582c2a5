/** Lines of source with a mark below the place that is meant. */

const CONTEXT_LINES = 2;

/** The text in this colour (an ANSI code), where colours are wanted: NO_COLOR switches them off. */
export function paint(code: number, text: string): string {
  return process.env["NO_COLOR"] === undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
}

/** A place in a source; both counted from 1. */
export interface MarkedPlace {
  readonly line: number;
  readonly column: number;
  /** Characters marked. Default 1. */
  readonly length?: number;
}

/** The marked line with its neighbours. */
export function codeFrame(source: string, { line, column, length = 1 }: MarkedPlace): string[] {
  const lines = source.split("\n");
  const [first, last] = [Math.max(1, line - CONTEXT_LINES), Math.min(lines.length, line + CONTEXT_LINES)];
  const width = String(last).length;
  const shown: string[] = [];
  for (let number = first; number <= last; number++) {
    const mark = number === line ? ">" : " ";
    shown.push(`${mark} ${String(number).padStart(width)} | ${lines[number - 1]!}`.trimEnd());
    if (number !== line) continue;
    shown.push(`  ${" ".repeat(width)} | ${" ".repeat(Math.max(0, column - 1))}${paint(31, "^".repeat(length))}`);
  }
  return shown;
}
