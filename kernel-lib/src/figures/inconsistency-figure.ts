import { DataError } from "../base/errors";
import type { Figure } from "../base/types";
import { type Dot, dotTrace, focusOf, systemLines } from "./dot-plot";
import { contextOf, findResult, pairedResult, type Result, readResults, rowsOf, type Table } from "./tables";
import { percent, points } from "./text";
import { composeFigure, type FigureContext, type Layout, percentAxis } from "./theme";

/** One system: how often its readings disagree, and its accuracy where the splitting system's readings agree and disagree. */
interface Line {
  readonly system: string;
  readonly label: string;
  readonly color: string;
  /** Undefined for systems that read once. */
  readonly inconsistency: Result | undefined;
  readonly consistent: Result | undefined;
  readonly inconsistent: Result | undefined;
}

/** Everything the figure says. */
interface Split {
  readonly results: readonly Result[];
  readonly lines: readonly Line[];
  /** What the splitting system is called. */
  readonly under: string;
  readonly numConsistent: number;
  readonly numInconsistent: number;
}

const WHERE = "inconsistencyFigure: rows";
const LINE_HEIGHT = 72;

/**
 * Share of queries whose candidates give different answers, and who answers those queries right.
 *
 * Paper: arXiv 2508.17394v3, inconsistent retrieval predictions. Rows: what measureInconsistency gives with a `base` (system,
 * baseline, subset, splitBy, metric, value, low, high, n).
 *
 * @throws DataError when rows are missing, lack a column, or are not split by one system.
 */
export function inconsistencyFigure(rows: Table, options: FigureContext = {}): Figure {
  const all = rowsOf(WHERE, rows, ["system", "baseline", "subset", "splitBy", "metric", "value", "n"]);
  const split = splitOf(readResults(WHERE, all));
  const { lines } = split;
  const axis = systemLines(lines.map(({ system }) => system)).lines;
  const asked = split.numConsistent + split.numInconsistent;
  return composeFigure({
    traces: [
      dotTrace(
        lines.flatMap((line, y) => dotOf(line, line.inconsistency, line.label, y + 0.06)),
        { fill: "filled", panel: 1 },
      ),
      dotTrace(
        lines.flatMap((line, y) => dotOf(line, line.consistent, `${line.label}, consistent`, y + 0.15)),
        { fill: "hollow", panel: 2, textPosition: "bottom center", size: 10 },
      ),
      dotTrace(
        lines.flatMap((line, y) => dotOf(line, line.inconsistent, `${line.label}, inconsistent`, y - 0.13)),
        { fill: "filled", panel: 2 },
      ),
    ],
    layout: { ...axesOf(lines, axis.axis), shapes: axis.bands },
    bodyHeight: LINE_HEIGHT * lines.length + 66,
    margin: { l: axis.marginLeft, b: 56 },
    title: titleOf(split),
    caption: captionOf(split),
    note: `right: filled = the ${split.numInconsistent} queries inconsistent under ${split.under}, hollow = the ${split.numConsistent} others`,
    context: { ...contextOf(all), n: asked, ...options },
  });
}

function splitOf(results: readonly Result[]): Split {
  const splits = [...new Set(results.flatMap(({ splitBy }) => (splitBy === null ? [] : [splitBy])))];
  const [splitBy] = splits;
  if (splitBy === undefined || splits.length > 1) {
    throw new DataError(
      `${WHERE} must be split by one system that reads several candidates; got ${splits.join(", ") || "none"}. ` +
        "Name it as `base` of measureInconsistency.",
      { splits },
    );
  }
  const systems = [...new Set(results.filter(({ metric }) => metric === "accuracy").map(({ system }) => system))];
  const { labels, colors } = systemLines(systems);
  const lines = systems.map((system, line): Line => {
    const accuracyOn = (subset: string) => findResult(results, { system, metric: "accuracy", subset });
    return {
      ...{ system, label: labels[line]!, color: colors[line]! },
      inconsistency: findResult(results, { system, metric: "inconsistency" }),
      consistent: accuracyOn("consistent"),
      inconsistent: accuracyOn("inconsistent"),
    };
  });
  const base = lines.find(({ system }) => system === splitBy)!;
  const [numConsistent, numInconsistent] = [base.consistent?.n ?? 0, base.inconsistent?.n ?? 0];
  return { results, lines, under: base.label, numConsistent, numInconsistent };
}

function dotOf({ color }: Line, result: Result | undefined, name: string, y: number): Dot[] {
  return result === undefined ? [] : [{ ...result, y, color, name }];
}

function axesOf(lines: readonly Line[], axis: Layout): Layout {
  const bounds = lines.flatMap(({ consistent, inconsistent }) =>
    [consistent, inconsistent].flatMap((result) => [result?.low, result?.high]),
  );
  return {
    xaxis: {
      domain: [0, 0.4],
      ...percentAxis([0, ...lines.map(({ inconsistency }) => inconsistency?.high)]),
      title: { text: "Queries whose candidates disagree (%)" },
    },
    xaxis2: { domain: [0.46, 1], anchor: "y2", ...percentAxis(bounds), title: { text: "Right answers (%)" } },
    yaxis: axis,
    yaxis2: { ...axis, anchor: "x2", showticklabels: false },
  };
}

function titleOf({ results, lines, under, numConsistent, numInconsistent }: Split): string {
  if (numInconsistent === 0)
    return `No query is inconsistent: under ${under} all candidates of a query give one answer`;
  const names = focusOf(lines.map(({ system }) => system));
  const [focus, baseline] = [names.focus, names.baseline].map((name) => lines.find(({ system }) => system === name)!);
  const share = percent(numInconsistent / (numConsistent + numInconsistent));
  const value = `${percent(focus!.inconsistent!.value)} %`;
  const start = `On the ${share} % of queries where candidates disagree, ${focus!.label}`;
  const part = { metric: "accuracy", subset: "inconsistent" };
  const difference = pairedResult(results, [names.focus, names.baseline], part);
  if (difference === null) return `${start} is right for ${value}`;
  if (points(difference.value) === "0.0") return `${start} and ${baseline!.label} do equally well (${value})`;
  const much = `${points(Math.abs(difference.value)).slice(1)} points ${difference.value > 0 ? "more" : "less"}`;
  const doubt = difference.low <= 0 && difference.high >= 0 ? ", which may be chance" : "";
  return `${start} is right for ${value}, ${much} than ${baseline!.label}${doubt}`;
}

function captionOf({ lines, under }: Split): string {
  const text = (result: Result | undefined): string =>
    result === undefined ? "none" : `${percent(result.value)} % of ${result.n}`;
  const parts = lines.map(
    ({ label, inconsistency, consistent, inconsistent }) =>
      `${label}: ${inconsistency === undefined ? "one reading" : `${percent(inconsistency.value)} % inconsistent`}, ` +
      `right on consistent ${text(consistent)}, on inconsistent ${text(inconsistent)}`,
  );
  return (
    `${parts.join("; ")}. ` +
    `The groups are those of ${under}, which is at its worst on its own inconsistent queries: compare gains with a control.`
  );
}
