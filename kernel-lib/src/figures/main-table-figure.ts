import type { Figure } from "../base/types";
import { type Dot, dotTrace, systemKey, systemLines } from "./dot-plot";
import {
  comparisonSentence,
  focusOf,
  metricKey,
  metricLabel,
  metricWords,
  type Result,
  type Results,
  readResults,
} from "./results";
import { numberIn, rowsOf, type Table, textIn } from "./rows";
import { percent } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, percentAxis, type Trace } from "./theme";

export interface MainTableOptions extends FigureContext {
  /** Published frame (model, task, metric, value in per cent), drawn hollow beside ours. */
  readonly published?: Table | undefined;
  /** Which task of the published frame belongs to the rows, e.g. "breast-mnist". */
  readonly task?: string | undefined;
}

const OURS = -0.04; // where marks sit around their line when both kinds are there
const THEIRS = 0.28;
const ALONE = 0.06;
const LINE_HEIGHT = 58;

/**
 * The main result: each system's metrics with 95 % intervals, the paper's published values as hollow marks beside them.
 *
 * Paper: arXiv 2508.17394v3, main result table. Rows: results frame (system, metric, value, low, high, n, seeds, scale, data),
 * values as shares of 1; rows of scale "published" are drawn hollow like those of `options.published`.
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function mainTableFigure(rows: Table, options: MainTableOptions = {}): Figure {
  const results = readResults("mainTableFigure: rows", rows);
  const published = [...results.published, ...publishedResults(options)];
  const metrics = results.metrics.slice(0, 3);
  const extra = published.map((entry) => entry.system).filter((name) => lineOf(name, results.systems) === -1);
  const names = [...results.systems, ...new Set(extra)];
  const { lines, colors, labels } = systemLines(names);
  const traces: Trace[] = [];
  const layout: Record<string, unknown> = {};
  metrics.forEach((metric, index) => {
    const panel = index + 1;
    const ours = results.ours.filter((entry) => entry.metric === metric);
    const theirs = published.filter((entry) => metricKey(entry.metric) === metricKey(metric));
    const line = (entry: Result): number => lineOf(entry.system, names);
    const dot = (entry: Result, others: readonly Result[], shift: number, text?: string): Dot => {
      const shared = others.some((other) => line(other) === line(entry));
      const y = line(entry) + (shared ? shift : ALONE);
      return { ...entry, y, color: colors[line(entry)]!, name: entry.system, text };
    };
    traces.push(
      dotTrace(
        ours.map((entry) => dot(entry, theirs, OURS)),
        { fill: "filled", panel },
      ),
    );
    if (theirs.length > 0) {
      const dots = theirs.map((entry) => dot(entry, ours, THEIRS, `\u2002${percent(entry.value, 0)}`));
      traces.push(dotTrace(dots, { fill: "hollow", symbol: "diamond", textPosition: "middle right", size: 9, panel }));
    }
    Object.assign(layout, panelAxes(panel, metrics.length, metric, [...ours, ...theirs], lines.axis));
  });
  const note =
    published.length > 0
      ? "filled: ours with 95 % interval; hollow: published, full-size models on real data"
      : "bars: 95 % intervals";
  return composeFigure({
    traces,
    layout: { ...layout, shapes: [...lines.bands, ...separator(results.systems.length, names.length)] },
    bodyHeight: LINE_HEIGHT * names.length + 66,
    margin: { l: lines.marginLeft, b: 56 },
    title: titleOf(results, labels),
    caption: captionOf(results, metrics, labels),
    note,
    context: { ...results.context, ...options },
  });
}

function publishedResults(options: MainTableOptions): Result[] {
  if (options.published === undefined) return [];
  const rows = rowsOf("mainTableFigure: published", options.published, ["model", "task", "metric", "value"]);
  return rows
    .filter((row) => options.task === undefined || row["task"] === options.task)
    .map((row) => ({
      system: textIn(row, "model"),
      metric: textIn(row, "metric"),
      value: numberIn("mainTableFigure: published", row, "value") / 100,
      low: null,
      high: null,
    }));
}

/** The line a name belongs on: its own, or for the Qwen2-VL rows of the paper that of our system of the same kind. */
function lineOf(name: string, names: readonly string[]): number {
  const own = names.indexOf(name);
  if (own !== -1 || /\((?!Qwen)/.test(name)) return own;
  return names.findIndex((other) => systemKey(other) === systemKey(name));
}

function panelAxes(
  panel: number,
  panels: number,
  metric: string,
  results: readonly Result[],
  axis: Layout,
): Record<string, Layout> {
  const suffix = panel === 1 ? "" : String(panel);
  const width = 1 / panels;
  const domain = [(panel - 1) * width + (panel > 1 ? 0.04 : 0), panel * width - (panel < panels ? 0.04 : 0)];
  return {
    [`xaxis${suffix}`]: {
      domain,
      anchor: `y${suffix}`,
      ...percentAxis(results.flatMap((entry) => [entry.value, entry.low, entry.high])),
      title: { text: `${metricLabel(metric)} (%)` },
    },
    [`yaxis${suffix}`]: { ...axis, anchor: `x${suffix}`, ...(panel === 1 ? {} : { showticklabels: false }) },
  };
}

/** A thin line between our systems and those that only the paper has. */
function separator(ours: number, all: number): Layout[] {
  if (ours === all) return [];
  const y = ours - 0.5;
  const line = { color: COLORS.line, width: 1, dash: "dot" };
  return [{ type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: y, y1: y, line }];
}

function titleOf(results: Results, labels: readonly string[]): string {
  const { focus, baseline } = focusOf(results.systems);
  const metric = results.metrics.find((name) => metricKey(name) === "accuracy") ?? results.metrics[0]!;
  const find = (system: string): Result | undefined =>
    results.ours.find((entry) => entry.system === system && entry.metric === metric);
  const label = (system: string): string => labels[results.systems.indexOf(system)] ?? system;
  const first = find(focus);
  const second = find(baseline);
  if (first === undefined) return `${metricLabel(metric)} as published`;
  if (metricKey(metric) !== "accuracy" || second === undefined || focus === baseline) {
    return `${label(focus)} reaches ${percent(first.value)} % ${metricWords(metric)}`;
  }
  const sentence = comparisonSentence(first, second, { focus: label(focus), baseline: label(baseline) });
  const best = results.ours.filter((entry) => entry.metric === metric).reduce((a, b) => (b.value > a.value ? b : a));
  const other = best.value > Math.max(first.value, second.value);
  return other ? `${sentence}; best is ${label(best.system)} (${percent(best.value)} %)` : sentence;
}

function captionOf(results: Results, metrics: readonly string[], labels: readonly string[]): string {
  const parts = results.ours
    .filter((entry) => metrics.includes(entry.metric))
    .map((entry) => {
      const interval =
        entry.low === null || entry.high === null ? "" : ` [${percent(entry.low)}, ${percent(entry.high)}]`;
      return `${labels[results.systems.indexOf(entry.system)]} ${metricWords(entry.metric)} ${percent(entry.value)} %${interval}`;
    });
  return `${parts.join("; ")}.`;
}
