import { isKernelError } from "../base/errors";
import type { Figure } from "../base/types";
import { recallFigure } from "../figures/export/drawing-memory";
import { escapeHtml, insideNotebook, writeDisplay } from "./display";
import type { MimeBundle } from "./notebook-file";

export const PLOTLY_MIME = "application/vnd.plotly.v1+json";

/** Text of a Plotly label without its markup. */
function plainText(value: unknown): string {
  const text = typeof value === "object" && value !== null ? (value as { text?: unknown }).text : value;
  if (typeof text !== "string") return "";
  return text
    .replaceAll(/<br\s*\/?>/gi, " ")
    .replaceAll(/<[^>]*>/g, "")
    .trim();
}

/** One line about a figure for readers who see no picture: its title, and how many traces of which kinds. */
export function describeFigure(figure: Figure): string {
  const kinds = [...new Set(figure.data.map((trace) => String(trace["type"] ?? "scatter")))].sort().join(", ");
  const traces = `${figure.data.length} ${figure.data.length === 1 ? "trace" : "traces"}${kinds === "" ? "" : `: ${kinds}`}`;
  return `Figure: ${plainText(figure.layout["title"]) || "untitled"} (${traces})`;
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

/**
 * Shows a figure below the cell. Outside a notebook it does nothing.
 *
 * @throws ConfigError when the figure cannot be drawn (unknown trace type, picture from outside).
 * @example await kernel.show(kernel.figures.mainTable(rows))
 */
export async function show(figure: Figure): Promise<void> {
  if (!insideNotebook()) return;
  writeDisplay(figureBundle(figure, await drawStill(figure)));
}

/** Shows Markdown below the cell, for sentences with numbers in them. Outside a notebook it does nothing. */
export function showMarkdown(markdown: string): void {
  writeDisplay({ "text/markdown": markdown, "text/plain": markdown });
}
