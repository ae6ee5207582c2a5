import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { assertKnownKeys } from "../../base/check";
import { ConfigError, DataError } from "../../base/errors";
import type { Figure } from "../../base/types";
import { writeFileAtomic } from "../../store/files";
import { contextLine, type FigureMeta } from "../theme";
import { recallFigure } from "./drawing-memory";
import { figurePage } from "./page";
import { figuresFolder, fontFiles, plotlyBundle } from "./places";

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
  return typeof text === "string" ? text.replaceAll(/<br\s*\/?>/gi, " ").replaceAll(/<[^>]*>/g, "") : "Untitled figure";
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

/** Reads `<name>.json`. @throws DataError when it is no figure that saveFigure wrote. */
export function parseSavedFigure(file: string, text: string): SavedFigure {
  try {
    const found = JSON.parse(text) as Partial<SavedFigure>;
    if (typeof found.meta?.name === "string" && typeof found.meta.title === "string" && Array.isArray(found.data)) {
      return found as SavedFigure;
    }
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

export interface SaveFigureOptions {
  /** Default: `JOMED_FIGURES_DIR`, else figures/ of the repository. */
  readonly dir?: string | undefined;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,79}$/;

/**
 * Writes `<name>.json` (the figure and what is known of it), `.svg`, `.png` and `.html` (still without script, live with the
 * plotly.js it puts once into assets/). Each file appears whole; the same figure gives the same bytes.
 *
 * @param name lower-case letters, digits and "-", e.g. "figure-1".
 * @returns the meta that was stored.
 * @throws ConfigError on another name; what drawFigure throws.
 */
export async function saveFigure(figure: Figure, name: string, options: SaveFigureOptions = {}): Promise<SavedMeta> {
  assertKnownKeys("saveFigure: options", options, ["dir"]);
  if (!NAME.test(name)) {
    throw new ConfigError(
      `saveFigure: name must be lower-case letters, digits and "-"; got ${JSON.stringify(name)}. Use e.g. "figure-1".`,
      { name },
    );
  }
  const dir = resolve(options.dir ?? figuresFolder());
  const svg = await recallFigure(figure, { format: "svg" });
  const png = await recallFigure(figure, { format: "png" });
  const { width, height, drawnWith } = svg;
  const meta: SavedMeta = { name, ...metaOf(figure), width, height, drawnWith };
  const config = { displaylogo: false, ...figure.config, showSendToCloud: false };
  const saved: SavedFigure = { meta, data: figure.data, layout: figure.layout, config };
  placeAssets(join(dir, "assets"));
  writeFileAtomic(join(dir, `${name}.svg`), svg.content);
  writeFileAtomic(join(dir, `${name}.png`), png.content);
  writeFileAtomic(join(dir, `${name}.html`), figurePage(saved, String(svg.content)));
  writeFileAtomic(join(dir, `${name}.json`), `${JSON.stringify(saved)}\n`); // last: the gallery lists what has a JSON file
  return meta;
}

/** plotly.js and the font, once beside the figures; git ignores the folder by the file it holds. */
function placeAssets(folder: string): void {
  const fonts = fontFiles();
  const files: readonly [string, string][] = [
    [plotlyBundle(), "plotly.min.js"],
    [fonts.regular, "open-sans-400.ttf"],
    [fonts.semiBold, "open-sans-600.ttf"],
    [fonts.bold, "open-sans-700.ttf"],
  ];
  for (const [from, name] of files) {
    const to = join(folder, name);
    if (statSync(to, { throwIfNoEntry: false })?.size === statSync(from).size) continue;
    writeFileAtomic(to, readFileSync(from));
  }
  writeFileAtomic(join(folder, ".gitignore"), "*\n");
}
