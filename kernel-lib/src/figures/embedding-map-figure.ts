import type { Figure } from "../base/types";
import { contextOf, distinct, groupRows, numberIn, numberOrNull, type Row, rowsOf, type Table, textIn } from "./tables";
import { escapeText, joinWords, percent, shortenText } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, note, SERIES_COLORS, type Trace } from "./theme";

const PANEL = 370;
/** As embeddingMapRows calls what nobody knows. */
const UNKNOWN = "unknown";

/** One view of the corpus, drawn in a panel of its own. */
interface View {
  readonly name: string;
  readonly rows: readonly Row[];
  /** Share of passages whose nearest neighbour on the map shows the same thing, and what chance gives; null where nothing is known. */
  readonly agreement: number | null;
  readonly chance: number | null;
}

const WHERE = "embeddingMapFigure: rows";

/**
 * The corpus as the encoder sees it: one panel per view (image, text), passages coloured by what they show, the query on top.
 *
 * Rows: as embeddingMapRows gives them (view, id, x, y, truth, role, agreement, chance; explainedX, explainedY where known).
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function embeddingMapFigure(rows: Table, options: FigureContext = {}): Figure {
  const all = rowsOf(WHERE, rows, ["view", "id", "x", "y", "truth", "role", "agreement", "chance"]);
  const views = [...groupRows(all, "view")].map(([name, own]): View => {
    const [agreement, chance] = ["agreement", "chance"].map((column) => numberOrNull(own[0]!, column));
    return { name, rows: own, agreement: agreement!, chance: chance! };
  });
  const passages = all.filter((row) => textIn(row, "role") !== "query");
  const truths = distinct(passages, "truth").sort();
  const legendHeight = 100 + 22 * Math.floor(truths.length / 4);
  return composeFigure({
    traces: views.flatMap((view, panel) => viewTraces(view.rows, truths, panel)),
    layout: {
      ...Object.assign({}, ...views.map((view, panel) => axesOf(view, panel, views.length))),
      annotations: views.map((view, panel) => headingOf(view, panel, views.length)),
      showlegend: true,
      legend: { orientation: "h", x: 0, y: -0.2, yanchor: "top", itemsizing: "constant", font: { size: 12 } },
    },
    bodyHeight: PANEL + legendHeight,
    margin: { l: 72, b: legendHeight, t: 40 },
    title: titleOf(views),
    caption: views.map((view) => `${view.name}: ${neighbourText(view)}`).join("; "),
    note: "plane of largest variance, one point per passage",
    context: { n: Math.round(passages.length / views.length), ...contextOf(all), ...options },
  });
}

const suffixOf = (panel: number): string => (panel === 0 ? "" : String(panel + 1));

function domainOf(panel: number, numPanels: number): [number, number] {
  const width = 1 / numPanels;
  return [panel * width + (panel > 0 ? 0.04 : 0), (panel + 1) * width - (panel < numPanels - 1 ? 0.04 : 0)];
}

function axesOf({ rows }: View, panel: number, numPanels: number): Layout {
  const suffix = suffixOf(panel);
  const [x, y] = [axisName(rows, "explainedX", "First"), axisName(rows, "explainedY", "Second")];
  return {
    [`xaxis${suffix}`]: { domain: domainOf(panel, numPanels), anchor: `y${suffix}`, title: { text: x }, nticks: 5 },
    [`yaxis${suffix}`]: { anchor: `x${suffix}`, title: { text: y }, nticks: 5 },
  };
}

function headingOf({ name }: View, panel: number, numPanels: number): Layout {
  const [x] = domainOf(panel, numPanels);
  const place = { x, xanchor: "left", y: 1, yanchor: "bottom", yshift: 4 };
  return { ...note(`<b>${escapeText(name)}</b>`, place), font: { size: 13, color: COLORS.ink } };
}

function axisName(rows: readonly Row[], column: string, ordinal: string): string {
  const value = rows[0]?.[column];
  const share = typeof value === "number" ? ` (${percent(value, 0)} % of variance)` : "";
  return `${ordinal} component${share}`;
}

function viewTraces(rows: readonly Row[], truths: readonly string[], panel: number): Trace[] {
  const suffix = suffixOf(panel);
  const base = {
    type: "scatter",
    mode: "markers",
    xaxis: `x${suffix}`,
    yaxis: `y${suffix}`,
    showlegend: panel === 0,
  };
  const place = (own: readonly Row[]): Trace => ({
    x: own.map((row) => numberIn(WHERE, row, "x")),
    y: own.map((row) => numberIn(WHERE, row, "y")),
    hovertext: own.map((row) => escapeText(`${textIn(row, "id")}: ${textIn(row, "truth")}`)),
    hoverinfo: "text",
  });
  const passages = groupRows(
    rows.filter((row) => textIn(row, "role") !== "query"),
    "truth",
  );
  const colors = colorsOf(truths);
  const clouds = truths.map((truth) => ({
    ...base,
    ...place(passages.get(truth) ?? []),
    name: escapeText(shortenText(truth, 180, 12)),
    legendgroup: truth,
    marker: { size: 5, color: colors.get(truth), opacity: 0.55 },
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

/** What is not known is grey: it is no finding. */
function colorsOf(truths: readonly string[]): Map<string, string> {
  const known = truths.filter((truth) => truth !== UNKNOWN);
  const colors = known.map((truth, i) => [truth, SERIES_COLORS[i % SERIES_COLORS.length]!] as const);
  return new Map([...colors, [UNKNOWN, COLORS.line]]);
}

function neighbourText({ agreement, chance }: View): string {
  if (agreement === null || chance === null) return "nothing is known of what the passages show";
  return `${percent(agreement, 0)} % of neighbours agree, ${percent(chance, 0)} % by chance, among passages of which is known what they show`;
}

function titleOf(views: readonly View[]): string {
  const known = views.flatMap(({ name, agreement, chance }) =>
    agreement === null || chance === null ? [] : [{ name, agreement, chance }],
  );
  if (known.length === 0) return "The corpus as the encoder sees it; what its passages show is not known";
  const chance = percent(known[0]!.chance, 0);
  const parts = known.map(({ name, agreement }) => `${percent(agreement, 0)} % in the ${name}`);
  if (known.every((view) => view.agreement <= view.chance + 0.03)) {
    return `On the map neighbours agree no more than chance gives (${joinWords(parts)}; chance ${chance} %)`;
  }
  return `Neighbours on the map show the same finding: ${joinWords(parts)} (chance ${chance} %)`;
}
