import type { Figure } from "../base/types";
import { isPublishedAs, metricLabel } from "../metrics/known-metrics";
import { type Dot, dotTrace, focusOf, systemLines } from "./dot-plot";
import {
  contextOf,
  distinct,
  groupRows,
  isOwnValue,
  isShownAs,
  type PublishedResult,
  pairedResult,
  type Result,
  type Row,
  readPublished,
  readResults,
  rowsOf,
  type Table,
  textIn,
} from "./tables";
import { escapeText, percent } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, note, percentAxis, SIZES, type Trace } from "./theme";

export interface TaskPanelsOptions extends FigureContext {
  /** Published frame (model, system, reader, task, metric, value in per cent), drawn hollow on the lines of the same systems. */
  readonly published?: Table | undefined;
  /** How tasks are called in the panels' titles. Default their names. */
  readonly titles?: Readonly<Record<string, string>>;
}

/** A task's panel: its metric, ours and the paper's. */
interface Panel {
  readonly task: string;
  readonly metric: string;
  /** All of the metric: values, and differences where the rows have them. */
  readonly measured: readonly Result[];
  readonly ours: readonly Result[];
  readonly theirs: readonly PublishedResult[];
  readonly n: number | null;
}

const COLUMNS = 4;
const LINE_HEIGHT = 36;
const ROW_EXTRA = 84; // panel title above, axis below
const MARGIN_BOTTOM = 40;
const GAP = 0.035;
const WIDTH = 1040;
const WHERE = "taskPanelsFigure: rows";

/**
 * One metric of every task side by side: a panel per task, a line per system, 95 % intervals, the published values hollow.
 * Each panel has its own axis.
 *
 * Rows: results frame with a column `task`, one metric per task (task, system, metric, value, low, high, n, seeds, scale, data); paired
 * differences among them (baseline) say on how many tasks the systems differ.
 * @throws DataError when rows are missing or lack a column.
 */
export function taskPanelsFigure(rows: Table, options: TaskPanelsOptions = {}): Figure {
  const all = rowsOf(WHERE, rows, ["task", "system", "metric", "value"]);
  const systems = distinct(all, "system");
  const panels = [...groupRows(all, "task")].map(([task, own]) => panelOf(task, own, systems, options.published));
  const { lines, colors, labels } = systemLines(systems);
  const numRows = Math.ceil(panels.length / COLUMNS);
  const bodyHeight = numRows * (LINE_HEIGHT * systems.length + ROW_EXTRA) - ROW_EXTRA + MARGIN_BOTTOM;
  const traces: Trace[] = [];
  const layout: Record<string, Layout> = {};
  const annotations: Layout[] = [];
  panels.forEach((panel, i) => {
    const place = placeOf(i, numRows, LINE_HEIGHT * systems.length);
    const values = [
      ...panel.ours.flatMap(({ value, low, high }) => [value, low, high]),
      ...panel.theirs.map(({ value }) => value),
    ];
    const suffix = i === 0 ? "" : String(i + 1);
    layout[`xaxis${suffix}`] = { domain: place.x, anchor: `y${suffix}`, ...sparse(percentAxis(values)) };
    const labelled = i % COLUMNS === 0 ? {} : { showticklabels: false };
    layout[`yaxis${suffix}`] = { ...lines.axis, domain: place.y, anchor: `x${suffix}`, ...labelled };
    traces.push(...tracesOf(panel, { panel: i + 1, systems, colors }));
    annotations.push(...titlesOf(panel, place, options.titles?.[panel.task] ?? panel.task));
  });
  return composeFigure({
    traces,
    layout: { ...layout, annotations },
    bodyHeight,
    width: WIDTH,
    margin: { l: lines.marginLeft, b: MARGIN_BOTTOM, t: 56 },
    title: titleOf(panels, systems, labels),
    caption: captionOf(panels, systems, labels),
    note: "filled: ours with 95 % interval; hollow: published, full-size models on real data; every panel has its own scale",
    context: { ...contextOf(all), ...options },
  });
}

