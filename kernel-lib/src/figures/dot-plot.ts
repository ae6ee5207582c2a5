import { BASELINE_SYSTEM, FULL_SYSTEM, SYSTEMS } from "../systems/systems";
import { escapeText, percent, points, shortenText, textWidth } from "./text";
import { COLORS, type Layout, SERIES_COLORS, SIZES, type Trace } from "./theme";

/** A value with its interval on one line of a dot plot; everything as shares of 1. */
export interface Dot {
  readonly y: number;
  readonly value: number;
  readonly low?: number | null | undefined;
  readonly high?: number | null | undefined;
  readonly color: string;
  /** Shown on hover before the value. */
  readonly name: string;
  /** Printed beside the mark. Default: the value in per cent. */
  readonly text?: string | undefined;
}

interface DotStyle {
  readonly fill: "filled" | "hollow";
  readonly symbol?: "circle" | "diamond";
  readonly textPosition?: string;
  /** Number of the axis pair: 1 for x/y, 2 for x2/y2. */
  readonly panel: number;
  readonly size?: number;
  /** What the values are: shares, or differences of shares. Default "per cent". */
  readonly unit?: "per cent" | "points";
}

/** Marks with 95 % intervals; x in per cent, or in points. */
export function dotTrace(dots: readonly Dot[], style: DotStyle): Trace {
  const suffix = style.panel === 1 ? "" : String(style.panel);
  const colors = dots.map((dot) => dot.color);
  const hollow = style.fill === "hollow";
  const reach = (dot: Dot, bound: number | null | undefined): number =>
    bound === null || bound === undefined ? 0 : 100 * Math.abs(bound - dot.value);
  return {
    type: "scatter",
    mode: "markers+text",
    x: dots.map((dot) => 100 * dot.value),
    y: dots.map((dot) => dot.y),
    xaxis: `x${suffix}`,
    yaxis: `y${suffix}`,
    text: dots.map((dot) => dot.text ?? percent(dot.value)),
    textposition: style.textPosition ?? "top center",
    textfont: { size: SIZES.small, color: hollow ? COLORS.muted : COLORS.ink },
    error_x: {
      type: "data",
      symmetric: false,
      array: dots.map((dot) => reach(dot, dot.high)),
      arrayminus: dots.map((dot) => reach(dot, dot.low)),
      color: COLORS.line,
      thickness: 2,
      width: 0,
    },
    marker: {
      size: style.size ?? 11,
      symbol: style.symbol ?? "circle",
      color: hollow ? COLORS.paper : colors,
      line: { color: colors, width: 2 },
      opacity: 1,
    },
    hovertext: dots.map((dot) => `${escapeText(dot.name)}: ${hoverText(dot, style.unit ?? "per cent")}`),
    hoverinfo: "text",
    cliponaxis: false,
  };
}

/** "83.5 % [81.0, 86.1]", or "−4.8 points [−6.9, −2.7]". */
function hoverText({ value, low, high }: Dot, unit: NonNullable<DotStyle["unit"]>): string {
  const [write, sign] = unit === "points" ? [points, "points"] : [(share: number) => percent(share), "%"];
  const interval =
    low === null || low === undefined || high === null || high === undefined ? "" : ` [${write(low)}, ${write(high)}]`;
  return `${write(value)} ${sign}${interval}`;
}

const LABEL_WIDTH = 210;

/** Lines of a dot plot: labels with their width, and the axis that carries them. */
export interface DotLines {
  readonly labels: readonly string[];
  /** Left margin the labels need, in pixels. */
  readonly marginLeft: number;
  readonly axis: Layout;
  /** Pale bands behind every other line, over all panels. */
  readonly bands: readonly Layout[];
}

/** A vertical axis with one labelled line per name, the first one on top. */
export function dotLines(labels: readonly string[]): DotLines {
  const short = labels.map((label) => shortenText(label, LABEL_WIDTH, SIZES.text));
  const widest = Math.max(...short.map((label) => textWidth(label, SIZES.text)));
  return {
    labels: short,
    marginLeft: Math.ceil(widest) + 44,
    axis: {
      tickmode: "array",
      tickvals: labels.map((_, index) => index),
      ticktext: short.map(escapeText),
      tickfont: { size: SIZES.text, color: COLORS.ink },
      ticklabelstandoff: 12,
      range: [labels.length - 0.5, -0.5],
      showgrid: false,
      fixedrange: true,
    },
    bands: labels.flatMap((_, index) => (index % 2 === 0 ? [bandAt(index)] : [])),
  };
}

function bandAt(line: number): Layout {
  const place = { xref: "paper", x0: 0, x1: 1, yref: "y", y0: line - 0.5, y1: line + 0.5 };
  return { type: "rect", layer: "below", fillcolor: COLORS.band, line: { width: 0 }, ...place };
}

/** How a system looks in every figure. */
interface SystemStyle {
  readonly label: string;
  readonly color: string;
}

/** A line of a figure: what it is called, and which system it shows where that is another name. */
export type SystemLine = string | { readonly name: string; readonly system: string };

/** Labels and fixed colours of the systems that are known; others are called by their name and take the free colours in their order. */
export function systemStyles(lines: readonly SystemLine[]): Map<string, SystemStyle> {
  const styles = new Map<string, SystemStyle>();
  const free = [SERIES_COLORS[3]!, SERIES_COLORS[5]!, SERIES_COLORS[6]!, SERIES_COLORS[7]!, SERIES_COLORS[2]!];
  let next = 0;
  for (const line of lines) {
    const { name, system } = typeof line === "string" ? { name: line, system: line } : line;
    const known = SYSTEMS.find((entry) => entry.name === system && entry.color !== undefined);
    const label = known?.name === name ? known.label : name;
    styles.set(name, { label, color: known?.color ?? free[next++ % free.length]! });
  }
  return styles;
}

/** Labels and colours of systems in the order of their lines. */
export function systemLines(lines: readonly SystemLine[]): { lines: DotLines; colors: string[]; labels: string[] } {
  const styles = [...systemStyles(lines).values()];
  const labels = styles.map(({ label }) => label);
  return { lines: dotLines(labels), colors: styles.map(({ color }) => color), labels };
}

/** The system a figure is about (the full one, else the last) and the one it is held against (the paper's baseline, else the first). */
export function focusOf(systems: readonly string[]): { focus: string; baseline: string } {
  const focus = systems.includes(FULL_SYSTEM) ? FULL_SYSTEM : systems[systems.length - 1]!;
  const others = systems.filter((name) => name !== focus);
  return { focus, baseline: others.includes(BASELINE_SYSTEM) ? BASELINE_SYSTEM : (others[0] ?? focus) };
}
