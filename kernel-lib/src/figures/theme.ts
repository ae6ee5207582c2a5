import type { DataSource, Figure } from "../base/types";
import { balanceText, escapeText, wrapText } from "./text";

export type Trace = Readonly<Record<string, unknown>>;
export type Layout = Readonly<Record<string, unknown>>;

/** What every figure says about its numbers, under its title. */
export interface FigureContext {
  /** Examples behind each number. */
  readonly n?: number | undefined;
  readonly seeds?: readonly (number | string)[] | undefined;
  /** How many seeds, where the rows do not name them. */
  readonly numSeeds?: number | undefined;
  /** Default "replica": measured with the small models of this repository. */
  readonly scale?: "replica" | "published" | undefined;
  readonly data?: DataSource | undefined;
  /** Replaces the sentence the figure finds in its rows. */
  readonly title?: string | undefined;
  /** Longer text for the gallery and for screen readers; each figure has one by default. */
  readonly caption?: string | undefined;
}

/** Stored as `layout.meta`: what saveFigure and the gallery know about a figure. */
export interface FigureMeta {
  readonly title: string;
  readonly caption: string;
  readonly scale: "replica" | "published" | null;
  readonly data: DataSource | null;
  readonly n: number | null;
  readonly seeds: readonly (number | string)[];
  readonly numSeeds: number | null;
}

const FONT_FAMILY = "Open Sans, Segoe UI, Arial, sans-serif";
export const FIGURE_WIDTH = 860;
export const SIZES = { title: 19, subtitle: 13, text: 13, small: 12 } as const;
export const SIDE = 28;

/** Ink and surfaces; text colours reach a contrast of at least 4.5 on white. */
export const COLORS = {
  ink: "#1f2933",
  muted: "#5b6570",
  grid: "#e4e7eb",
  line: "#9aa5b1",
  paper: "#ffffff",
  band: "#f5f7fa",
  good: "#00795a",
  bad: "#b3470b",
  accent: "#0072b2",
} as const;

/** Colours after Okabe and Ito, told apart with every common colour blindness; used in this order for things without a fixed colour. */
export const SERIES_COLORS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#6b4c9a", "#8a8a00"];

/** White to dark blue, for shares. */
export const SEQUENTIAL_SCALE: readonly (readonly [number, string])[] = [
  [0, "#f7fbff"],
  [0.25, "#d0e1f2"],
  [0.5, "#94c4df"],
  [0.75, "#4a98c9"],
  [1, "#1764ab"],
];

const TITLE_LINE = 25;
const SUBTITLE_LINE = 19;

/** "n = 156 · replica scale · phantom data · seeds 7, 8": what is known of a context, or "" when nothing is. */
export function contextLine(context: FigureContext): string {
  const parts: string[] = [];
  if (context.n !== undefined) parts.push(`n = ${context.n.toLocaleString("en-US")}`);
  if (context.scale !== undefined) parts.push(context.scale === "replica" ? "replica scale" : "published");
  if (context.data !== undefined) parts.push(`${context.data} data`);
  const seeds = context.seeds ?? [];
  if (seeds.length > 0) parts.push(`${seeds.length > 1 ? "seeds" : "seed"} ${seeds.join(", ")}`);
  else if (context.numSeeds !== undefined) parts.push(context.numSeeds === 1 ? "1 seed" : `${context.numSeeds} seeds`);
  return parts.join(" · ");
}

/** What composeFigure puts together. */
export interface FigureParts {
  readonly traces: readonly Trace[];
  /** Axes, shapes, annotations …: everything but title, fonts, size and margins. */
  readonly layout: Layout;
  /** Height of everything below the title block, in pixels, bottom margin included. */
  readonly bodyHeight: number;
  readonly margin?: { l?: number; r?: number; b?: number; t?: number };
  readonly title: string;
  readonly caption: string;
  /** A line on how to read the marks, set after the context line. */
  readonly note?: string;
  readonly context: FigureContext;
  readonly width?: number;
}

/**
 * A Plotly figure in the house style: left-aligned title that states the finding, a line with n, scale, data and seeds,
 * Open Sans, quiet axes. `layout` is always there, `config` switches off the cloud button and the logo.
 */
