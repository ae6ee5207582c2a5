import { DataError } from "../base/errors";
import type { Figure } from "../base/types";
import {
  contextOf,
  groupRows,
  numberIn,
  numberOrNull,
  type Row,
  rowsOf,
  type Table,
  textIn,
  textOrNull,
} from "./tables";
import { escapeText, percent } from "./text";
import {
  COLORS,
  composeFigure,
  type FigureContext,
  type Layout,
  logAxis,
  note,
  roundTicks,
  SERIES_COLORS,
  type Trace,
} from "./theme";

/** One approximate index over its search widths, and the exact search of the same view. */
interface Series {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly exact: number | null;
  readonly color: string;
}

const ENOUGH = 0.95;
const PANEL = 190;
const GAP = 58;
const BOTTOM = 58;

/**
 * What the approximate index costs and gains: recall@k and queries per second against its search width `ef`,
 * exact search as the reference. Several indexes (the two views) become several lines.
 *
 * Rows: recall frame (index, ef, k, recall, queriesPerSecond; head where there are several views). A row with `ef` null is the
 * exact search of its head, or of all where it names none.
 *
 * @throws DataError when rows are missing, lack a column, or none has an `ef`.
 */
export function recallFigure(rows: Table, options: FigureContext = {}): Figure {
  const all = rowsOf("recallFigure: rows", rows, ["index", "ef", "k", "recall", "queriesPerSecond"]);
  const series = seriesOf(all);
  const searched = series.flatMap((entry) => entry.rows);
  const exact = series.flatMap((entry) => (entry.exact === null ? [] : [entry.exact]));
  const height = 2 * PANEL + GAP;
  return composeFigure({
    traces: series.flatMap((entry) => [recallLine(entry, series.length), speedLine(entry, series.length)]),
    layout: {
      xaxis: { ...efAxis(searched), anchor: "y", showticklabels: false },
      xaxis2: { ...efAxis(searched), anchor: "y2", title: { text: "Search width ef (log scale)" } },
      yaxis: {
        domain: [(PANEL + GAP) / height, 1],
        ...recallAxis(searched),
        title: { text: `Recall@${k(searched)} (%)` },
      },
      yaxis2: {
        domain: [0, PANEL / height],
        title: { text: "Queries per second" },
        ...logAxis([...searched.map(speed), ...exact], thousands),
      },
      shapes: [level("y", 100, COLORS.muted), ...series.flatMap((entry) => exactLevel(entry, series.length))],
      annotations: exactTexts(exact),
      showlegend: series.length > 1,
      legend: { orientation: "h", x: 0, y: (PANEL + 0.72 * GAP) / height, yanchor: "top", font: { size: 12 } },
    },
    bodyHeight: height + BOTTOM,
    margin: { l: 88, r: 40, b: BOTTOM, t: 26 },
    title: titleOf(series),
    caption: series.map(captionOf).join(" "),
    note: "dashed: exact search",
    context: { ...contextOf(all), ...options },
  });
}

const ef = (row: Row): number => numberIn("recallFigure: rows", row, "ef");
const recall = (row: Row): number => numberIn("recallFigure: rows", row, "recall");
const speed = (row: Row): number => numberIn("recallFigure: rows", row, "queriesPerSecond");
const k = (rows: readonly Row[]): string => textIn(rows[0]!, "k");

function seriesOf(all: readonly Row[]): Series[] {
  const searched = all.filter((row) => numberOrNull(row, "ef") !== null);
  if (searched.length === 0) {
    throw new DataError(
      "recallFigure: rows must hold a row with a number in ef; got only the exact index. Measure HNSW first.",
    );
  }
  const exact = all.filter((row) => numberOrNull(row, "ef") === null);
  return [...groupRows(searched, "index")].map(([name, own], index) => {
    const head = textOrNull(own[0]!, "head");
    const reference =
      exact.find((row) => textOrNull(row, "head") === head) ?? exact.find((row) => textOrNull(row, "head") === null);
    return {
      name,
      rows: [...own].sort((a, b) => ef(a) - ef(b)),
      exact: reference === undefined ? null : speed(reference),
      color: SERIES_COLORS[index % SERIES_COLORS.length]!,
    };
  });
}

function thousands(value: number): string {
  const digits = value >= 100 ? Number(value.toPrecision(3)) : Number(value.toPrecision(2));
  return digits.toLocaleString("en-US");
}

function recallLine(entry: Series, count: number): Trace {
  const values = entry.rows.map((row) => 100 * recall(row));
  const text = entry.rows.map((row) => percent(recall(row)));
  return { ...lineOf(entry, count, values, text), xaxis: "x", yaxis: "y", textposition: "bottom center" };
}

