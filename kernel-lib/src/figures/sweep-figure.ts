import { DataError } from "../base/errors";
import type { Figure } from "../base/types";
import { contextOf, distinct, numberIn, numberOrNull, type Row, rowsOf, type Table, textIn } from "./tables";
import { escapeText, points } from "./text";
import {
  COLORS,
  composeFigure,
  type FigureContext,
  type Layout,
  note,
  roundTicks,
  SERIES_COLORS,
  SIZES,
  type Trace,
} from "./theme";

/** Which gain is drawn, and what it is called. */
const GAINS = {
  gain: { predicted: "predictedGain", label: "JOMED over FT RAG", what: "training the retriever gains" },
  ragGain: { predicted: "predictedRagGain", label: "FT RAG over closed-book", what: "retrieval gains" },
} as const;

export interface SweepFigureOptions extends FigureContext {
  /** "gain": JOMED over FT RAG. "ragGain": FT RAG over closed-book. Default "gain". */
  readonly measure?: keyof typeof GAINS | undefined;
  /** Correlation of predicted and measured gains over the settings, for the note. Default: not said. */
  readonly correlation?: { readonly value: number; readonly low: number; readonly high: number } | undefined;
}

/** One setting: where it stands, what was measured, what the theory says. All but dials in shares of 1. */
interface Point {
  readonly knowledge: number;
  readonly visibility: number;
  readonly pull: number;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly predicted: number | null;
}

const WHERE = "sweepFigure: rows";
const COLUMNS = ["task", "knowledge", "visibility", "pull", "measure", "value"];
const PANEL_HEIGHT = 300;
const BOTTOM = 92;
const GAP = 0.04;

/**
 * What is gained, against how much only the corpus knows: a panel for each `pull`, a line for each `visibility`; dashed with hollow marks
 * what the toy theory says.
 *
 * Rows: the sweep's (task, knowledge, visibility, pull, measure, value, low, high …), as measureSweep gives them.
 *
 * @throws DataError when rows are missing, lack a column, or hold no setting with this gain.
 */
export function sweepFigure(rows: Table, options: SweepFigureOptions = {}): Figure {
  const all = rowsOf(WHERE, rows, COLUMNS);
  const { measure = "gain", correlation, ...context } = options;
  const found = pointsOf(all, measure);
  const pulls = sorted(found.map(({ pull }) => pull));
  const visibilities = sorted(found.map(({ visibility }) => visibility));
  const colorOf = (visibility: number): string =>
    SERIES_COLORS[visibilities.indexOf(visibility) % SERIES_COLORS.length]!;
  const lines = pulls.flatMap((pull, panel) =>
    visibilities.flatMap((visibility) => {
      const own = found.filter((point) => point.pull === pull && point.visibility === visibility);
      return own.length === 0 ? [] : linesOf(own, { panel, pulls, color: colorOf(visibility) });
    }),
  );
  const { n: _questions, ...about } = contextOf(all);
  return composeFigure({
    traces: lines,
    layout: {
      ...axesOf(found, pulls),
      ...(pulls.length > 1 ? { annotations: pulls.map((pull, panel) => panelTitle(pull, panel, pulls.length)) } : {}),
      showlegend: true,
      legend: { orientation: "h", x: 0, y: -56 / PANEL_HEIGHT, yanchor: "top", font: { size: SIZES.small } },
    },
    bodyHeight: PANEL_HEIGHT + BOTTOM,
    margin: { l: 72, r: 32, b: BOTTOM, t: pulls.length > 1 ? 34 : 16 },
    title: titleOf(found, measure),
    caption: found.map((point) => captionOf(point)).join("; "),
    note: noteOf(correlation),
    context: { ...about, data: "phantom", ...context },
  });
}

function pointsOf(rows: readonly Row[], measure: keyof typeof GAINS): Point[] {
  const valueIn = (task: string, name: string): Row | undefined =>
    rows.find((row) => row["task"] === task && row["measure"] === name);
  const found = distinct(rows, "task").flatMap((task): Point[] => {
    const measured = valueIn(task, measure);
    if (measured === undefined) return [];
    const dial = (name: string): number => numberIn(WHERE, measured, name);
    const predicted = valueIn(task, GAINS[measure].predicted);
    return [
      {
        ...{ knowledge: dial("knowledge"), visibility: dial("visibility"), pull: dial("pull") },
        ...{ value: dial("value"), low: numberOrNull(measured, "low"), high: numberOrNull(measured, "high") },
        predicted: predicted === undefined ? null : numberIn(WHERE, predicted, "value"),
      },
    ];
  });
  if (found.length > 0) return found.sort((a, b) => a.knowledge - b.knowledge);
  const there = [...new Set(rows.map((row) => textIn(row, "measure")))].join(", ");
  throw new DataError(`${WHERE} must hold the measure ${measure}; got ${there}. Pass what measureSweep gives.`, {
    measure,
  });
}

/** Each value once, the largest (the standard) first. */
function sorted(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => b - a);
}

interface LineStyle {
  readonly panel: number;
  readonly pulls: readonly number[];
  readonly color: string;
}

