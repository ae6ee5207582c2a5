import { escapeHtml, jsonInHtml } from "./html-text";
import { PAGE_STYLE } from "./page-style";
import { aboutLine, type SavedFigure } from "./saved-figure";

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