function speedLine(entry: Series, count: number): Trace {
  const values = entry.rows.map(speed);
  const line = lineOf(entry, count, values, values.map(thousands));
  // a number just under the line of the exact search would be written over it
  const isUnderExact = (value: number) => entry.exact !== null && value < entry.exact && 2 * value > entry.exact;
  const textposition = values.map((value) => (isUnderExact(value) ? "bottom center" : "top center"));
  return { ...line, xaxis: "x2", yaxis: "y2", textposition, showlegend: false };
}

/** Values are printed at the marks of a single line; the marks of several would cover each other's. */
function lineOf(entry: Series, count: number, y: readonly number[], text: readonly string[]): Trace {
  return {
    type: "scatter",
    mode: count === 1 ? "lines+markers+text" : "lines+markers",
    name: escapeText(entry.name),
    x: entry.rows.map(ef),
    y,
    text,
    textfont: { size: 12, color: COLORS.ink },
    line: { color: entry.color, width: 2.5 },
    marker: { size: 9, color: entry.color },
    cliponaxis: false,
    hoverinfo: "name+x+text",
  };
}

function efAxis(rows: readonly Row[]): Layout {
  const values = [...new Set(rows.map(ef))].sort((a, b) => a - b);
  const [low, high] = [Math.log10(values[0]!), Math.log10(values[values.length - 1]!)];
  const air = Math.max(0.1, 0.06 * (high - low));
  return { type: "log", tickvals: values, ticktext: values.map(String), range: [low - air, high + air] };
}

function recallAxis(rows: readonly Row[]): Layout {
  const low = 100 * Math.min(...rows.map(recall));
  const air = Math.max(1.5, 0.22 * (100 - low));
  return { range: [low - air, 100 + 0.4 * air], tickvals: roundTicks(Math.max(0, low - air), 100, 5) };
}

function level(yref: "y" | "y2", y: number, color: string): Layout {
  const stroke = { color, width: 1.5, dash: "dash" };
  return { type: "line", xref: "paper", x0: 0, x1: 1, yref, y0: y, y1: y, line: stroke, layer: "below" };
}

function exactLevel(entry: Series, count: number): Layout[] {
  return entry.exact === null ? [] : [level("y2", entry.exact, count === 1 ? COLORS.muted : entry.color)];
}

function exactTexts(exact: readonly number[]): Layout[] {
  const place = { x: 1, xanchor: "right", yanchor: "bottom", yshift: 1 };
  const texts = [note("exact search", { ...place, yref: "y", y: 100 })];
  if (exact.length === 0) return texts;
  const speeds = [...new Set(exact.map(thousands))].join(" and ");
  return [...texts, note(`exact search, ${speeds}`, { ...place, yref: "y2", y: Math.log10(Math.max(...exact)) })];
}

/** What every series reaches at least at one width: its lowest recall, its smallest gain over the exact search. */
interface Reached {
  readonly ef: number;
  readonly recall: number;
  readonly ratio: number | null;
}

function reachedAt(series: readonly Series[]): Reached[] {
  return series[0]!.rows.flatMap((row) => {
    const same = series.map((entry) => entry.rows.find((other) => ef(other) === ef(row)));
    if (same.some((other) => other === undefined)) return [];
    const ratios = series.map((entry, i) => (entry.exact === null ? null : speed(same[i]!) / entry.exact));
    const ratio = ratios.some((value) => value === null) ? null : Math.min(...(ratios as number[]));
    return [{ ef: ef(row), recall: Math.min(...same.map((other) => recall(other!))), ratio }];
  });
}

/** The smallest `ef` that reaches 95 % recall in every series (else the best one) and what it gains over exact search. */
function titleOf(series: readonly Series[]): string {
  const reached = reachedAt(series);
  if (reached.length === 0) return "HNSW against exact search: recall and speed by search width";
  const enough = reached.find((entry) => entry.recall >= ENOUGH);
  const chosen = enough ?? reached.reduce((a, b) => (b.recall > a.recall ? b : a));
  const many = series.length > 1 ? "at least " : "";
  const found = `${percent(chosen.recall)} % of the true ${k(series[0]!.rows)} nearest`;
  const start = enough === undefined ? `HNSW finds no more than ${found}` : `HNSW finds ${many}${found}`;
  const at = `at ef = ${chosen.ef}`;
  if (chosen.ratio === null) return `${start} ${at}`;
  if (chosen.ratio > 1.05) return `${start} ${at}, ${many}${factor(chosen.ratio)} times as fast as the exact search`;
  if (chosen.ratio < 0.95) return `${start} ${at}, but the exact search is ${factor(1 / chosen.ratio)} times as fast`;
  return `${start} ${at}, about as fast as the exact search`;
}

function factor(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1);
}

function captionOf(entry: Series): string {
  const parts = entry.rows.map(
    (row) => `ef ${ef(row)}: recall ${percent(recall(row))} %, ${thousands(speed(row))} queries/s`,
  );
  const exact = entry.exact === null ? "" : `; exact search: ${thousands(entry.exact)} queries/s`;
  return `${entry.name}: ${parts.join("; ")}${exact}.`;
}
