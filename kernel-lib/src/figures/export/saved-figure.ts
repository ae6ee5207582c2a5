import { DataError } from "../../base/errors";
import type { Figure } from "../../base/types";
import { plainLabel } from "../text";
import { contextLine, type FigureMeta } from "../theme";

/** What a saved figure may be called. */
export const FIGURE_NAME = /^[a-z0-9][a-z0-9-]{0,79}$/;

/** What `<name>.json` says about its figure, beside the figure itself. */
export interface SavedMeta extends FigureMeta {
  readonly name: string;
  /** Size of the SVG in CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** Which program drew SVG and PNG. */
  readonly drawnWith: string;
}

/** The content of `<name>.json`: a Plotly figure with `meta`. */
export interface SavedFigure extends Figure {
  readonly meta: SavedMeta;
}

/** The meta a figure function left in the layout, with gaps filled for figures made by hand. */
export function metaOf(figure: Figure): FigureMeta {
  const meta = (figure.layout["meta"] ?? {}) as Partial<FigureMeta>;
  return {
    title: meta.title ?? plainTitle(figure),
    caption: meta.caption ?? "",
    scale: meta.scale ?? null,
    data: meta.data ?? null,
    n: meta.n ?? null,
    seeds: meta.seeds ?? [],
    numSeeds: meta.numSeeds ?? null,
  };
}

function plainTitle(figure: Figure): string {
  const title = figure.layout["title"];
  const text = typeof title === "object" && title !== null ? (title as { text?: unknown }).text : title;
  return typeof text === "string" ? plainLabel(text) : "Untitled figure";
}

/** "n = 156 · replica scale · phantom data · seed 7" of a saved figure. */
export function aboutLine(meta: FigureMeta): string {
  return contextLine({
    n: meta.n ?? undefined,
    seeds: meta.seeds,
    numSeeds: meta.numSeeds ?? undefined,
    scale: meta.scale ?? undefined,
    data: meta.data ?? undefined,
  });
}

/** Name and sizes stand in the pages as they are. */
function isSavedMeta(meta: Partial<SavedMeta> | undefined): boolean {
  const { name, title, caption, width, height } = meta ?? {};
  const named = typeof name === "string" && FIGURE_NAME.test(name);
  return named && [title, caption].every(isText) && [width, height].every(Number.isFinite);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

/** Reads `<name>.json`. @throws DataError when it is no figure that saveFigure wrote. */
export function parseSavedFigure(file: string, text: string): SavedFigure {
  try {
    const found = JSON.parse(text) as Partial<SavedFigure>;
    if (isSavedMeta(found.meta) && Array.isArray(found.data)) return found as SavedFigure;
  } catch (cause) {
    throw new DataError(
      `writeGallery: ${file} must hold JSON. Save the figure again or remove the file.`,
      { file },
      cause,
    );
  }
  throw new DataError(
    `writeGallery: ${file} must hold a figure with its meta. Save it with saveFigure or remove the file.`,
    {
      file,
    },
  );
}