export function composeFigure(parts: FigureParts): Figure {
  const context: FigureContext = { scale: "replica", ...parts.context };
  const title = context.title ?? parts.title;
  const width = parts.width ?? FIGURE_WIDTH;
  const titleLines = balanceText(keepTogether(title), width - 2 * SIDE, SIZES.title, "bold");
  const about = [contextLine(context), parts.note ?? ""].filter((part) => part !== "").join(" · ");
  const aboutLines = wrapText(keepTogether(about), width - 2 * SIDE, SIZES.subtitle);
  const top = 16 + TITLE_LINE * titleLines.length + SUBTITLE_LINE * aboutLines.length + (parts.margin?.t ?? 14);
  const meta: FigureMeta = {
    title,
    caption: context.caption ?? parts.caption,
    scale: context.scale ?? null,
    data: context.data ?? null,
    n: context.n ?? null,
    seeds: [...(context.seeds ?? [])],
    numSeeds: context.seeds?.length ?? context.numSeeds ?? null,
  };
  return {
    data: parts.traces,
    layout: {
      template: TEMPLATE,
      width,
      height: top + parts.bodyHeight,
      margin: { l: SIDE, r: SIDE, b: 48, ...parts.margin, t: top, pad: 0 },
      meta,
      ...parts.layout,
      title: { text: titleText(titleLines, aboutLines), ...TITLE_PLACE },
    },
    config: { showSendToCloud: false, displaylogo: false, responsive: true },
  };
}

/** Numbers stay with their unit, a plus sign with its word, both sides of an equals sign with it. */
function keepTogether(text: string): string {
  return text
    .replaceAll(/ (%|points|nats)/g, "\u00a0$1")
    .replaceAll("+ ", "+\u00a0")
    .replaceAll(" = ", "\u00a0=\u00a0");
}

function titleText(titleLines: readonly string[], aboutLines: readonly string[]): string {
  const bold = titleLines.map((line) => `<b>${escapeText(line)}</b>`);
  const quiet = aboutLines.map(
    (line) => `<span style="font-size:${SIZES.subtitle}px;color:${COLORS.muted}">${escapeText(line)}</span>`,
  );
  return [...bold, ...quiet].join("<br>");
}

const TITLE_PLACE = {
  x: 0,
  xref: "container",
  xanchor: "left",
  y: 1,
  yref: "container",
  yanchor: "top",
  pad: { l: SIDE, t: 32 },
};

const AXIS = {
  showline: false,
  zeroline: false,
  gridcolor: COLORS.grid,
  gridwidth: 1,
  ticks: "",
  tickfont: { size: SIZES.small, color: COLORS.muted },
  title: { font: { size: SIZES.text, color: COLORS.muted }, standoff: 10 },
  automargin: false,
};

const TEMPLATE = {
  layout: {
    font: { family: FONT_FAMILY, size: SIZES.text, color: COLORS.ink },
    title: { font: { size: SIZES.title, color: COLORS.ink } },
    paper_bgcolor: COLORS.paper,
    plot_bgcolor: COLORS.paper,
    colorway: SERIES_COLORS,
    hoverlabel: { font: { family: FONT_FAMILY, size: SIZES.text } },
    hovermode: "closest",
    showlegend: false,
    xaxis: AXIS,
    yaxis: AXIS,
    annotationdefaults: { showarrow: false, font: { size: SIZES.small, color: COLORS.ink } },
  },
};

/** A label beside a panel or mark. `x` and `y` in paper units unless `xref`/`yref` say otherwise. */
export function note(text: string, place: Readonly<Record<string, unknown>>): Layout {
  return {
    text,
    showarrow: false,
    xref: "paper",
    yref: "paper",
    font: { size: SIZES.small, color: COLORS.muted },
    ...place,
  };
}

/** Round places from `low` to `high`, about `count` of them, in steps of 1, 2, 2.5 or 5 times a power of ten. */
export function roundTicks(low: number, high: number, count = 6): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

const LEAST_SPAN = 8;

/** A linear axis in per cent around all shares, with air for labels; marks only from 0 to 100. */
export function percentAxis(shares: readonly (number | null | undefined)[]): Layout {
  const known = shares.filter((share): share is number => share !== null && share !== undefined);
  if (known.length === 0) return { range: [-4, 104], tickvals: roundTicks(0, 100) };
  let low = 100 * Math.min(...known);
  let high = 100 * Math.max(...known);
  const missing = Math.max(0, LEAST_SPAN - (high - low)) / 2;
  low -= missing;
  high += missing;
  const air = 0.13 * (high - low);
  const range = [
    Math.max(-0.05 * (high - low + 2 * air), low - air),
    Math.min(100 + 0.05 * (high - low + 2 * air), high + air),
  ];
  return { range, tickvals: roundTicks(Math.max(0, range[0]!), Math.min(100, range[1]!)) };
}

/** A logarithmic axis over positive values with marks at 1, 2 and 5 times powers of ten, written out. */
export function logAxis(values: readonly number[], write: (value: number) => string): Layout {
  const logs = values.map(Math.log10);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const air = Math.max(0.3, 0.16 * (high - low)); // at least 0.75 decades: two marks always fit
  const range = [low - air, high + 1.5 * air];
  const ticks: number[] = [];
  for (let power = Math.floor(range[0]!); power <= range[1]!; power++) {
    for (const digit of [1, 2, 5]) {
      const place = power + Math.log10(digit);
      if (place >= range[0]! && place <= range[1]!) ticks.push(digit * 10 ** power);
    }
  }
  return { type: "log", range, tickvals: ticks, ticktext: ticks.map(write) };
}
