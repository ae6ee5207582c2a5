/** The pages a browser shows: one per figure, and the gallery of all. */

import { escapeHtml } from "../../base/plain-text";
import { aboutLine, type SavedFigure, type SavedMeta } from "./saved-figure";

/** JSON that can stand inside a script element: no "</script>" and no "<!--" can occur in it. */
function jsonInHtml(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** Style shared by the page of a figure and the gallery; paths are relative to the figures folder. */
const PAGE_STYLE = `
@font-face { font-family: "Open Sans"; font-weight: 400; src: url("assets/open-sans-400.ttf"); }
@font-face { font-family: "Open Sans"; font-weight: 600; src: url("assets/open-sans-600.ttf"); }
@font-face { font-family: "Open Sans"; font-weight: 700; src: url("assets/open-sans-700.ttf"); }
:root { color-scheme: light dark; --page: #f5f7fa; --card: #ffffff; --ink: #1f2933; --muted: #5b6570; --line: #d9dee4; --link: #005b96; --badge: #e8eef4; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181d; --card: #1e242b; --ink: #e8ecf0; --muted: #a3adb8; --line: #36404a; --link: #7cc0f0; --badge: #2b343d; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 "Open Sans", "Segoe UI", Arial, sans-serif; }
main, header, footer { max-width: 980px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 36px; } footer { padding: 24px 20px 48px; color: var(--muted); font-size: 14px; }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 8px; } h2 { font-size: 15px; font-weight: 600; margin: 0 0 12px; color: var(--muted); }
p { margin: 8px 0; } a { color: var(--link); } a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.muted { color: var(--muted); font-size: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 22px; margin: 24px 0; }
.plate { background: #ffffff; border-radius: 6px; overflow-x: auto; }
.plate img, .plate > svg { display: block; width: 100%; max-width: 860px; height: auto; margin: 0 auto; }
#live { max-width: 860px; margin: 0 auto; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.badges { display: flex; flex-wrap: wrap; gap: 8px; list-style: none; padding: 0; margin: 12px 0; }
.badges li { background: var(--badge); border-radius: 99px; padding: 2px 12px; font-size: 13px; }
.links a { margin-right: 16px; }
.skip { position: absolute; left: -9999px; } .skip:focus { left: 12px; top: 12px; background: var(--card); padding: 8px 12px; }
@media print { .links, .skip { display: none; } .card { break-inside: avoid; border: 0; } }
`;

/** Runs in the page: the still picture is replaced only once the live one stands. */
const GO_LIVE = `
(function () {
  if (typeof Plotly === "undefined") return;
  var figure = JSON.parse(document.getElementById("figure").textContent);
  var still = document.getElementById("still"), live = document.getElementById("live");
  live.hidden = false;
  Plotly.newPlot(live, figure.data, figure.layout, figure.config).then(
    function () { still.remove(); document.body.dataset.state = "live"; },
    function (error) { live.remove(); document.body.dataset.state = "still"; throw error; }
  );
})();
`;

/**
 * A page for one figure: the SVG shows without any script; with `assets/plotly.min.js` beside it the figure goes live.
 * The page asks no other computer for anything.
 */
export function figurePage(figure: SavedFigure, svg: string): string {
  const { meta, data, layout, config } = figure;
  const label = escapeHtml(meta.title);
  const still = svg.replace("<svg ", () => `<svg role="img" aria-label="${label}" `); // a function: "$&" in a title is text
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="connect-src 'none'; form-action 'none'; img-src data: blob:">
<title>${label}</title>
<style>${PAGE_STYLE}</style>
</head>
<body data-state="still">
<main>
<article class="card">
<div class="plate"><div id="still">${still}</div><div id="live" hidden></div></div>
<p>${escapeHtml(meta.caption)}</p>
<p class="muted">${escapeHtml(aboutLine(meta))}</p>
<p class="links"><a href="index.html">All figures</a><a href="${meta.name}.svg">SVG</a><a href="${meta.name}.png">PNG</a><a href="${meta.name}.json">JSON</a></p>
</article>
</main>
<script type="application/json" id="figure">${jsonInHtml({ data, layout, config })}</script>
<script src="assets/plotly.min.js"></script>
<script>${GO_LIVE}</script>
</body>
</html>
`;
}

/** index.html: a card per saved figure. Needs no script and no network; opens from the disk. */
export function galleryPage(metas: readonly SavedMeta[]): string {
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
