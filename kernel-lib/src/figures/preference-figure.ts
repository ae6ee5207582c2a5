import type { Figure } from "../base/types";
import { numberIn, numberOrNull, type Row, rowsOf, type Table, textIn } from "./tables";
import { escapeText, percent, shortenText } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, note, type Trace } from "./theme";

const PARTS = [
  { column: "prior", title: "Retriever: how likely each candidate is, p<sub>RETR</sub>" },
  { column: "preference", title: "Reader: which candidates lead to the true answer" },
  { column: "target", title: "Target: reader’s preference times retriever’s prior, p<sub>LVLM</sub>" },
] as const;
const PANEL = 112;
const GAP = 44;
const MAX_NAMED = 14;

/**
 * One query's lesson for the retriever: over its K candidates the prior, the reader's preference, and the target the
 * KL loss pulls the prior to.
 *
 * Paper: arXiv 2508.17394v3, stage 2: L = KL(target ‖ prior). Rows, one per candidate: prior, preference, target (each sums to 1
 * over the rows), optional passageId and agrees (1: the candidate has the query's diagnosis).
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function preferenceFigure(rows: Table, options: FigureContext = {}): Figure {
  const all = rowsOf("preferenceFigure: rows", rows, ["prior", "preference", "target"]);
  const sorted = [...all].sort((a, b) => share(b, "prior") - share(a, "prior"));
  const height = 3 * PANEL + 2 * GAP;
  const top = 100 * Math.max(...sorted.flatMap((row) => PARTS.map((part) => share(row, part.column))));
  const layout: Record<string, unknown> = {};
  const annotations: Layout[] = [];
  PARTS.forEach((part, panel) => {
    const suffix = panel === 0 ? "" : String(panel + 1);
    const end = 1 - (panel * (PANEL + GAP)) / height;
    layout[`yaxis${suffix}`] = {
      domain: [end - PANEL / height, end],
      range: [0, 1.16 * top],
      nticks: 4,
      title: { text: panel === 1 ? "Share (%)" : "" },
    };
    layout[`xaxis${suffix}`] = candidateAxis(sorted, suffix, panel === 2 ? "shown" : "hidden");
    annotations.push({
      ...note(part.title, { x: 0, xanchor: "left", y: end, yanchor: "bottom", yshift: 5 }),
      font: { size: 13, color: COLORS.ink },
    });
  });
  const named = sorted.length <= MAX_NAMED;
  const colored = sorted.some((row) => numberOrNull(row, "agrees") !== null);
  return composeFigure({
    traces: PARTS.map((part, panel) => bars(sorted, part.column, panel)),
    layout: { ...layout, annotations, bargap: sorted.length > 24 ? 0.2 : 0.35 },
    bodyHeight: height + (named ? 118 : 58),
    margin: { l: 72, b: named ? 118 : 58, t: 44 },
    title: titleOf(sorted),
    caption: `KL(target, prior) = ${divergence(sorted).toFixed(4)} nats over ${sorted.length} candidates of one query.`,
    note: `one query, ${sorted.length} candidates${colored ? " · blue: candidate has the query’s diagnosis" : ""}`,
    context: options,
  });
}

function share(row: Row, column: string): number {
  return numberIn("preferenceFigure: rows", row, column);
}

function candidateAxis(rows: readonly Row[], suffix: string, labels: "shown" | "hidden"): Layout {
  const name = (row: Row, index: number): string =>
    row["passageId"] === undefined ? String(index + 1) : escapeText(shortenText(textIn(row, "passageId"), 96, 12));
  const named = rows.length <= MAX_NAMED;
  return {
    anchor: `y${suffix}`,
    showgrid: false,
    showticklabels: labels === "shown",
    range: [-0.6, rows.length - 0.4],
    title: { text: labels === "shown" ? "Candidates, most likely first" : "", standoff: 12 },
    ...(named
      ? { tickvals: rows.map((_, index) => index), ticktext: rows.map(name), tickangle: -40 }
      : {
          tickvals: [0, 9, 19, 29, 39, 49].filter((index) => index < rows.length),
          ticktext: ["1", "10", "20", "30", "40", "50"],
          tickangle: 0,
        }),
  };
}

function bars(rows: readonly Row[], column: string, panel: number): Trace {
  const suffix = panel === 0 ? "" : String(panel + 1);
  const few = rows.length <= MAX_NAMED;
  return {
    type: "bar",
    x: rows.map((_, index) => index),
    y: rows.map((row) => 100 * share(row, column)),
    xaxis: `x${suffix}`,
    yaxis: `y${suffix}`,
    marker: { color: rows.map(colorOf) },
    ...(few ? { text: rows.map((row) => percent(share(row, column))), textposition: "outside" } : {}),
    textfont: { size: 12, color: COLORS.ink },
    cliponaxis: false,
    hoverinfo: "y",
  };
}

function colorOf(row: Row): string {
  const agrees = numberOrNull(row, "agrees");
  if (agrees === null) return COLORS.accent;
  return agrees === 1 ? COLORS.accent : COLORS.line;
}

/** KL(target ‖ prior) in nats. */
function divergence(rows: readonly Row[]): number {
  return rows.reduce((sum, row) => {
    const target = share(row, "target");
    return target > 0 ? sum + target * Math.log(target / share(row, "prior")) : sum;
  }, 0);
}

function titleOf(rows: readonly Row[]): string {
  const moved = rows.reduce((sum, row) => sum + Math.abs(share(row, "target") - share(row, "prior")), 0) / 2;
  const kl = `KL ${divergence(rows).toFixed(3)} nats`;
  if (moved < 0.005) return `The reader has no preference here: the target equals the retriever’s prior (${kl})`;
  const gain = (row: Row): number => share(row, "target") - share(row, "prior");
  const best = rows.reduce((a, b) => (gain(b) > gain(a) ? b : a));
  const place = rows.indexOf(best) + 1;
  const from = percent(share(best, "prior"));
  const to = percent(share(best, "target"));
  return `The reader moves ${percent(moved, 0)} % of the weight (${kl}); candidate ${place} gains most, from ${from} to ${to} %`;
}
