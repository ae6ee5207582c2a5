import { ConfigError, DataError } from "../base/errors";
import { sum } from "../base/numbers";
import type { Figure } from "../base/types";
import { focusOf, systemStyles } from "./dot-plot";
import { contextOf, distinct, type Row, rowsOf, type Table, textIn } from "./tables";
import { escapeText, percent, shortenText, textWidth } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, SEQUENTIAL_SCALE, SIZES, type Trace } from "./theme";

export interface ConfusionOptions extends FigureContext {
  /** Names of the labels, in the order of their indices. Default: the indices. */
  readonly labelNames?: readonly string[] | undefined;
  /** Which system. Default: JOMED, else the last one. */
  readonly system?: string | undefined;
}

const CELL_HEIGHT = 56;
const NAME_WIDTH = 150;

/**
 * Which labels a system takes for which others: counts, coloured by their share of the true label.
 *
 * Rows: predictions frame (system, truth, answer) of one-label answers, by label index. Answers that name no label (null) get a column of their
 * own.
 *
 * @throws DataError when rows are missing or lack a column. ConfigError when the system is not among them.
 */
export function confusionFigure(rows: Table, options: ConfusionOptions = {}): Figure {
  const all = rowsOf("confusionFigure: rows", rows, ["system", "truth", "answer"]);
  const systems = distinct(all, "system");
  const system = options.system ?? focusOf(systems).focus;
  const own = all.filter((row) => textIn(row, "system") === system);
  if (own.length === 0) {
    throw new ConfigError(
      `confusionFigure: system must be one of ${systems.join(", ")}; got ${JSON.stringify(system)}.`,
    );
  }
  const size = Math.max(
    options.labelNames?.length ?? 0,
    ...own.flatMap((row) => [labelAt(row, "truth") + 1, labelAt(row, "answer") + 1]),
  );
  const names = Array.from({ length: size }, (_, label) => options.labelNames?.[label] ?? String(label));
  const counts = countPairs(own, size); // [C, C + 1]: last column unparsed
  const unparsed = counts.some((line) => line[size]! > 0);
  const columns = unparsed ? [...names, "no label"] : names;
  const label = systemStyles(systems).get(system)!.label;
  const shares = counts.map((line) => shareLine(line.slice(0, columns.length)));
  const left = Math.max(...names.map((name) => textWidth(shortenText(name, NAME_WIDTH, SIZES.text), SIZES.text)));
  const width = Math.min(860, Math.max(620, 90 * columns.length + left + 120));
  return composeFigure({
    width,
    traces: [heatmap(shares)],
    layout: {
      xaxis: {
        ...labelAxis(columns, `Answer of ${shortenText(label, 300, SIZES.text)}`),
        tickangle: slanted(columns, width - left) ? -40 : 0,
      },
      yaxis: { ...labelAxis(names, "True label"), autorange: "reversed", ticklabelstandoff: 6 },
      annotations: cellTexts(counts, shares, columns.length),
    },
    bodyHeight: CELL_HEIGHT * size + (slanted(columns, width - left) ? 170 : 70),
    margin: { l: Math.ceil(left) + 62, b: slanted(columns, width - left) ? 160 : 60 },
    title: titleOf(counts, columns, label),
    caption: captionOf(counts, columns, label),
    note: "count and share of the true label",
    context: { ...contextOf(own), n: own.length, ...options },
  });
}

/** A label's index, -1 for an answer that names none. */
function labelAt(row: Row, column: "truth" | "answer"): number {
  if (row[column] === null) return -1;
  const index = Number(textIn(row, column));
  if (Number.isInteger(index)) return index;
  throw new DataError(
    `confusionFigure: ${column} must be a label's index; got ${JSON.stringify(row[column])}. Leave out other forms of answer.`,
    { column, value: row[column] },
  );
}

function countPairs(rows: readonly Row[], size: number): number[][] {
  const counts = Array.from({ length: size }, () => new Array<number>(size + 1).fill(0));
  for (const row of rows) {
    const answer = labelAt(row, "answer");
    counts[labelAt(row, "truth")]![answer < 0 ? size : answer]!++;
  }
  return counts;
}

function shareLine(line: readonly number[]): number[] {
  const total = sum(line);
  return line.map((count) => (total === 0 ? 0 : (100 * count) / total));
}

function heatmap(shares: readonly number[][]): Trace {
  const look = { zmin: 0, zmax: 100, colorscale: SEQUENTIAL_SCALE, showscale: false, xgap: 3, ygap: 3 };
  return { type: "heatmap", z: shares, hoverinfo: "z", ...look };
}

function labelAxis(names: readonly string[], title: string): Layout {
  return {
    title: { text: escapeText(title), standoff: 14 },
    showgrid: false,
    tickvals: names.map((_, index) => index),
    ticktext: names.map((name) => escapeText(shortenText(name, NAME_WIDTH, SIZES.text))),
    tickfont: { size: SIZES.text, color: COLORS.ink },
  };
}

function slanted(columns: readonly string[], width: number): boolean {
  const widest = Math.max(...columns.map((name) => textWidth(shortenText(name, NAME_WIDTH, SIZES.text), SIZES.text)));
  return widest > width / columns.length - 16;
}

function cellTexts(counts: readonly number[][], shares: readonly number[][], width: number): Layout[] {
  return counts.flatMap((line, y) =>
    line.slice(0, width).map((count, x) => ({
      x,
      y,
      text:
        count === 0
          ? "0"
          : `<b>${count}</b><br><span style="font-size:11px">${percent(shares[y]![x]! / 100, 0)} %</span>`,
      showarrow: false,
      font: { size: 14, color: count === 0 ? COLORS.line : shares[y]![x]! > 60 ? COLORS.paper : COLORS.ink },
    })),
  );
}

/** The most frequent wrong pair, or null when every answer is right. */
function worstPair(counts: readonly number[][]): { truth: number; answer: number; count: number } | null {
  let worst: { truth: number; answer: number; count: number } | null = null;
  counts.forEach((line, truth) => {
    line.forEach((count, answer) => {
      if (answer !== truth && count > (worst?.count ?? 0)) worst = { truth, answer, count };
    });
  });
  return worst;
}

function titleOf(counts: readonly number[][], columns: readonly string[], label: string): string {
  const worst = worstPair(counts);
  const total = sum(counts.flat());
  if (worst === null) return `${label} answers every question right (${total} of ${total})`;
  const of = sum(counts[worst.truth]!);
  const truth = columns[worst.truth]!;
  const many = `${worst.count} of ${of}`;
  if (worst.answer === counts.length) return `${label} most often fails on ${truth} by naming no label (${many})`;
  return `${label}’s most frequent mistake: ${truth} taken for ${columns[worst.answer]} (${many})`;
}

function captionOf(counts: readonly number[][], columns: readonly string[], label: string): string {
  const parts = counts.map((line, truth) => {
    const of = sum(line);
    return `${columns[truth]}: ${line[truth]} of ${of} right`;
  });
  return `Answers of ${label} by true label. ${parts.join("; ")}.`;
}
