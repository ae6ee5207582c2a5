import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { assertKnownKeys } from "../../base/check";
import { ConfigError, DataError } from "../../base/errors";
import { repositoryRoot } from "../../base/paths";
import type { Figure } from "../../base/types";
import { writeFileAtomic } from "../../store/files";
import { recallFigure } from "./drawing-memory";
import { fontFiles, plotlyBundle } from "./engine";
import { figurePage, galleryPage } from "./pages";
import { FIGURE_NAME, metaOf, parseSavedFigure, type SavedFigure, type SavedMeta } from "./saved-figure";

/** Where figures are written: `JOMED_FIGURES_DIR`, else figures/ of the repository. */
function figuresFolder(): string {
  return resolve(process.env["JOMED_FIGURES_DIR"] || join(repositoryRoot(), "figures"));
}

export interface SaveFigureOptions {
  /** Default: `JOMED_FIGURES_DIR`, else figures/ of the repository. */
  readonly dir?: string | undefined;
}

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
  if (!FIGURE_NAME.test(name)) {
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

/**
 * Writes index.html: a card per saved figure with its picture, title, caption, scale, data and n, and links to its files.
 * Needs no script and no network; opens from the disk.
 *
 * @param dir folder that saveFigure wrote to. Default: `JOMED_FIGURES_DIR`, else figures/ of the repository.
 * @returns the names of the figures listed, in their order.
 * @throws DataError when the folder holds no saved figure, or a JSON file that is none.
 */
export function writeGallery(dir: string = figuresFolder()): string[] {
  const folder = resolve(dir);
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json")) : [];
  if (files.length === 0) {
    throw new DataError(`writeGallery: dir must hold saved figures; got none in ${folder}. Call saveFigure first.`, {
      folder,
    });
  }
  const metas = files
    .map((file) => parseSavedFigure(file, readFileSync(join(folder, file), "utf8")).meta)
    .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  writeFileAtomic(join(folder, "index.html"), galleryPage(metas));
  return metas.map((meta) => meta.name);
}