function panelOf(task: string, own: readonly Row[], systems: readonly string[], published?: Table): Panel {
  const metric = textIn(own[0]!, "metric");
  const measured = readResults(WHERE, own).filter((entry) => entry.metric === metric);
  const ours = measured.filter(isOwnValue);
  const theirs = readPublished("taskPanelsFigure: published", published, task).filter(
    (entry) => isPublishedAs(entry.metric, metric) && systems.some((name) => isShownAs(entry, name)),
  );
  return { task, metric, measured, ours, theirs, n: ours[0]?.n ?? null };
}

interface Place {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

function placeOf(index: number, numRows: number, height: number): Place {
  const column = index % COLUMNS;
  const row = Math.floor(index / COLUMNS);
  const width = 1 / COLUMNS;
  const whole = numRows * (height + ROW_EXTRA) - ROW_EXTRA; // from the first plot's top to the last one's bottom
  const top = 1 - (row * (height + ROW_EXTRA)) / whole;
  const x = [
    column * width + (column > 0 ? GAP / 2 : 0),
    (column + 1) * width - (column < COLUMNS - 1 ? GAP / 2 : 0),
  ] as const;
  return { x, y: [Math.max(0, top - height / whole), top] };
}

/** A narrow panel has room for few marks. */
function sparse(axis: Layout): Layout {
  const ticks = axis["tickvals"] as readonly number[];
  const every = Math.ceil(ticks.length / 4);
  return { ...axis, tickvals: ticks.filter((_, i) => i % every === 0) };
}

function tracesOf(
  { ours, theirs }: Panel,
  {
    panel,
    systems,
    colors,
  }: { readonly panel: number; readonly systems: readonly string[]; readonly colors: readonly string[] },
): Trace[] {
  const filled = ours.map((result): Dot => {
    const line = systems.indexOf(result.system);
    return { ...result, y: line + 0.02, color: colors[line]!, name: result.system };
  });
  const hollow = theirs.map(({ model, value, ...rest }): Dot => {
    const line = systems.findIndex((name) => isShownAs({ model, value, ...rest }, name));
    return { value, y: line + 0.3, color: colors[line]!, name: model, text: "" };
  });
  return [
    dotTrace(filled, { fill: "filled", panel, size: 9 }),
    ...(hollow.length === 0 ? [] : [dotTrace(hollow, { fill: "hollow", symbol: "diamond", panel, size: 8 })]),
  ];
}

function titlesOf({ metric, n }: Panel, place: Place, title: string): Layout[] {
  const at = { x: place.x[0], y: place.y[1], xanchor: "left", yanchor: "bottom" };
  const about = `${escapeText(metricLabel(metric))} (%)${n === null ? "" : `, n = ${n.toLocaleString("en-US")}`}`;
  return [
    note(`<b>${escapeText(title)}</b>`, { ...at, yshift: 18, font: { size: SIZES.text, color: COLORS.ink } }),
    note(about, { ...at, yshift: 3 }),
  ];
}

function titleOf(panels: readonly Panel[], systems: readonly string[], labels: readonly string[]): string {
  const { focus, baseline } = focusOf(systems);
  const named = (system: string): string => labels[systems.indexOf(system)]!;
  const pairs = panels.flatMap(({ ours }) => {
    const [first, second] = [focus, baseline].map((name) => ours.find(({ system }) => system === name));
    return first === undefined || second === undefined ? [] : [{ first, second }];
  });
  if (pairs.length === 0 || focus === baseline) return `${named(focus)} on ${panels.length} tasks`;
  const ahead = pairs.filter(({ first, second }) => first.value > second.value).length;
  const start = `${named(focus)} is above ${named(baseline)} on ${ahead} of ${pairs.length} tasks`;
  const paired = panels.flatMap(({ measured, metric }) => pairedResult(measured, [focus, baseline], { metric }) ?? []);
  if (paired.length === 0) return start;
  const clear = paired.filter(({ low }) => low > 0).length;
  return `${start}, ${clear === 0 ? "on none" : `on ${clear}`} by more than chance (paired)`;
}

function captionOf(panels: readonly Panel[], systems: readonly string[], labels: readonly string[]): string {
  const told = panels.map(({ task, metric, ours }) => {
    const values = ours.map(({ system, value }) => `${labels[systems.indexOf(system)]} ${percent(value)}`);
    return `${task}, ${metricLabel(metric).toLowerCase()} (%): ${values.join(", ")}`;
  });
  return `${told.join("; ")}.`;
}
