import { escapeText } from "./text";
import { COLORS, type Layout, SIZES, type Trace } from "./theme";

/** Drawings made of boxes, words, pictures and arrows. All places in pixels from the top left corner. */
export interface Canvas {
  readonly shapes: Layout[];
  readonly annotations: Layout[];
  readonly images: Layout[];
}

interface TextStyle {
  readonly size?: number;
  readonly color?: string;
  readonly weight?: "regular" | "bold";
  readonly anchor?: "left" | "center" | "right";
  /** Which part of the lines sits at y. Default "top". */
  readonly valign?: "top" | "middle" | "bottom";
}

/** An empty canvas. */
export function createCanvas(): Canvas {
  return { shapes: [], annotations: [], images: [] };
}

/** A rectangle with corners (x0, y0) and (x1, y1). */
export function addBox(
  canvas: Canvas,
  corners: readonly [number, number, number, number],
  style: { fill?: string; border?: string; width?: number } = {},
): void {
  const [x0, y0, x1, y1] = corners;
  const line = { color: style.border ?? COLORS.grid, width: style.width ?? 1 };
  canvas.shapes.push({ type: "rect", x0, y0, x1, y1, fillcolor: style.fill ?? COLORS.band, line, layer: "below" });
}

/** Lines of text, one under the other. */
export function addText(canvas: Canvas, lines: readonly string[], x: number, y: number, style: TextStyle = {}): void {
  const safe = lines.map(escapeText).join("<br>");
  canvas.annotations.push({
    text: style.weight === "bold" ? `<b>${safe}</b>` : safe,
    x,
    y,
    xanchor: style.anchor ?? "left",
    yanchor: style.valign ?? "top",
    align: style.anchor ?? "left",
    showarrow: false,
    borderpad: 0,
    font: { size: style.size ?? SIZES.text, color: style.color ?? COLORS.ink },
  });
}

/** A picture (a `data:` URI) within a square of `side` pixels. */
export function addPicture(canvas: Canvas, source: string, x: number, y: number, side: number): void {
  const place = { x, y, sizex: side, sizey: side, xref: "x", yref: "y", xanchor: "left", yanchor: "top" };
  canvas.images.push({ source, ...place, sizing: "contain", layer: "above" });
}

/** A line through points; with "arrow" its last point gets a head. */
export function addLine(
  canvas: Canvas,
  points: readonly (readonly [number, number])[],
  style: { color?: string; width?: number; dash?: "solid" | "dash"; end?: "plain" | "arrow" } = {},
): void {
  const color = style.color ?? COLORS.line;
  const path = points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x},${y}`).join(" ");
  canvas.shapes.push({ type: "path", path, line: { color, width: style.width ?? 1.5, dash: style.dash ?? "solid" } });
  if (style.end === "plain") return;
  const [tip, before] = [points[points.length - 1]!, points[points.length - 2]!];
  canvas.annotations.push({
    x: tip[0],
    y: tip[1],
    ax: before[0] + 0.6 * (tip[0] - before[0]),
    ay: before[1] + 0.6 * (tip[1] - before[1]),
    axref: "x",
    ayref: "y",
    text: "",
    showarrow: true,
    arrowhead: 2,
    arrowsize: 1,
    arrowwidth: style.width ?? 1.5,
    arrowcolor: color,
  });
}

/** The layout that shows a canvas of this size, and the invisible trace that carries its axes. */
export function canvasParts(canvas: Canvas, width: number, height: number): { traces: Trace[]; layout: Layout } {
  const axis = { visible: false, fixedrange: true };
  const place = (entry: Layout): Layout => ({ xref: "x", yref: "y", ...entry });
  return {
    traces: [{ type: "scatter", mode: "markers", x: [0], y: [0], marker: { opacity: 0 }, hoverinfo: "skip" }],
    layout: {
      xaxis: { ...axis, range: [0, width] },
      yaxis: { ...axis, range: [height, 0] },
      shapes: canvas.shapes.map(place),
      annotations: canvas.annotations.map(place),
      images: canvas.images,
    },
  };
}
