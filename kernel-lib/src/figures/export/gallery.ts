import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DataError } from "../../base/errors";
import { writeFileAtomic } from "../../store/files";
import { escapeHtml, PAGE_STYLE } from "./page";
import { figuresFolder } from "./places";
import { parseSavedFigure, type SavedMeta } from "./save-figure";

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

function galleryPage(metas: readonly SavedMeta[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="script-src 'none'; connect-src 'none'; form-action 'none'">
<title>JOMED notebooks: figures</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<a class="skip" href="#figures">Skip to the figures</a>
<header>
<h1>JOMED notebooks: figures</h1>
<p>Every figure the notebooks build, ${metas.length} in all. Each title states what was found in the rows behind it.</p>
<p class="muted">“Replica scale” means: measured with the small models of this repository, not with the paper’s. “Phantom” means: made from a seed, no patient. Not for clinical use.</p>
</header>
<main id="figures">
${metas.map(card).join("\n")}
</main>
<footer>Paper: Mazor and Hope, arXiv 2508.17394v3. Published numbers are drawn hollow, beside ours, never mixed in.</footer>
</body>
</html>
`;
}

function card(meta: SavedMeta): string {
  const { name } = meta;
  const title = escapeHtml(meta.title);
  const link = (kind: string): string =>
    `<a href="${name}.${kind.toLowerCase()}" aria-label="${title}: ${kind}">${kind === "HTML" ? "Live figure" : kind}</a>`;
  return `<article class="card" id="${name}">
<h2>${escapeHtml(nameOf(meta.name))}<span class="hidden">: ${title}</span></h2>
<div class="plate"><img src="${name}.svg" width="${meta.width}" height="${meta.height}" loading="lazy" alt="${title}. ${escapeHtml(meta.caption)}"></div>
<ul class="badges">${badges(meta)
    .map((badge) => `<li>${escapeHtml(badge)}</li>`)
    .join("")}</ul>
<p>${escapeHtml(meta.caption)}</p>
<p class="links">${["HTML", "PNG", "SVG", "JSON"].map(link).join("")}</p>
</article>`;
}

/** "figure-1" -> "Figure 1 of the paper", "main-table" -> "Main table". The picture below carries the title. */
function nameOf(name: string): string {
  const words = name.replace(/^figure-(\d+)$/, "figure $1 of the paper").replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function badges(meta: SavedMeta): string[] {
  const seeds = meta.numSeeds === null ? "" : meta.numSeeds === 1 ? "1 seed" : `${meta.numSeeds} seeds`;
  return [
    meta.scale === null ? "" : meta.scale === "replica" ? "replica scale" : "published numbers",
    meta.data === null ? "" : `${meta.data} data`,
    meta.n === null ? "" : `n = ${meta.n.toLocaleString("en-US")}`,
    seeds,
    `drawn with ${meta.drawnWith}`,
  ].filter((badge) => badge !== "");
}
