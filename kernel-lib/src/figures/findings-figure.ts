import type { Figure } from "../base/types";
import { type Dot, dotLines, dotTrace } from "./dot-plot";
import { numberIn, numberOrNull, type Row, rowsOf, type Table, textIn } from "./tables";
import { escapeText, points } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, note, type Trace } from "./theme";

const WHERE = "findingsFigure: rows";
const COLUMNS = [
  "claim",
  "says",
  "verdict",
  "because",
  "unit",
  "value",
  "low",
  "high",
  "publishedLow",
  "publishedHigh",
];
const LINE_HEIGHT = 34;
const BOTTOM = 56;
/** Of all lines together: the board stands on the first screen of the README, and more claims move closer. */
const MOST_HEIGHT = 700;
/** Beside the marks, for the verdicts. */
const RIGHT = 170;
/** Further than the widest gain of an accuracy need not be drawn to scale. */
const REACH = 0.4;

const VERDICT_COLORS: Readonly<Record<string, string>> = {
  reproduced: COLORS.good,
  contradicted: COLORS.bad,
  inconclusive: COLORS.line,
};

/**
 * Every claim of the paper on a line: the effect with its interval and the verdict; hollow diamonds, what the paper prints. Claims that were
 * not run keep their line, and a share (what is claimed of a part of a data set) is named by its verdict alone, since the axis is of points.
 *
 * Rows: the board's (claim, says, verdict, because, unit, value, low, high, publishedLow, publishedHigh), as boardRows gives them.
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function findingsFigure(rows: Table, context: FigureContext = {}): Figure {
  const all = rowsOf(WHERE, rows, COLUMNS);
  const lines = dotLines(all.map((row) => textIn(row, "claim").replaceAll("-", " ")));
  const shown = all.map((row, line) => ({ row, line })).filter(({ row }) => row["unit"] === "points");
  const measured = shown.flatMap(({ row, line }) => dotOf(row, line));
  const published = shown.flatMap(({ row, line }) => publishedDot(row, line));
  const reach = [...measured, ...published].flatMap(({ value, low, high }) => [value, low ?? value, high ?? value, 0]);
  const range = [Math.max(-REACH, ...[Math.min(...reach)]), Math.min(REACH, Math.max(...reach))].map((x) => 100 * x);
  const air = 0.08 * (range[1]! - range[0]!);
  return composeFigure({
    traces: [
      { ...dotTrace(measured, { fill: "filled", panel: 1, size: 10, unit: "points" }), mode: "markers" },
      {
        ...dotTrace(published, { fill: "hollow", symbol: "diamond", panel: 1, size: 8, unit: "points" }),
        mode: "markers",
      },
    ] satisfies Trace[],
    layout: {
      xaxis: { range: [range[0]! - air, range[1]! + air], title: { text: "Effect (points)" } },
      yaxis: lines.axis,
      shapes: [...lines.bands, zeroLine(all.length)],
      annotations: all.map(verdictNote),
    },
    bodyHeight: Math.min(LINE_HEIGHT * all.length, MOST_HEIGHT) + BOTTOM,
    margin: { l: lines.marginLeft, r: RIGHT, b: BOTTOM },
    title: titleOf(all),
    caption: all.map(captionOf).join("; "),
    note: "filled: here, 95 % intervals over seeds and questions; hollow: published",
    context: { data: "phantom", ...context },
  });
}

function dotOf(row: Row, line: number): Dot[] {
  const value = numberOrNull(row, "value");
  if (value === null) return [];
  const [low, high] = [numberIn(WHERE, row, "low"), numberIn(WHERE, row, "high")];
  const color = VERDICT_COLORS[textIn(row, "verdict")] ?? COLORS.muted;
  return [{ y: line, value, low, high, color, name: textIn(row, "says") }];
}

function publishedDot(row: Row, line: number): Dot[] {
  const [low, high] = [numberOrNull(row, "publishedLow"), numberOrNull(row, "publishedHigh")];
  if (low === null || high === null) return [];
  return [{ y: line + 0.22, value: (low + high) / 2, low, high, color: COLORS.muted, name: "published" }];
}

function verdictNote(row: Row, line: number): Layout {
  const verdict = textIn(row, "verdict");
  const color = verdict === "not run" ? COLORS.muted : (VERDICT_COLORS[verdict] ?? COLORS.muted);
  const because = textIn(row, "because");
  const text = because === "" ? verdict : because;
  const ink = verdict === "inconclusive" ? COLORS.muted : color;
  const place = { x: 1, xanchor: "left", xshift: 14, y: line, yref: "y" };
  return { ...note(escapeText(text), place), font: { size: 12, color: ink } };
}

function zeroLine(count: number): Layout {
  const line = { color: COLORS.ink, width: 1 };
  return { type: "line", x0: 0, x1: 0, y0: -0.5, y1: count - 0.5, line, layer: "below" };
}

function titleOf(rows: readonly Row[]): string {
  const count = (verdict: string): number => rows.filter((row) => row["verdict"] === verdict).length;
  const run = rows.length - count("not run");
  const against = count("contradicted");
  const parts = [
    `${count("reproduced")} are reproduced`,
    against === 0 ? "none is contradicted" : `${against} contradicted`,
  ];
  return `Of ${run} claims that were tested ${parts.join(", ")}`;
}

function captionOf(row: Row): string {
  const [value, low, high] = [numberOrNull(row, "value"), numberOrNull(row, "low"), numberOrNull(row, "high")];
  const interval =
    value === null || low === null || high === null ? "" : `, ${points(value)} [${points(low)}, ${points(high)}]`;
  return `${textIn(row, "says")}: ${textIn(row, "verdict")}${interval}`;
}
