import { SourceMap, type SourceMapPayload } from "node:module";

/** Changes to a text, and the way back from a position in the changed text to the original one. */

/** A place in a text; both counted from 0, columns in UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** From a position in a generated text to the one it came from; null where nothing came from. */
export type PositionMap = (position: Position) => Position | null;

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Offsets where the lines of a text begin. */
function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** Index of the last entry that is not greater than the value; -1 when all are. */
function lastNotAbove(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Line and column of an offset. */
export function positionAt(text: string, offset: number): Position {
  const starts = lineStarts(text);
  const line = Math.max(0, lastNotAbove(starts, offset));
  return { line, column: offset - starts[line]! };
}

/** Insertions and replacements of one text, collected in any order. */
export class Edits {
  private readonly edits: Edit[] = [];

  /** Text before what stands at this offset; of several at one place the first given comes first. */
  insert(offset: number, text: string): void {
    this.edits.push({ start: offset, end: offset, text });
  }

  /** Text instead of a range; ranges must not overlap. */
  replace(start: number, end: number, text: string): void {
    this.edits.push({ start, end, text });
  }

  /** The changed text between a head and a tail, and the map back. */
  apply(source: string, head: string, tail: string): { text: string; map: PositionMap } {
    const edits = this.edits
      .map((edit, order) => ({ ...edit, order }))
      .sort((a, b) => a.start - b.start || a.end - b.end || a.order - b.order);
    const pieces = [head];
    const generated: number[] = [];
    const original: number[] = [];
    let [at, length] = [0, head.length];
    const keep = (end: number): void => {
      generated.push(length);
      original.push(at);
      pieces.push(source.slice(at, end));
      length += end - at;
      at = end;
    };
    for (const edit of edits) {
      keep(edit.start);
      pieces.push(edit.text);
      length += edit.text.length;
      at = edit.end;
    }
    keep(source.length);
    const text = pieces.join("") + tail;
    return { text, map: mapBack(text, source, generated, original) };
  }
}

/** A map from two parallel lists: where each kept piece begins in the generated and in the original text. */
function mapBack(text: string, source: string, generated: readonly number[], original: readonly number[]): PositionMap {
  const [textStarts, sourceStarts] = [lineStarts(text), lineStarts(source)];
  return ({ line, column }) => {
    const start = textStarts[line];
    if (start === undefined) return null;
    const piece = lastNotAbove(generated, start + column);
    if (piece < 0) return null;
    const next = original[piece + 1] ?? source.length;
    const offset = Math.min(original[piece]! + start + column - generated[piece]!, next);
    const found = lastNotAbove(sourceStarts, offset);
    return { line: found, column: offset - sourceStarts[found]! };
  };
}

/** The map of a source map (version 3) with one source; read when it is first asked, as of most cells nobody asks. */
export function mapOf(payload: string): PositionMap {
  let map: SourceMap | undefined;
  return ({ line, column }) => {
    map ??= new SourceMap(JSON.parse(payload) as SourceMapPayload);
    const entry = map.findEntry(line, column) as { originalLine?: number; originalColumn?: number };
    if (entry.originalLine === undefined || entry.originalColumn === undefined) return null;
    return { line: entry.originalLine, column: entry.originalColumn };
  };
}

/** One map after the other: `outer` leads from the last text to the middle one, `inner` on to the first. */
export function chainMaps(outer: PositionMap, inner: PositionMap): PositionMap {
  return (position) => {
    const between = outer(position);
    return between === null ? null : inner(between);
  };
}
