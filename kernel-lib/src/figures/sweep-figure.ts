import { DataError } from "../base/errors";
import type { Figure } from "../base/types";
import { contextOf, distinct, numberIn, numberOrNull, type Row, rowsOf, type Table, textIn } from "./tables";
import { points } from "./text";
import {
  COLORS,
  composeFigure,
  type FigureContext,
  type Layout,
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
const GAP = 0.05;

/** The dials in the order of their panels, and how an axis shows them. */
const DIALS = {
  knowledge: { label: "Only the corpus tells (%)", factor: 100 },
  visibility: { label: "Visibility of the signs", factor: 1 },
  pull: { label: "Pull of the nuisances", factor: 1 },
} as const;
type Dial = keyof typeof DIALS;
const ORDER = Object.keys(DIALS) as Dial[];

/** Settings that differ in the panel's dial only. */
interface Line {
  readonly panel: number;
  readonly dial: Dial;
  readonly points: readonly Point[];
  /** Where the other dials stand, when that is not the standard place. */
  readonly place: string | null;
  /** Of SERIES_COLORS; the standard place has the first in all panels. */
  readonly color: string;
}

/**
 * What is gained, against every dial that was turned, a panel for each; dashed with hollow marks what the toy theory says. Each panel has
 * the line through the standard place of the other dials; the first has those through their other places too, in colours of their own.
 *
 * Rows: the sweep's (task, knowledge, visibility, pull, measure, value, low, high …), as measureSweep gives them.
 *
 * @throws DataError when rows are missing, lack a column, or hold no setting with this gain.
 */
export function sweepFigure(rows: Table, options: SweepFigureOptions = {}): Figure {
  const all = rowsOf(WHERE, rows, COLUMNS);
  const { measure = "gain", correlation, ...context } = options;
  const found = pointsOf(all, measure);
  const turned = ORDER.filter((dial) => new Set(found.map((point) => point[dial])).size > 1);
  const dials: readonly Dial[] = turned.length === 0 ? ["knowledge"] : turned;
  const { n: _questions, ...about } = contextOf(all);
  return composeFigure({
    traces: linesOf(found, dials).flatMap((line) => tracesOf(line)),
    layout: {
      ...axesOf(found, dials),
      showlegend: true,
      legend: { orientation: "h", x: 0, y: -56 / PANEL_HEIGHT, yanchor: "top", font: { size: SIZES.small } },
    },
    bodyHeight: PANEL_HEIGHT + BOTTOM,
    margin: { l: 72, r: 32, b: BOTTOM, t: 16 },
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

/**
 * The standard place has the largest visibility and pull, and of the amounts of knowledge the one that most settings turn another dial at.
 */
function standardOf(found: readonly Point[]): Point {
  const beside = (point: Point): number => found.filter((other) => other.knowledge === point.knowledge).length;
  return found.reduce((best, point) => {
    const order = point.visibility - best.visibility || point.pull - best.pull || beside(point) - beside(best);
    return order > 0 ? point : best;
  });
}

function linesOf(found: readonly Point[], dials: readonly Dial[]): Line[] {
  const standard = standardOf(found);
  const through = (place: Point, dial: Dial): Point[] =>
    found.filter((point) => isBeside(point, place, dial)).sort((a, b) => a[dial] - b[dial]);
  const own = dials.map(
    (dial, panel): Line => ({ panel, dial, points: through(standard, dial), place: null, color: SERIES_COLORS[0]! }),
  );
  const first = dials[0]!;
  const drawn = new Set(own.flatMap(({ points }) => points));
  const others = found
    .filter((point) => !drawn.has(point))
    .filter((point, at, rest) => rest.findIndex((other) => isBeside(other, point, first)) === at)
    .map((point, at): Line => {
      const color = SERIES_COLORS[(at + 1) % SERIES_COLORS.length]!;
      return { panel: 0, dial: first, points: through(point, first), place: placeOf(point, first), color };
    });
  return [...own, ...others];
}

/** Whether two settings differ in this dial at most. */
function isBeside(a: Point, b: Point, dial: Dial): boolean {
  return ORDER.every((other) => other === dial || a[other] === b[other]);
}

function placeOf(point: Point, dial: Dial): string {
  return ORDER.filter((other) => other !== dial)
    .map((other) => `${other} ${point[other]}`)
    .join(", ");
}

/** The measured line with its intervals, and the predicted one behind it. */
function tracesOf({ panel, dial, points: own, place, color }: Line): Trace[] {
  const suffix = panel === 0 ? "" : String(panel + 1);
  const at = { type: "scatter", xaxis: `x${suffix}`, yaxis: `y${suffix}`, cliponaxis: false };
  const about = { mode: "lines+markers", hoverinfo: "name+x+text", showlegend: panel === 0 };
  const x = (points: readonly Point[]): number[] => points.map((point) => DIALS[dial].factor * point[dial]);
  const reach = (point: Point, bound: number | null): number =>
    bound === null ? 0 : 100 * Math.abs(bound - point.value);
  const told = own.filter(({ predicted }) => predicted !== null);
  const predicted: Trace = {
    ...{ ...at, ...about, name: place === null ? "predicted" : `${place}, predicted` },
    ...{ x: x(told), y: told.map((point) => 100 * point.predicted!) },
    text: told.map((point) => points(point.predicted!)),
    line: { color, width: 1.5, dash: "dash" },
    marker: { size: 8, color: COLORS.paper, line: { color, width: 1.5 } },
  };
  const measured: Trace = {
    ...{ ...at, ...about, name: place ?? "measured" },
    ...{ x: x(own), y: own.map(({ value }) => 100 * value) },
    text: own.map(({ value }) => points(value)),
    error_y: {
      ...{ type: "data", symmetric: false, color, thickness: 1.5, width: 3 },
      array: own.map((point) => reach(point, point.high)),
      arrayminus: own.map((point) => reach(point, point.low)),
    },
    line: { color, width: 2.5 },
    marker: { size: 9, color },
  };
  return told.length === 0 ? [measured] : [predicted, measured];
}

function axesOf(found: readonly Point[], dials: readonly Dial[]): Layout {
  const gains = found.flatMap(({ value, low, high, predicted }) => [
    value,
    low ?? value,
    high ?? value,
    predicted ?? value,
  ]);
  const range = withAir(
    Math.min(0, ...gains.map((gain) => 100 * gain)),
    Math.max(0, ...gains.map((gain) => 100 * gain)),
  );
  const width = (1 - GAP * (dials.length - 1)) / dials.length;
  const axes = dials.flatMap((dial, panel): [string, Layout][] => {
    const suffix = panel === 0 ? "" : String(panel + 1);
    const from = panel * (width + GAP);
    return [
      [`xaxis${suffix}`, { domain: [from, from + width], anchor: `y${suffix}`, ...dialAxis(found, dial) }],
      [
        `yaxis${suffix}`,
        {
          ...{ anchor: `x${suffix}`, range, tickvals: roundTicks(range[0], range[1]), zeroline: true },
          ...{ zerolinecolor: COLORS.ink, zerolinewidth: 1, showticklabels: panel === 0 },
          ...(panel === 0 ? { title: { text: "Gain (points)" } } : {}),
        },
      ],
    ];
  });
  return Object.fromEntries(axes);
}

/** Ticks where the settings are. */
function dialAxis(found: readonly Point[], dial: Dial): Layout {
  const { label, factor } = DIALS[dial];
  const tickvals = [...new Set(found.map((point) => factor * point[dial]))].sort((a, b) => a - b);
  return { range: withAir(tickvals[0]!, tickvals.at(-1)!), tickvals, title: { text: label } };
}

function withAir(low: number, high: number): [number, number] {
  const air = Math.max(0.08 * (high - low), 0.02);
  return [low - air, high + air];
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
  const intervals = "paired 95 % intervals over seeds and questions";
  if (correlation === undefined) return intervals;
  const { value, low, high } = correlation;
  return `${intervals}; correlation with the prediction ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}
