import { ShapeError } from "../base/errors";
import type { Figure, Matrix } from "../base/types";
import { principalPlane } from "./principal-plane";
import { contextOf, distinct, groupRows, numberIn, type Row, rowsOf, type Table, textIn } from "./tables";
import { escapeText, joinWords, percent, shortenText } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, note, SERIES_COLORS, type Trace } from "./theme";

/** One point of the map. `role` says what it is; a query and its retrieved passages are drawn on top. */
export interface MapRow {
  readonly view: string;
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly truth: string;
  readonly role: "passage" | "retrieved" | "query";
  /** Share of the view's variance along x and along y. */
  readonly explainedX: number;
  readonly explainedY: number;
}

/**
 * The rows of one view: passages in their plane of largest variance, the query projected into the same plane.
 *
 * Shapes: embeddings [N, D], one row per entry of `passages`; query [D].
 *
 * @throws ShapeError when the counts differ.
 */
export function embeddingMapRows(
  view: string,
  embeddings: Matrix,
  passages: readonly { id: string; truth?: string | undefined }[],
  query?: { id: string; truth: string; embedding: Float32Array; retrievedIds?: readonly string[] | undefined },
): MapRow[] {
  if (passages.length !== embeddings.rows) {
    throw new ShapeError(
      `embeddingMapRows: passages must have ${embeddings.rows} entries like the embeddings; got ${passages.length}.`,
    );
  }
  const plane = principalPlane(embeddings);
  const explained = { explainedX: plane.explained[0], explainedY: plane.explained[1] };
  const retrieved = new Set(query?.retrievedIds ?? []);
  const at = (points: Matrix, row: number): { x: number; y: number } => ({
    x: points.data[2 * row]!,
    y: points.data[2 * row + 1]!,
  });
  const rows: MapRow[] = passages.map(({ id, truth }, row) => ({
    ...{ view, id, truth: truth ?? "unknown", role: retrieved.has(id) ? "retrieved" : "passage" },
    ...at(plane.points, row),
    ...explained,
  }));
  if (query !== undefined) {
    const point = plane.project({ data: query.embedding, rows: 1, cols: query.embedding.length });
    rows.push({ view, id: query.id, truth: query.truth, role: "query", ...at(point, 0), ...explained });
  }
  return rows;
}

const PANEL = 370;

