import { from } from "./library.mjs";
import { showExponent } from "./summary.mjs";

const { escapeText } = from("figures/text");
const { dotLines } = from("figures/dot-plot");
const { COLORS, composeFigure, logAxis, note, SERIES_COLORS } = from("figures/theme");

const LINE = 34;
const GROWTH_HEIGHT = 380;

/** Where the marks of one side stand, with their quartiles. */
function marks(points, { name, color, symbol }) {
  const values = points.map(({ spread }) => 1000 * spread.median);
  return {
    type: "scatter",
    mode: "markers",
    name,
    x: values,
    y: points.map(({ line }) => line),
    error_x: {
      type: "data",
      symmetric: false,
      array: points.map(({ spread }) => 1000 * (spread.high - spread.median)),
      arrayminus: points.map(({ spread }) => 1000 * (spread.median - spread.low)),
      color: COLORS.line,
      thickness: 2,
      width: 0,
    },
    marker: { size: 11, symbol, color, line: { color, width: 2 } },
    hovertext: points.map(({ label }, i) => escapeText(`${label}: ${values[i].toPrecision(3)} ms`)),
    hoverinfo: "text",
    cliponaxis: false,
  };
}

/** Times of every case, ours and the peers', with quartiles and the median ratio beside them. */
export function timesFigure(results) {
  // the keys of --only: names of cases are too long for an axis
  const lines = results.flatMap(({ key, own, peers }) => {
    const label = key.replace("_", " ");
    return peers.length === 0
      ? [{ label, own, peer: null }]
      : peers.map((peer) => ({ label: `${label} / ${peer.name}`, own, peer }));
  });
  const axis = dotLines(lines.map(({ label }) => label));
  const compared = lines.flatMap(({ peer, label }, line) => (peer === null ? [] : [{ line, label, ...peer }]));
  const own = lines.map(({ own: spread, label }, line) => ({ line, spread, label: `ours, ${label}` }));
  const others = compared.map(({ line, time, label }) => ({ line, spread: time, label }));
  const slower = compared.filter(({ ratio }) => ratio.median > 1).length;
  const values = [...own, ...others].map(({ spread }) => 1000 * spread.median);
  const title =
    compared.length === 0
      ? "What the library needs for each piece of work"
      : `Slower than the peer in ${slower} of ${compared.length} comparisons`;
  return composeFigure({
    traces: [
      marks(own, { name: "ours", color: COLORS.accent, symbol: "circle" }),
      ...(others.length === 0 ? [] : [marks(others, { name: "peer", color: SERIES_COLORS[1], symbol: "diamond" })]),
    ],
    layout: {
      xaxis: {
        ...logAxis(values, (value) => value.toLocaleString("en-US")),
        title: { text: "Milliseconds (log scale)" },
      },
      yaxis: axis.axis,
      shapes: axis.bands,
      annotations: compared.map(({ line, ratio }) =>
        note(`${ratio.median.toFixed(2)}x`, {
          x: 1,
          xanchor: "left",
          xshift: 8,
          yref: "y",
          y: line,
          yanchor: "middle",
        }),
      ),
      showlegend: others.length > 0,
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", font: { size: 12 } },
    },
    bodyHeight: LINE * lines.length + 60,
    margin: { l: axis.marginLeft, r: 64, b: 60, t: 34 },
    title,
    caption: own.map(({ label, spread }) => `${label}: ${(1000 * spread.median).toPrecision(3)} ms.`).join(" "),
    note: `medians with quartiles${compared.length === 0 ? "" : "; right: our time over the peer's, pair by pair"}`,
    context: {},
  });
}

/** Times over sizes, both relative to the smallest: straight lines whose slopes are the exponents. */
export function growthFigure(growth) {
  const series = growth.map(({ what, axis, sizes, own }, i) => ({
    name: `${what}, ${axis}: ${showExponent(own)}`,
    x: sizes.map((size) => size / sizes[0]),
    y: own.seconds.map((seconds) => seconds / own.seconds[0]),
    color: SERIES_COLORS[i % SERIES_COLORS.length],
  }));
  const steepest = growth.reduce((most, each) => (each.own.exponent > most.own.exponent ? each : most));
  const write = (value) => value.toLocaleString("en-US");
  return composeFigure({
    traces: series.map(({ name, x, y, color }) => ({
      type: "scatter",
      mode: "lines+markers",
      name: escapeText(name),
      x,
      y,
      line: { color, width: 2.5 },
      marker: { size: 8, color },
      cliponaxis: false,
      hoverinfo: "name+x+y",
    })),
    layout: {
      xaxis: {
        ...logAxis(
          series.flatMap(({ x }) => x),
          write,
        ),
        title: { text: "Size, relative to the smallest (log scale)" },
      },
      yaxis: {
        ...logAxis(
          series.flatMap(({ y }) => y),
          write,
        ),
        title: { text: "Time, relative (log scale)" },
      },
      showlegend: true,
      legend: { orientation: "v", x: 0.01, y: 0.99, yanchor: "top", font: { size: 12 } },
    },
    bodyHeight: GROWTH_HEIGHT,
    margin: { l: 88, r: 40, b: 58, t: 14 },
    title: `Time grows most steeply with ${steepest.axis} (${steepest.what}): exponent ${showExponent(steepest.own)}`,
    caption: series.map(({ name }) => `${name}.`).join(" "),
    note: "exponents with their standard errors",
    context: {},
  });
}
