import { DataError } from "../base/errors";
import type { Figure } from "../base/types";
import { logAxis, roundTicks } from "./axes";
import { contextOf } from "./results";
import { numberIn, numberOrNull, type Row, rowsOf, type Table, textIn } from "./rows";
import { percent } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, note, SERIES_COLORS, type Trace } from "./theme";

const ENOUGH = 0.95;
const PANEL = 190;
const GAP = 58;
const BOTTOM = 58;

/**
 * What the approximate index costs and gains: recall@k and queries per second against its search width `ef`,
 * the exact index as the reference.
 *
 * Rows: recall frame (index, ef, k, recall, queriesPerSecond); the row with `ef` null (index "exact" or "flat") is the exact search.
 *
 * @throws DataError when rows are missing, lack a column, or none has an `ef`.
 */
export function recallFigure(rows: Table, options: FigureContext = {}): Figure {
  const all = rowsOf("recallFigure: rows", rows, ["index", "ef", "k", "recall", "queriesPerSecond"]);
  const exact = all.find((row) => numberOrNull(row, "ef") === null) ?? null;
  const searched = all.filter((row) => numberOrNull(row, "ef") !== null);
  if (searched.length === 0) {
    throw new DataError(
      "recallFigure: rows must hold a row with a number in ef; got only the exact index. Measure HNSW first.",
    );
  }
  const sorted = [...searched].sort((a, b) => ef(a) - ef(b));
  const exactSpeed = exact === null ? null : speed(exact);
  const height = 2 * PANEL + GAP;
  return composeFigure({
    traces: [
      line(
        sorted,
        recall,
        "",
        sorted.map((row) => percent(recall(row))),
      ),
      line(
        sorted,
        speed,
        "2",
        sorted.map((row) => thousands(speed(row))),
      ),
    ],
    layout: {
      xaxis: { ...efAxis(sorted), anchor: "y", showticklabels: false },
      xaxis2: { ...efAxis(sorted), anchor: "y2", title: { text: "Search width ef (log scale)" } },
      yaxis: {
        domain: [(PANEL + GAP) / height, 1],
        ...recallAxis(sorted),
        title: { text: `Recall@${k(sorted)} (%)` },
      },
      yaxis2: {
        domain: [0, PANEL / height],
        title: { text: "Queries per second" },
        ...logAxis([...sorted.map(speed), ...(exactSpeed === null ? [] : [exactSpeed])], thousands),
      },
      shapes: [level("y", 100), ...(exactSpeed === null ? [] : [level("y2", exactSpeed)])],
      annotations: [
        levelText("y", 100, "exact search"),
        ...(exactSpeed === null
          ? []
          : [levelText("y2", Math.log10(exactSpeed), `exact search, ${thousands(exactSpeed)}`)]),
      ],
    },
    bodyHeight: height + BOTTOM,
    margin: { l: 88, r: 40, b: BOTTOM, t: 26 },
    title: titleOf(sorted, exactSpeed),
    caption: sorted
      .map((row) => `ef ${ef(row)}: recall ${percent(recall(row))} %, ${thousands(speed(row))} queries/s`)
      .join("; "),
    context: { ...contextOf(all), ...options },
  });
}

const ef = (row: Row): number => numberIn("recallFigure: rows", row, "ef");
const recall = (row: Row): number => numberIn("recallFigure: rows", row, "recall");
const speed = (row: Row): number => numberIn("recallFigure: rows", row, "queriesPerSecond");
const k = (rows: readonly Row[]): string => textIn(rows[0]!, "k");

function thousands(value: number): string {
  const digits = value >= 100 ? Number(value.toPrecision(3)) : Number(value.toPrecision(2));
  return digits.toLocaleString("en-US");
}

function line(rows: readonly Row[], value: (row: Row) => number, suffix: "" | "2", text: readonly string[]): Trace {
  const isRecall = suffix === "";
  return {
    type: "scatter",
    mode: "lines+markers+text",
    x: rows.map(ef),
    y: rows.map((row) => (isRecall ? 100 * value(row) : value(row))),
    xaxis: `x${suffix}`,
    yaxis: `y${suffix}`,
    text,
    textposition: isRecall ? "bottom center" : "top center",
    textfont: { size: 12, color: COLORS.ink },
    line: { color: SERIES_COLORS[0], width: 2.5 },
    marker: { size: 9, color: SERIES_COLORS[0] },
    cliponaxis: false,
    hoverinfo: "x+y",
  };
}

function efAxis(rows: readonly Row[]): Layout {
  const values = rows.map(ef);
  const [low, high] = [Math.log10(values[0]!), Math.log10(values[values.length - 1]!)];
  const air = Math.max(0.1, 0.06 * (high - low));
  return { type: "log", tickvals: values, ticktext: values.map(String), range: [low - air, high + air] };
}

function recallAxis(rows: readonly Row[]): Layout {
  const low = 100 * Math.min(...rows.map(recall));
  const air = Math.max(1.5, 0.22 * (100 - low));
  return { range: [low - air, 100 + 0.4 * air], tickvals: roundTicks(Math.max(0, low - air), 100, 5) };
}

function level(yref: "y" | "y2", y: number): Layout {
  const stroke = { color: COLORS.muted, width: 1.5, dash: "dash" };
  return { type: "line", xref: "paper", x0: 0, x1: 1, yref, y0: y, y1: y, line: stroke, layer: "below" };
}

function levelText(yref: "y" | "y2", y: number, text: string): Layout {
  return note(text, { x: 1, xanchor: "right", yref, y, yanchor: "bottom", yshift: 1 });
}

/** The smallest `ef` that reaches 95 % recall (else the best one) and what it gains over the exact search. */
function titleOf(rows: readonly Row[], exact: number | null): string {
  const enough = rows.find((row) => recall(row) >= ENOUGH);
  const best = rows.reduce((a, b) => (recall(b) > recall(a) ? b : a));
  const chosen = enough ?? best;
  const found = `${percent(recall(chosen))} % of the true ${k(rows)} nearest`;
  const start = enough === undefined ? `HNSW finds at most ${found}` : `HNSW finds ${found}`;
  const at = `at ef = ${ef(chosen)}`;
  if (exact === null) return `${start} ${at}`;
  const ratio = speed(chosen) / exact;
  if (ratio > 1.05) return `${start} ${at}, ${factor(ratio)} times as fast as the exact search`;
  if (ratio < 0.95) return `${start} ${at}, but the exact search is ${factor(1 / ratio)} times as fast`;
  return `${start} ${at}, as fast as the exact search`;
}

function factor(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1);
}
