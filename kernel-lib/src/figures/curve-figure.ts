import type { Figure } from "../base/types";
import { aboutMetric, metricLabel } from "../metrics/known-metrics";
import { contextOf, distinct, groupRows, numberIn, type Row, rowsOf, type Table } from "./tables";
import { escapeText, percent, textWidth } from "./text";
import {
  COLORS,
  composeFigure,
  type FigureContext,
  type Layout,
  note,
  SERIES_COLORS,
  SIZES,
  type Trace,
} from "./theme";

export interface CurveOptions extends FigureContext {
  /** Which metrics, one panel each, in this order. Default: all that the rows hold. */
  readonly metrics?: readonly string[] | undefined;
}

/** One line of the figure. */
interface Series {
  readonly name: string;
  readonly stage: string;
  readonly split: string;
  readonly metric: string;
  readonly steps: readonly number[];
  readonly values: readonly number[];
  /** Position of the best value; of the last where neither more nor less is better. */
  readonly best: number;
}

const PANEL = 230;
const GAP = 46;
const BOTTOM = 58;

/**
 * A training run: loss and validation metrics over the steps, the best validation step marked.
 *
 * Rows: curve frame (stage, step, split, metric, value). Which way is better and what the numbers are says metrics/known-metrics.ts.
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function curveFigure(rows: Table, options: CurveOptions = {}): Figure {
  const all = rowsOf("curveFigure: rows", rows, ["stage", "step", "split", "metric", "value"]);
  const metrics = options.metrics ?? distinct(all, "metric");
  const stages = distinct(all, "stage");
  const series = seriesOf(all, stages).filter((entry) => metrics.includes(entry.metric));
  const height = PANEL * metrics.length + GAP * (metrics.length - 1);
  const layout: Record<string, unknown> = {};
  const annotations: Layout[] = [];
  const traces: Trace[] = [];
  metrics.forEach((metric, panel) => {
    const suffix = panel === 0 ? "" : String(panel + 1);
    const own = series.filter((entry) => entry.metric === metric);
    const top = 1 - (panel * (PANEL + GAP)) / height;
    layout[`yaxis${suffix}`] = { domain: [top - PANEL / height, top], title: { text: axisTitle(metric) }, nticks: 6 };
    const last = panel === metrics.length - 1;
    layout[`xaxis${suffix}`] = {
      anchor: `y${suffix}`,
      ...(panel === 0 ? {} : { matches: "x" }),
      showticklabels: last,
      title: { text: last ? "Step" : "" },
    };
    for (const entry of own) traces.push(...lineOf(entry, suffix, stages));
    annotations.push(...endLabels(own, suffix, stages));
  });
  return composeFigure({
    traces,
    layout: { ...layout, annotations },
    bodyHeight: height + BOTTOM,
    margin: { l: 84, r: labelRoom(series), b: BOTTOM, t: 22 },
    title: titleOf(series),
    caption: series
      .map(
        (entry) =>
          `${entry.name} ${aboutMetric(entry.metric).label}: ${aboutMetric(entry.metric).better === "neither" ? "last" : "best"} ${shown(entry)} at step ${entry.steps[entry.best]}`,
      )
      .join("; "),
    note: "ring: best validation step",
    context: { ...contextOf(all), ...options },
  });
}

/** Room for the longest name at the end of a line, pixels. */
function labelRoom(series: readonly Series[]): number {
  const widest = Math.max(...series.map(({ name }) => textWidth(name, SIZES.small)));
  return Math.max(150, Math.ceil(widest) + 24);
}

function seriesOf(rows: readonly Row[], stages: readonly string[]): Series[] {
  const series: Series[] = [];
  for (const [metric, own] of groupRows(rows, "metric")) {
    for (const [stage, staged] of groupRows(own, "stage")) {
      for (const [split, points] of groupRows(staged, "split")) {
        const sorted = [...points].sort((a, b) => step(a) - step(b));
        const values = sorted.map((row) => numberIn("curveFigure: rows", row, "value"));
        const name = stages.length > 1 ? `${stage}, ${split}` : split;
        series.push({ name, stage, split, metric, steps: sorted.map(step), values, best: bestOf(values, metric) });
      }
    }
  }
  return series;
}

const step = (row: Row): number => numberIn("curveFigure: rows", row, "step");

