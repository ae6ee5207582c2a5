import type { Figure } from "../base/types";
import { aboutMetric, isPublishedAs, metricLabel } from "../metrics/known-metrics";
import { type Dot, dotTrace, focusOf, type SystemLine, systemLines } from "./dot-plot";
import {
  contextOf,
  findResult,
  isOwnValue,
  isShownAs,
  type PairedResult,
  type PublishedResult,
  pairedResult,
  type Result,
  readPublished,
  readResults,
  rowsOf,
  type Table,
} from "./tables";
import { escapeText, percent, points } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, percentAxis, type Trace } from "./theme";

export interface MainTableOptions extends FigureContext {
  /** Published frame (model, system, reader, task, metric, value in per cent), drawn hollow beside ours. */
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
 * values as shares of 1; with paired differences among them (baseline) the title says whether the systems differ.
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function mainTableFigure(rows: Table, options: MainTableOptions = {}): Figure {
  const all = rowsOf("mainTableFigure: rows", rows, ["system", "metric", "value"]);
  const measured = readResults("mainTableFigure: rows", all);
  const results = measured.filter(isOwnValue);
  const published = readPublished("mainTableFigure: published", options.published, options.task);
  const metrics = [...new Set(results.map(({ metric }) => metric))].slice(0, 3);
  const systems = [...new Set(results.map(({ system }) => system))];
  const { lines, colors, labels } = systemLines(linesOf(systems, published));
  const traces: Trace[] = [];
  const layout: Record<string, unknown> = {};
  metrics.forEach((metric, index) => {
    const ours = results.filter((entry) => entry.metric === metric);
    const theirs = published.filter((entry) => isPublishedAs(entry.metric, metric));
    traces.push(...panelTraces(index + 1, { ours, theirs, colors, lineOf: lineFinder(systems, published) }));
    Object.assign(layout, panelAxes(index + 1, metrics, [...ours, ...theirs], lines.axis));
  });
  const note =
    published.length > 0
      ? "filled: ours with 95 % interval; hollow: published, full-size models on real data"
      : "bars: 95 % intervals";
  return composeFigure({
    traces,
    layout: { ...layout, shapes: [...lines.bands, ...separator(systems.length, labels.length)] },
    bodyHeight: LINE_HEIGHT * labels.length + 66,
    margin: { l: lines.marginLeft, b: 56 },
    title: titleOf(measured, systems, labels),
    caption: captionOf(results, metrics, (system) => labels[systems.indexOf(system)]!),
    note,
    context: { ...contextOf(all), ...options },
  });
}

/** Our systems, then the published models that are none of them. */
function linesOf(systems: readonly string[], published: readonly PublishedResult[]): SystemLine[] {
  const extra = published.filter((entry) => !systems.some((ours) => isShownAs(entry, ours)));
  const models = new Map(extra.map(({ model, system }) => [model, { name: model, system: system ?? model }]));
  return [...systems, ...models.values()];
}

type LineOf = (entry: Result | PublishedResult) => number;

function lineFinder(systems: readonly string[], published: readonly PublishedResult[]): LineOf {
  const names = linesOf(systems, published).map((line) => (typeof line === "string" ? line : line.name));
  return (entry) => {
    if (!("model" in entry)) return names.indexOf(entry.system);
    const own = systems.findIndex((ours) => isShownAs(entry, ours));
    return own === -1 ? names.indexOf(entry.model) : own;
  };
}

interface Panel {
  readonly ours: readonly Result[];
  readonly theirs: readonly PublishedResult[];
  readonly colors: readonly string[];
  readonly lineOf: LineOf;
}

function panelTraces(panel: number, { ours, theirs, colors, lineOf }: Panel): Trace[] {
  const placed = (
    entry: Result | PublishedResult,
    others: readonly (Result | PublishedResult)[],
    shift: number,
  ): number => lineOf(entry) + (others.some((other) => lineOf(other) === lineOf(entry)) ? shift : ALONE);
  const filled = ours.map((entry): Dot => {
    return { ...entry, y: placed(entry, theirs, OURS), color: colors[lineOf(entry)]!, name: entry.system };
  });
  const hollow = theirs.map((entry): Dot => {
    const text = `\u2002${percent(entry.value, 0)}`;
    return {
      value: entry.value,
      y: placed(entry, ours, THEIRS),
      color: colors[lineOf(entry)]!,
      name: entry.model,
      text,
    };
  });
  const traces = [dotTrace(filled, { fill: "filled", panel })];
  if (hollow.length === 0) return traces;
  return [
    ...traces,
    dotTrace(hollow, { fill: "hollow", symbol: "diamond", textPosition: "middle right", size: 9, panel }),
  ];
}

function panelAxes(
  panel: number,
  metrics: readonly string[],
  results: readonly (Result | PublishedResult)[],
  axis: Layout,
): Record<string, Layout> {
  const suffix = panel === 1 ? "" : String(panel);
  const [panels, width] = [metrics.length, 1 / metrics.length];
  const domain = [(panel - 1) * width + (panel > 1 ? 0.04 : 0), panel * width - (panel < panels ? 0.04 : 0)];
  const reach = results.flatMap((entry) => ("model" in entry ? [entry.value] : [entry.value, entry.low, entry.high]));
  return {
    [`xaxis${suffix}`]: {
      domain,
      anchor: `y${suffix}`,
      ...percentAxis(reach),
      title: { text: `${escapeText(metricLabel(metrics[panel - 1]!))} (%)` },
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

function titleOf(measured: readonly Result[], systems: readonly string[], labels: readonly string[]): string {
  const { focus, baseline } = focusOf(systems);
  const results = measured.filter(isOwnValue);
  const metric = results.some((entry) => entry.metric === "accuracy") ? "accuracy" : results[0]!.metric;
  const label = (system: string): string => labels[systems.indexOf(system)]!;
  const first = findResult(results, { system: focus, metric });
  const second = findResult(results, { system: baseline, metric });
  if (first === undefined) return `${metricLabel(metric)} of ${systems.length} systems`;
  if (metric !== "accuracy" || second === undefined || focus === baseline) {
    return `${label(focus)} reaches ${percent(first.value)} % ${aboutMetric(metric).label}`;
  }
  const paired = pairedResult(measured, [focus, baseline], { metric });
  const sentence = comparisonSentence(first, second, paired, { focus: label(focus), baseline: label(baseline) });
  const best = results.filter((entry) => entry.metric === metric).reduce((a, b) => (b.value > a.value ? b : a));
  const other = best.value > Math.max(first.value, second.value);
  return other ? `${sentence}; best is ${label(best.system)} (${percent(best.value)} %)` : sentence;
}

/** How the two are called in a sentence. */
interface Names {
  readonly focus: string;
  readonly baseline: string;
}

/** The sentence that a comparison of two systems supports: more, less or the same; whether that is chance, the paired difference alone tells. */
function comparisonSentence(focus: Result, baseline: Result, paired: PairedResult | null, names: Names): string {
  const difference = paired?.value ?? focus.value - baseline.value;
  const value = `${percent(focus.value)} %`;
  if (points(difference) === "0.0") {
    return `${names.focus} and ${names.baseline} answer equally many questions right (${value})`;
  }
  const direction = difference > 0 ? "more" : "less";
  const start = `${names.focus} answers ${value} of the questions right`;
  if (paired !== null && (paired.low > 0 || paired.high < 0))
    return `${start}, clearly ${direction} than ${names.baseline} (${points(difference)} points, paired)`;
  const much = `${points(Math.abs(difference)).slice(1)} points ${direction} than ${names.baseline}`;
  return paired === null ? `${start}, ${much}` : `${start}, ${much}, which may be chance`;
}

function captionOf(
  results: readonly Result[],
  metrics: readonly string[],
  labelOf: (system: string) => string,
): string {
  const parts = results
    .filter((entry) => metrics.includes(entry.metric))
    .map((entry) => {
      const interval =
        entry.low === null || entry.high === null ? "" : ` [${percent(entry.low)}, ${percent(entry.high)}]`;
      return `${labelOf(entry.system)} ${aboutMetric(entry.metric).label} ${percent(entry.value)} %${interval}`;
    });
  return `${parts.join("; ")}.`;
}
