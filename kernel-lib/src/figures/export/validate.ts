import { assertInRange, assertInteger } from "../../base/check";
import { ConfigError, DataError } from "../../base/errors";
import type { Figure } from "../../base/types";
import { FIGURE_WIDTH } from "../theme";

/** Trace types that draw as SVG, without WebGL and without maps from the network. An unknown one would give an empty picture. */
const TRACE_TYPES: readonly string[] = [
  "bar",
  "barpolar",
  "box",
  "candlestick",
  "carpet",
  "contour",
  "contourcarpet",
  "funnel",
  "funnelarea",
  "heatmap",
  "histogram",
  "histogram2d",
  "histogram2dcontour",
  "icicle",
  "image",
  "indicator",
  "ohlc",
  "parcats",
  "pie",
  "sankey",
  "scatter",
  "scattercarpet",
  "scatterpolar",
  "scattersmith",
  "scatterternary",
  "sunburst",
  "table",
  "treemap",
  "violin",
  "waterfall",
];
const DATA_IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]*$/;
const DEFAULT_HEIGHT = 450;
const TABLE_LINE = 24;

/** Size of a drawing: width and height in CSS pixels, PNG pixels per CSS pixel. */
export interface DrawingSize {
  readonly width: number;
  readonly height: number;
  readonly scale: number;
}

/**
 * Checks a figure before it is drawn.
 *
 * @throws DataError when data or layout is missing, a trace type is unknown, or an image is not a `data:` URI.
 */
export function assertDrawable(where: string, figure: Figure): void {
  if (!Array.isArray(figure?.data) || typeof figure.layout !== "object" || figure.layout === null) {
    throw new DataError(`${where}: figure must be {data: [...], layout: {...}}. Pass what a figure function returned.`);
  }
  figure.data.forEach((trace, index) => {
    const type = trace["type"] ?? "scatter";
    if (TRACE_TYPES.includes(type as string)) return;
    throw new DataError(
      `${where}: data[${index}].type must be one of ${TRACE_TYPES.join(", ")}; got ${JSON.stringify(type)}. ` +
        "Other types need WebGL or the network and cannot be drawn without a screen.",
      { index, type },
    );
  });
  assertImages(where, figure, "figure");
}

/** Walks the whole figure: whatever Plotly would load as an image sits under a key named "source". */
function assertImages(where: string, value: unknown, path: string): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "source" && typeof inner === "string" && !DATA_IMAGE.test(inner)) {
      throw new DataError(
        `${where}: ${path}.source must be a data: URI of a PNG, JPEG, GIF or WebP; got ${JSON.stringify(inner.slice(0, 60))}. ` +
          "Use pngUri(image); files and addresses are not read.",
        { path },
      );
    }
    assertImages(where, inner, `${path}.${key}`);
  }
}

/** The size to draw at: what was asked for, else what the layout says, else a default that fits a table's rows. */
export function drawingSize(
  where: string,
  figure: Figure,
  asked: { width?: number | undefined; height?: number | undefined; scale?: number | undefined },
): DrawingSize {
  const width = asked.width ?? figure.layout["width"] ?? FIGURE_WIDTH;
  const height = asked.height ?? figure.layout["height"] ?? tableHeight(figure) ?? DEFAULT_HEIGHT;
  const scale = asked.scale ?? 2;
  assertInteger(`${where}: width`, Math.round(width as number), 10, 8000);
  assertInteger(`${where}: height`, Math.round(height as number), 10, 16000);
  assertInRange(`${where}: scale`, scale, 0.1, 8);
  if (Math.round(width as number) * scale > 16000) {
    throw new ConfigError(`${where}: width * scale must stay under 16000 pixels; got ${width} * ${scale}.`);
  }
  return { width: Math.round(width as number), height: Math.round(height as number), scale };
}

/** Height that shows every row of the tallest table, or null when there is no table. */
function tableHeight(figure: Figure): number | null {
  const tables = figure.data.filter((trace) => trace["type"] === "table");
  if (tables.length === 0) return null;
  const margin = (figure.layout["margin"] ?? {}) as { t?: number; b?: number };
  const heights = tables.map((table) => {
    const cells = (table["cells"] ?? {}) as { values?: readonly ArrayLike<unknown>[]; height?: number };
    const header = (table["header"] ?? {}) as { height?: number };
    const rows = Math.max(0, ...(cells.values ?? []).map((column) => column.length));
    return (header.height ?? TABLE_LINE + 8) + rows * (cells.height ?? TABLE_LINE);
  });
  return Math.max(...heights) + (margin.t ?? 100) + (margin.b ?? 80);
}