/** Place of the best value; the last where neither more nor less is better. */
function bestOf(values: readonly number[], metric: string): number {
  const { better } = aboutMetric(metric);
  if (better === "neither") return values.length - 1;
  const sign = better === "higher" ? 1 : -1;
  return values.reduce((best, value, index) => (sign * value > sign * values[best]! ? index : best), 0);
}

function axisTitle(metric: string): string {
  const { unit } = aboutMetric(metric);
  return `${escapeText(metricLabel(metric))}${unit === "share" ? " (%)" : unit === "nats" ? " (nats)" : ""}`;
}

function scaled(entry: Series): number[] {
  return entry.values.map((value) => (aboutMetric(entry.metric).unit === "share" ? 100 * value : value));
}

function shown(entry: Series): string {
  const value = entry.values[entry.best]!;
  return aboutMetric(entry.metric).unit === "share" ? `${percent(value)} %` : value.toPrecision(3);
}

function colorOf(entry: Series, stages: readonly string[]): string {
  if (stages.length > 1) return SERIES_COLORS[stages.indexOf(entry.stage) % SERIES_COLORS.length]!;
  return entry.split === "train" ? COLORS.line : SERIES_COLORS[0]!;
}

function lineOf(entry: Series, suffix: string, stages: readonly string[]): Trace[] {
  const color = colorOf(entry, stages);
  const place = { type: "scatter", xaxis: `x${suffix}`, yaxis: `y${suffix}`, name: escapeText(entry.name) };
  const values = scaled(entry);
  const train = entry.split === "train";
  const line = { color, width: train ? 1.5 : 2.5, ...(train && stages.length > 1 ? { dash: "dot" } : {}) };
  const curve = { ...place, mode: entry.steps.length > 1 ? "lines" : "markers", x: entry.steps, y: values, line };
  if (train || aboutMetric(entry.metric).better === "neither") return [curve];
  const ring = { size: 13, color: COLORS.paper, line: { color, width: 3 } };
  return [
    curve,
    {
      ...place,
      mode: "markers",
      x: [entry.steps[entry.best]],
      y: [values[entry.best]],
      marker: ring,
      cliponaxis: false,
    },
  ];
}

/** Names at the ends of the lines, moved apart where they would overlap. */
function endLabels(series: readonly Series[], suffix: string, stages: readonly string[]): Layout[] {
  const all = series.flatMap(scaled);
  const span = Math.max(...all) - Math.min(...all) || 1;
  const distance = (17 / PANEL) * span * 1.1;
  const ends = series.map((entry) => ({ entry, y: scaled(entry)[entry.values.length - 1]! })).sort((a, b) => b.y - a.y);
  ends.forEach((end, index) => {
    const above = ends[index - 1];
    if (above !== undefined && above.y - end.y < distance) end.y = above.y - distance;
  });
  return ends.map(({ entry, y }) => {
    const color = entry.split === "train" && stages.length === 1 ? COLORS.muted : colorOf(entry, stages);
    const place = { x: 1, xanchor: "left", xshift: 8, yref: `y${suffix}`, y, align: "left" };
    return { ...note(escapeText(entry.name), place), font: { size: SIZES.small, color } };
  });
}

function titleOf(series: readonly Series[]): string {
  const entry = series.find((candidate) => candidate.split !== "train") ?? series[0];
  if (entry === undefined) return "No curve was logged";
  const what = `${entry.name === entry.split ? "" : `${entry.stage}: `}${entry.split} ${aboutMetric(entry.metric).label}`;
  const last = entry.steps[entry.steps.length - 1]!;
  const at = entry.steps[entry.best]!;
  const { better } = aboutMetric(entry.metric);
  const word = better === "lower" ? "lowest" : "highest";
  const sentence = what.charAt(0).toUpperCase() + what.slice(1);
  if (entry.steps.length === 1) return `${sentence} is ${shown(entry)} at step ${at}, the only one measured`;
  if (better === "neither") return `${sentence} is ${shown(entry)} at the last step (${last})`;
  if (entry.best === 0) return `${sentence} never improves on its first value (${shown(entry)} at step ${at})`;
  if (at === last) return `${sentence} is ${word} at the last step (${shown(entry)} at ${last}): more steps might help`;
  return `${sentence} is ${word} at step ${at} of ${last} (${shown(entry)}), then gets no better`;
}