/** The measured line with its intervals, and the predicted one beside it. */
function linesOf(own: readonly Point[], { panel, color }: LineStyle): Trace[] {
  const suffix = panel === 0 ? "" : String(panel + 1);
  const { visibility } = own[0]!;
  const name = `visibility ${visibility}`;
  const place = { type: "scatter", xaxis: `x${suffix}`, yaxis: `y${suffix}`, cliponaxis: false, legendgroup: name };
  const reach = (point: Point, bound: number | null): number =>
    bound === null ? 0 : 100 * Math.abs(bound - point.value);
  const told = own.filter(({ predicted }) => predicted !== null);
  const predicted: Trace = {
    ...{ ...place, mode: "lines+markers", name: `${name}, predicted`, hoverinfo: "name+x+text" },
    ...{ x: told.map(({ knowledge }) => 100 * knowledge), y: told.map((point) => 100 * point.predicted!) },
    text: told.map((point) => points(point.predicted!)),
    line: { color, width: 1.5, dash: "dash" },
    marker: { size: 8, color: COLORS.paper, line: { color, width: 1.5 } },
    showlegend: panel === 0,
  };
  const measured: Trace = {
    ...{ ...place, mode: "lines+markers", name, hoverinfo: "name+x+text" },
    ...{ x: own.map(({ knowledge }) => 100 * knowledge), y: own.map(({ value }) => 100 * value) },
    text: own.map(({ value }) => points(value)),
    error_y: {
      ...{ type: "data", symmetric: false, color, thickness: 1.5, width: 3 },
      array: own.map((point) => reach(point, point.high)),
      arrayminus: own.map((point) => reach(point, point.low)),
    },
    line: { color, width: 2.5 },
    marker: { size: 9, color },
    showlegend: panel === 0,
  };
  return told.length === 0 ? [measured] : [predicted, measured];
}

function axesOf(found: readonly Point[], pulls: readonly number[]): Layout {
  const values = found.flatMap(({ value, low, high, predicted }) => [
    value,
    low ?? value,
    high ?? value,
    predicted ?? value,
  ]);
  const [low, high] = [100 * Math.min(0, ...values), 100 * Math.max(0, ...values)];
  const air = Math.max(0.5, 0.08 * (high - low));
  const range = [low - air, high + air];
  const width = (1 - GAP * (pulls.length - 1)) / pulls.length;
  const axes = pulls.flatMap((_, panel): [string, Layout][] => {
    const suffix = panel === 0 ? "" : String(panel + 1);
    const from = panel * (width + GAP);
    const text = "Cases whose diagnosis only the corpus tells (%)";
    const title = panel === Math.floor((pulls.length - 1) / 2) ? { title: { text } } : {};
    return [
      [
        `xaxis${suffix}`,
        {
          domain: [from, from + width],
          anchor: `y${suffix}`,
          range: [-6, 106],
          tickvals: [0, 25, 50, 75, 100],
          ...title,
        },
      ],
      [
        `yaxis${suffix}`,
        {
          ...{ anchor: `x${suffix}`, range, tickvals: roundTicks(range[0]!, range[1]!), zeroline: true },
          ...{ zerolinecolor: COLORS.ink, zerolinewidth: 1, showticklabels: panel === 0 },
          ...(panel === 0 ? { title: { text: "Gain (points)" } } : {}),
        },
      ],
    ];
  });
  return Object.fromEntries(axes);
}

function panelTitle(pull: number, panel: number, count: number): Layout {
  const width = (1 - GAP * (count - 1)) / count;
  const text = escapeText(`pull ${pull}`);
  return note(text, { x: panel * (width + GAP) + width / 2, xanchor: "center", y: 1, yanchor: "bottom", yshift: 6 });
}

/** From the least to the most that only the corpus knows, at the largest visibility and pull. */
function titleOf(found: readonly Point[], measure: keyof typeof GAINS): string {
  const { what, label } = GAINS[measure];
  const [visibility, pull] = [Math.max(...found.map((p) => p.visibility)), Math.max(...found.map((p) => p.pull))];
  const line = found.filter((point) => point.visibility === visibility && point.pull === pull);
  const [first, last] = [line[0], line.at(-1)];
  if (first === undefined || last === undefined || first === last) return `What ${what}, by setting: ${label}`;
  const at = ({ knowledge, value }: Point): string => `${points(value)} points at knowledge ${knowledge}`;
  const both = `${at(first)}, ${at(last)}`;
  // two worlds, each with a paired interval of its own: a rise is said only where these lie apart
  const apart = first.high !== null && last.low !== null && last.low > first.high;
  return apart ? `The more has to be looked up, the more ${what}: ${both}` : `What ${what}: ${both}`;
}

function captionOf({ knowledge, visibility, pull, value, low, high, predicted }: Point): string {
  const interval = low === null || high === null ? "" : ` [${points(low)}, ${points(high)}]`;
  const told = predicted === null ? "" : `, predicted ${points(predicted)}`;
  return `knowledge ${knowledge}, visibility ${visibility}, pull ${pull}: ${points(value)}${interval}${told}`;
}

function noteOf(correlation: SweepFigureOptions["correlation"]): string {
  const marks = "filled: measured, with paired 95 % intervals over seeds and questions; hollow: predicted";
  if (correlation === undefined) return marks;
  const { value, low, high } = correlation;
  return `${marks} (correlation ${value.toFixed(2)}, ${low.toFixed(2)} to ${high.toFixed(2)})`;
}