/**
 * The corpus as the encoder sees it: one panel per view (image, text), passages coloured by what they show, the query on top.
 *
 * Rows: view, id, x, y, truth, role (as embeddingMapRows gives them).
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function embeddingMapFigure(rows: Table, options: FigureContext = {}): Figure {
  const all = rowsOf("embeddingMapFigure: rows", rows, ["view", "id", "x", "y", "truth", "role"]);
  const views = distinct(all, "view");
  const passages = all.filter((row) => textIn(row, "role") !== "query");
  const truths = [...new Set(passages.map((row) => textIn(row, "truth")))].sort();
  const layout: Record<string, unknown> = {};
  const annotations: Layout[] = [];
  const traces: Trace[] = [];
  views.forEach((view, panel) => {
    const suffix = panel === 0 ? "" : String(panel + 1);
    const own = all.filter((row) => textIn(row, "view") === view);
    const width = 1 / views.length;
    const domain = [
      panel * width + (panel > 0 ? 0.04 : 0),
      (panel + 1) * width - (panel < views.length - 1 ? 0.04 : 0),
    ];
    layout[`xaxis${suffix}`] = {
      domain,
      anchor: `y${suffix}`,
      title: { text: axisName(own, "explainedX", "First") },
      nticks: 5,
    };
    layout[`yaxis${suffix}`] = {
      anchor: `x${suffix}`,
      title: { text: axisName(own, "explainedY", "Second") },
      nticks: 5,
    };
    annotations.push({
      ...note(`<b>${escapeText(view)}</b>`, { x: domain[0], xanchor: "left", y: 1, yanchor: "bottom", yshift: 4 }),
      font: { size: 13, color: COLORS.ink },
    });
    traces.push(...viewTraces(own, truths, suffix, panel === 0 ? "named" : "silent"));
  });
  return composeFigure({
    traces,
    layout: {
      ...layout,
      annotations,
      showlegend: true,
      legend: { orientation: "h", x: 0, y: -0.2, yanchor: "top", itemsizing: "constant", font: { size: 12 } },
    },
    bodyHeight: PANEL + 100 + 22 * Math.floor(truths.length / 4),
    margin: { l: 72, b: 100 + 22 * Math.floor(truths.length / 4), t: 40 },
    title: titleOf(passages, views),
    caption: views.map((view) => `${view}: ${neighbourText(passages, view)}`).join("; "),
    note: "plane of largest variance, one point per passage",
    context: { n: Math.round(passages.length / views.length), ...contextOf(all), ...options },
  });
}

function axisName(rows: readonly Row[], column: string, ordinal: string): string {
  const value = rows[0]?.[column];
  const share = typeof value === "number" ? ` (${percent(value, 0)} % of variance)` : "";
  return `${ordinal} component${share}`;
}

function viewTraces(
  rows: readonly Row[],
  truths: readonly string[],
  suffix: string,
  legend: "named" | "silent",
): Trace[] {
  const base = {
    type: "scatter",
    mode: "markers",
    xaxis: `x${suffix}`,
    yaxis: `y${suffix}`,
    showlegend: legend === "named",
  };
  const place = (own: readonly Row[]): Trace => ({
    x: own.map((row) => numberIn("embeddingMapFigure", row, "x")),
    y: own.map((row) => numberIn("embeddingMapFigure", row, "y")),
    hovertext: own.map((row) => escapeText(`${textIn(row, "id")}: ${textIn(row, "truth")}`)),
    hoverinfo: "text",
  });
  const passages = groupRows(
    rows.filter((row) => textIn(row, "role") !== "query"),
    "truth",
  );
  const clouds = truths.map((truth, index) => ({
    ...base,
    ...place(passages.get(truth) ?? []),
    name: escapeText(shortenText(truth, 180, 12)),
    legendgroup: truth,
    marker: { size: 5, color: colorAt(index), opacity: 0.55 },
  }));
  const retrieved = rows.filter((row) => textIn(row, "role") === "retrieved");
  const query = rows.filter((row) => textIn(row, "role") === "query");
  const ring = { size: 12, color: "rgba(0,0,0,0)", line: { color: COLORS.ink, width: 2 } };
  const star = { size: 18, symbol: "star", color: "#f7d038", line: { color: COLORS.ink, width: 1.5 } };
  const top = [
    ...(retrieved.length > 0
      ? [{ ...base, ...place(retrieved), name: "retrieved", marker: ring, legendgroup: "retrieved" }]
      : []),
    ...(query.length > 0 ? [{ ...base, ...place(query), name: "query", marker: star, legendgroup: "query" }] : []),
  ];
  return [...clouds, ...top];
}

function colorAt(index: number): string {
  return SERIES_COLORS[index % SERIES_COLORS.length]!;
}

/** Share of passages whose nearest other passage in the plane shows the same thing, and what chance gives. */
function neighbourAgreement(passages: readonly Row[], view: string): { share: number; chance: number } {
  const own = passages.filter((row) => textIn(row, "view") === view);
  const xs = own.map((row) => numberIn("embeddingMapFigure", row, "x"));
  const ys = own.map((row) => numberIn("embeddingMapFigure", row, "y"));
  const truths = own.map((row) => textIn(row, "truth"));
  let same = 0;
  for (let i = 0; i < own.length; i++) {
    let [nearest, smallest] = [-1, Number.POSITIVE_INFINITY];
    for (let j = 0; j < own.length; j++) {
      const distance = (xs[i]! - xs[j]!) ** 2 + (ys[i]! - ys[j]!) ** 2;
      if (j !== i && distance < smallest) [nearest, smallest] = [j, distance];
    }
    if (nearest !== -1 && truths[nearest] === truths[i]) same++;
  }
  const counts = [...groupRows(own, "truth").values()].map((group) => group.length);
  const pairs = Math.max(1, own.length * (own.length - 1));
  return { share: same / own.length, chance: counts.reduce((sum, count) => sum + count * (count - 1), 0) / pairs };
}

function neighbourText(passages: readonly Row[], view: string): string {
  const { share, chance } = neighbourAgreement(passages, view);
  return `${percent(share, 0)} % of neighbours agree, ${percent(chance, 0)} % by chance`;
}

function titleOf(passages: readonly Row[], views: readonly string[]): string {
  const found = views.map((view) => ({ view, ...neighbourAgreement(passages, view) }));
  const chance = percent(found[0]!.chance, 0);
  const parts = found.map(({ view, share }) => `${percent(share, 0)} % in the ${view}`);
  const above = found.filter((entry) => entry.share > entry.chance + 0.03);
  if (above.length === 0)
    return `On the map neighbours agree no more than chance gives (${joinWords(parts)}; chance ${chance} %)`;
  return `Neighbours on the map show the same finding: ${joinWords(parts)} (chance ${chance} %)`;
}
