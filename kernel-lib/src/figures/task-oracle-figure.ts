import { DataError } from "../base/errors";
import type { Figure } from "../base/types";
import { type Dot, dotLines, dotTrace } from "./dot-plot";
import { contextOf, findResult, groupRows, type Result, readResults, rowsOf, type Table } from "./tables";
import { percent } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, percentAxis, SIZES } from "./theme";

export interface TaskOracleOptions extends FigureContext {
  /** How tasks are called. Default their names. */
  readonly titles?: Readonly<Record<string, string>>;
}

interface TaskLine {
  readonly label: string;
  readonly inconsistency: Result;
  readonly accuracy: Result;
  readonly oracle: Result;
}

const LINE_HEIGHT = 46;
const PANELS = [
  [0, 0.44],
  [0.52, 1],
] as const;
const WHERE = "taskOracleFigure: rows";

/**
 * Per task, how many questions have readings that disagree, and what an oracle among them would reach.
 *
 * Paper: arXiv 2508.17394v3, inconsistent retrieval predictions and oracle, over all tasks.
 * Rows: what measureInconsistency and measureOracle give of one system that reads several candidates (task, metric, value, low,
 * high, n). "Right" is the label, the whole set, or the very words.
 *
 * @throws DataError when rows are missing, lack a column, or a task lacks one of the metrics.
 */
export function taskOracleFigure(rows: Table, options: TaskOracleOptions = {}): Figure {
  const all = rowsOf(WHERE, rows, ["task", "system", "metric", "value", "low", "high", "n"]);
  const tasks = [...groupRows(all, "task")].map(([task, own]) =>
    lineOf(readResults(WHERE, own), task, options.titles?.[task] ?? task),
  );
  const lines = dotLines(tasks.map(({ label }) => label));
  const dots = (pick: (line: TaskLine) => Result, what: string): Dot[] =>
    tasks.map((line, y) => ({ ...pick(line), y, color: COLORS.ink, name: `${line.label}, ${what}` }));
  const oracles = dots(({ oracle }) => ({ ...oracle, low: oracle.value, high: oracle.value }), "oracle").map((dot) => {
    return { ...dot, color: COLORS.good };
  });
  const { n: _ofOneTask, ...about } = contextOf(all); // the caption has every task's own
  return composeFigure({
    traces: [
      dotTrace(
        dots(({ inconsistency }) => inconsistency, "inconsistent"),
        { fill: "filled", panel: 1 },
      ),
      dotTrace(
        dots(({ accuracy }) => accuracy, "fused"),
        { fill: "filled", panel: 2, textPosition: "top center" },
      ),
      {
        ...dotTrace(oracles, { fill: "filled", symbol: "diamond", panel: 2, textPosition: "bottom center" }),
        textfont: { size: SIZES.small, color: COLORS.good },
      },
    ],
    layout: { ...axesOf(tasks, lines.axis), shapes: [...lines.bands, ...tasks.map(gapLine)] },
    bodyHeight: LINE_HEIGHT * tasks.length + 66,
    margin: { l: lines.marginLeft, b: 56 },
    title: titleOf(tasks),
    caption: captionOf(tasks),
    note: "circle: fused answer with 95 % interval; diamond: oracle, right if any reading is",
    context: { ...about, ...options },
  });
}

function lineOf(results: readonly Result[], task: string, label: string): TaskLine {
  const [inconsistency, accuracy, oracle] = ["inconsistency", "accuracy", "oracle"].map((metric) => {
    const result = findResult(results, { metric });
    if (result !== undefined) return result;
    throw new DataError(
      `${WHERE} must hold the metric ${metric} of each task; ${task} has none. Pass rows of measureInconsistency and measureOracle.`,
      { task, metric },
    );
  });
  return { label, inconsistency: inconsistency!, accuracy: accuracy!, oracle: oracle! };
}

function axesOf(tasks: readonly TaskLine[], axis: Layout): Layout {
  const reach = ({ value, low, high }: Result) => [value, low, high];
  const disagreeing = tasks.flatMap(({ inconsistency }) => reach(inconsistency));
  const right = [...tasks.flatMap(({ accuracy }) => reach(accuracy)), ...tasks.map(({ oracle }) => oracle.value)];
  return {
    xaxis: {
      ...{ domain: PANELS[0], anchor: "y", ...percentAxis(disagreeing) },
      title: { text: "Questions whose readings disagree (%)" },
    },
    yaxis: { ...axis, anchor: "x" },
    xaxis2: { domain: PANELS[1], anchor: "y2", ...percentAxis(right), title: { text: "Right answers (%)" } },
    yaxis2: { ...axis, anchor: "x2", showticklabels: false },
  };
}

function gapLine({ accuracy, oracle }: TaskLine, line: number): Layout {
  const stroke = { color: COLORS.good, width: 1.5, dash: "dot" };
  const ends = { x0: 100 * accuracy.value, x1: 100 * oracle.value, y0: line, y1: line, xref: "x2", yref: "y2" };
  return { type: "line", ...ends, line: stroke, layer: "below" };
}

function titleOf(tasks: readonly TaskLine[]): string {
  const shares = tasks.map(({ inconsistency }) => inconsistency.value);
  const [least, most] = [Math.min(...shares), Math.max(...shares)].map((share) => percent(share, 0));
  const where = tasks.length === 1 ? tasks[0]!.label : `${tasks.length} tasks`;
  const range = least === most ? `${least} %` : `${least} to ${most} %`;
  return `On ${range} of the questions of ${where} the readings disagree`;
}

function captionOf(tasks: readonly TaskLine[]): string {
  const told = tasks.map(
    ({ label, inconsistency, accuracy, oracle }) =>
      `${label}: ${percent(inconsistency.value)} % inconsistent, fused ${percent(accuracy.value)} %, oracle ${percent(oracle.value)} % (n = ${accuracy.n})`,
  );
  return `${told.join("; ")}.`;
}
