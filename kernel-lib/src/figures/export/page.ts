import { aboutLine, type SavedFigure } from "./save-figure";

/** Makes text safe between tags and inside quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** JSON that can stand inside a script element: no "</script>" and no "<!--" can occur in it. */
export function jsonInHtml(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** Style shared by the page of a figure and the gallery; paths are relative to the figures folder. */
export const PAGE_STYLE = `
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
  const still = svg.replace("<svg ", `<svg role="img" aria-label="${label}" `);
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
