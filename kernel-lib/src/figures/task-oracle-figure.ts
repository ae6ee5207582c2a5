import type { Figure } from "../base/types";
import { type Dot, dotLines, dotTrace, type Share, shareOf } from "./dot-plot";
import { contextOf } from "./results";
import { groupRows, numberIn, type Row, rowsOf, type Table, textIn } from "./rows";
import { percent } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, percentAxis, SIZES } from "./theme";

export interface TaskOracleOptions extends FigureContext {
  /** How tasks are called. Default their names. */
  readonly titles?: Readonly<Record<string, string>>;
}

interface TaskLine {
  readonly label: string;
  readonly inconsistent: Share;
  readonly fused: Share;
  readonly oracle: Share;
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
 * Rows: answers frame (task, exampleId, group, correct, distinctAnswers, oracleCorrect) of one system that reads several candidates.
 * "Right" is the label, the whole set, or the very words.
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function taskOracleFigure(rows: Table, options: TaskOracleOptions = {}): Figure {
  const all = rowsOf(WHERE, rows, ["task", "exampleId", "group", "correct", "distinctAnswers", "oracleCorrect"]);
  const tasks = [...groupRows(all, "task")].map(([task, own]) => lineOf(options.titles?.[task] ?? task, own));
  const lines = dotLines(tasks.map(({ label }) => label));
  const dots = (pick: (line: TaskLine) => Share, color: string, what: string): Dot[] =>
    tasks.map((line, y) => ({ ...pick(line), y, color, name: `${line.label}, ${what}` }));
  const values = (pick: (line: TaskLine) => Share) =>
    tasks.map(pick).flatMap(({ value, low, high }) => [value, low, high]);
  const oracles = dots(({ oracle: { value, n } }) => ({ value, low: value, high: value, n }), COLORS.good, "oracle");
  const axis = (panel: number, shares: readonly number[], title: string): Layout => ({
    domain: PANELS[panel - 1],
    anchor: panel === 1 ? "y" : "y2",
    ...percentAxis(shares),
    title: { text: title },
  });
  return composeFigure({
    traces: [
      dotTrace(
        dots((line) => line.inconsistent, COLORS.ink, "inconsistent"),
        { fill: "filled", panel: 1 },
      ),
      dotTrace(
        dots((line) => line.fused, COLORS.ink, "fused"),
        { fill: "filled", panel: 2, textPosition: "top center" },
      ),
      {
        ...dotTrace(oracles, { fill: "filled", symbol: "diamond", panel: 2, textPosition: "bottom center" }),
        textfont: { size: SIZES.small, color: COLORS.good },
      },
    ],
    layout: {
      xaxis: axis(
        1,
        values((line) => line.inconsistent),
        "Questions whose readings disagree (%)",
      ),
      yaxis: { ...lines.axis, anchor: "x" },
      xaxis2: axis(
        2,
        [...values((line) => line.fused), ...tasks.map(({ oracle }) => oracle.value)],
        "Right answers (%)",
      ),
      yaxis2: { ...lines.axis, anchor: "x2", showticklabels: false },
      shapes: [...lines.bands, ...tasks.map(gapLine)],
    },
    bodyHeight: LINE_HEIGHT * tasks.length + 66,
    margin: { l: lines.marginLeft, b: 56 },
    title: titleOf(tasks),
    caption: captionOf(tasks),
    note: "circle: fused answer with 95 % interval; diamond: oracle, right if any reading is",
    context: { ...contextOf(all), ...options },
  });
}

function lineOf(label: string, rows: readonly Row[]): TaskLine {
  const groups = rows.map((row) => textIn(row, "group"));
  const share = (test: (row: Row) => boolean): Share => shareOf(rows.map(test), groups);
  return {
    label,
    inconsistent: share((row) => numberIn(WHERE, row, "distinctAnswers") > 1),
    fused: share((row) => numberIn(WHERE, row, "correct") === 1),
    oracle: share((row) => numberIn(WHERE, row, "oracleCorrect") === 1),
  };
}

function gapLine({ fused, oracle }: TaskLine, line: number): Layout {
  const stroke = { color: COLORS.good, width: 1.5, dash: "dot" };
  const ends = { x0: 100 * fused.value, x1: 100 * oracle.value, y0: line, y1: line, xref: "x2", yref: "y2" };
  return { type: "line", ...ends, line: stroke, layer: "below" };
}

function titleOf(tasks: readonly TaskLine[]): string {
  const shares = tasks.map(({ inconsistent }) => inconsistent.value);
  const [least, most] = [Math.min(...shares), Math.max(...shares)].map((share) => percent(share, 0));
  const where = tasks.length === 1 ? tasks[0]!.label : `${tasks.length} tasks`;
  const range = least === most ? `${least} %` : `${least} to ${most} %`;
  return `On ${range} of the questions of ${where} the readings disagree`;
}

function captionOf(tasks: readonly TaskLine[]): string {
  const told = tasks.map(
    ({ label, inconsistent, fused, oracle }) =>
      `${label}: ${percent(inconsistent.value)} % inconsistent, fused ${percent(fused.value)} %, oracle ${percent(oracle.value)} % (n = ${fused.n})`,
  );
  return `${told.join("; ")}.`;
}
