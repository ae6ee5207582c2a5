import { assertInteger, assertSameLength } from "../base/check";
import { DataError, isKernelError } from "../base/errors";
import { escapeHtml, visibleText } from "../base/plain-text";
import { pngUri } from "../base/png";
import type { Figure, RasterImage } from "../base/types";
import { recallFigure } from "../figures/export/drawing-memory";
import { plainLabel } from "../figures/text";
import { isInsideNotebook, writeDisplay } from "./display";
import type { MimeBundle } from "./notebook-file";
import { type ShowTableOptions, type TableLike, tableBundle } from "./tables";

/** What a cell shows below itself: figures, sentences, pictures, tables; each in several formats, of which a viewer takes its best. */

export const PLOTLY_MIME = "application/vnd.plotly.v1+json";

function titleOf({ layout: { title } }: Figure): string {
  const text = typeof title === "object" && title !== null ? (title as { text?: unknown }).text : title;
  return typeof text === "string" ? plainLabel(text) : "";
}

/** One line about a figure for readers who see no picture: its title, and how many traces of which kinds. */
export function describeFigure(figure: Figure): string {
  const kinds = [...new Set(figure.data.map((trace) => String(trace["type"] ?? "scatter")))].sort().join(", ");
  const traces = `${figure.data.length} ${figure.data.length === 1 ? "trace" : "traces"}${kinds === "" ? "" : `: ${kinds}`}`;
  return `Figure: ${visibleText(titleOf(figure)) || "untitled"} (${traces})`;
}

/**
 * The formats a figure is shown in: Plotly's own for JupyterLab, a still SVG for GitHub and print, HTML that needs neither script nor network, one line of text.
 *
 * @param svg the still picture, or null where nothing can draw one.
 */
export function figureBundle(figure: Figure, svg: string | null): MimeBundle {
  const description = describeFigure(figure);
  const alt = escapeHtml(description);
  const picture = svg === null ? "" : Buffer.from(svg, "utf8").toString("base64");
  const html =
    svg === null
      ? `<p>${alt}</p>`
      : `<img alt="${alt}" style="max-width:100%" src="data:image/svg+xml;base64,${picture}">`;
  const plotly = {
    data: figure.data,
    layout: figure.layout,
    config: { displaylogo: false, ...figure.config, showSendToCloud: false },
  };
  return {
    [PLOTLY_MIME]: plotly,
    ...(svg === null ? {} : { "image/svg+xml": svg }),
    "text/html": html,
    "text/plain": description,
  };
}

async function drawStill(figure: Figure): Promise<string | null> {
  try {
    return String((await recallFigure(figure, { format: "svg" })).content);
  } catch (error) {
    // a machine without a drawing engine still shows the live figure
    if (isKernelError(error, "environment")) return null;
    throw error;
  }
}

/** The formats of a figure, its still picture drawn where something can draw. */
export async function presentFigure(figure: Figure): Promise<MimeBundle> {
  return figureBundle(figure, await drawStill(figure));
}

/**
 * Shows a figure below the cell. Outside a notebook it does nothing.
 *
 * @throws ConfigError when the figure cannot be drawn (unknown trace type, picture from outside).
 * @example await kernel.show(kernel.figures.mainTable(rows))
 */
export async function show(figure: Figure): Promise<void> {
  if (!isInsideNotebook()) return;
  writeDisplay(await presentFigure(figure));
}

/** Shows Markdown below the cell, for sentences with numbers in them. Outside a notebook it does nothing. */
export function showMarkdown(markdown: string): void {
  writeDisplay({ "text/markdown": markdown, "text/plain": markdown });
}

export interface ShowImagesOptions {
  /** One line below each picture. Default: none. */
  readonly captions?: readonly string[];
  /** Pictures side by side. Default: all up to 6. */
  readonly columns?: number;
  /** Screen pixels per picture pixel, a whole number. Default: what makes the longer side at least 112. */
  readonly scale?: number;
}

const MAX_COLUMNS = 6;
const SHOWN_SIDE = 112;
const MAX_SCALE = 64;

function pictureHtml(image: RasterImage, caption: string, scale: number): string {
  const [width, height] = [image.width * scale, image.height * scale];
  const alt = escapeHtml(caption === "" ? `picture of ${image.width} x ${image.height} pixels` : caption);
  const uri = pngUri(image, Math.max(image.width, image.height));
  const picture = `<img alt="${alt}" width="${width}" height="${height}" style="image-rendering:pixelated" src="${uri}">`;
  return `<td style="text-align:center;vertical-align:top;max-width:${Math.max(width, SHOWN_SIDE)}px">${picture}${
    caption === "" ? "" : `<br>${escapeHtml(caption)}`
  }</td>`;
}

/**
 * Pictures in a grid with their captions: HTML (every pixel a sharp square, no script) and text.
 *
 * @throws DataError without pictures. ShapeError when captions and pictures differ in number.
 */
export function imagesBundle(images: readonly RasterImage[], options: ShowImagesOptions = {}): MimeBundle {
  if (images.length === 0) throw new DataError("showImages: images must hold at least one picture; got none.");
  const captions = options.captions ?? images.map(() => "");
  assertSameLength("showImages: captions", captions.length, images.length);
  const columns = options.columns ?? Math.min(MAX_COLUMNS, images.length);
  assertInteger("showImages: columns", columns, 1);
  const longest = Math.max(...images.map((image) => Math.max(image.width, image.height)));
  const scale = options.scale ?? Math.min(MAX_SCALE, Math.ceil(SHOWN_SIDE / longest));
  assertInteger("showImages: scale", scale, 1, MAX_SCALE);
  const cells = images.map((image, i) => pictureHtml(image, captions[i]!, scale));
  const rows: string[] = [];
  for (let start = 0; start < cells.length; start += columns)
    rows.push(`<tr style="background:none">${cells.slice(start, start + columns).join("")}</tr>`);
  const text = images
    .map((image, i) => `[${image.width} x ${image.height}] ${visibleText(captions[i]!)}`.trimEnd())
    .join("\n");
  return { "text/html": `<table>\n${rows.join("\n")}\n</table>`, "text/plain": text };
}

/** Shows pictures below the cell. Outside a notebook it only checks its arguments. */
export function showImages(images: readonly RasterImage[], options: ShowImagesOptions = {}): void {
  const bundle = imagesBundle(images, options);
  if (isInsideNotebook()) writeDisplay(bundle);
}

/** Shows an Arquero table or a list of objects below the cell. Outside a notebook it only checks its arguments. */
export function showTable(table: TableLike | readonly object[], options: ShowTableOptions = {}): void {
  const bundle = tableBundle(table, options);
  if (isInsideNotebook()) writeDisplay(bundle);
}
