import { DataError } from "../base/errors";
import type { Figure } from "../base/types";
import { type Dot, dotTrace, focusOf, systemLines } from "./dot-plot";
import { contextOf, findResult, type Result, readResults, rowsOf, type Table } from "./tables";
import { percent, points } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, note, percentAxis, SIZES, type Trace } from "./theme";

/** One system: its accuracy, and its oracle where it reads several candidates. */
interface Line {
  readonly label: string;
  readonly color: string;
  readonly accuracy: Result;
  readonly oracle: { readonly value: number; readonly gap: number } | null;
}

const WHERE = "oracleFigure: rows";
const LINE_HEIGHT = 62;

/**
 * How far each system stays under its oracle: right if any of the candidates' readings is right.
 *
 * Paper: arXiv 2508.17394v3, oracle analysis. Rows: what measureOracle gives (system, metric, value, low, high, n). The oracle
 * picks one reading; fusion may answer what no reading says, so it is no bound for fusion.
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function oracleFigure(rows: Table, options: FigureContext = {}): Figure {
  const all = rowsOf(WHERE, rows, ["system", "metric", "value", "n"]);
  const results = readResults(WHERE, all).filter(({ metric }) => ["accuracy", "oracle", "oracleGap"].includes(metric));
  const systems = [...new Set(results.map(({ system }) => system))];
  const { lines: axis, colors, labels } = systemLines(systems);
  const lines = systems.map((system, line) => lineOf(results, system, { label: labels[line]!, color: colors[line]! }));
  return composeFigure({
    traces: [
      dotTrace(
        lines.map(({ accuracy, color, label }, y) => ({ ...accuracy, y, color, name: `${label} accuracy` })),
        { fill: "filled", panel: 1 },
      ),
      oracleTrace(lines),
    ],
    layout: {
      xaxis: {
        ...percentAxis(lines.flatMap(({ accuracy, oracle }) => [accuracy.low, accuracy.high, oracle?.value])),
        title: { text: "Right answers (%)" },
      },
      yaxis: axis.axis,
      shapes: [...axis.bands, ...lines.flatMap(gapLine)],
      annotations: lines.flatMap(closedText),
    },
    bodyHeight: LINE_HEIGHT * lines.length + 66,
    margin: { l: axis.marginLeft, b: 56 },
    title: titleOf(lines[systems.indexOf(focusOf(systemsWithOracle(systems, lines)).focus)]),
    caption: captionOf(lines),
    note: "circle: fused answer with 95 % interval; diamond: oracle, right if any reading is",
    context: { ...contextOf(all), ...options },
  });
}

function lineOf(results: readonly Result[], system: string, look: { label: string; color: string }): Line {
  const [accuracy, oracle, gap] = ["accuracy", "oracle", "oracleGap"].map((metric) =>
    findResult(results, { system, metric }),
  );
  if (accuracy === undefined) {
    throw new DataError(`${WHERE} must hold the accuracy of ${system}; got none. Pass what measureOracle gave.`, {
      system,
    });
  }
  const known = oracle !== undefined && gap !== undefined;
  return { ...look, accuracy, oracle: known ? { value: oracle.value, gap: gap.value } : null };
}

const systemsWithOracle = (systems: readonly string[], lines: readonly Line[]): string[] =>
  systems.filter((_, line) => lines[line]!.oracle !== null);

function oracleTrace(lines: readonly Line[]): Trace {
  const dots = lines.flatMap(({ oracle, label }, y): Dot[] => {
    if (oracle === null) return [];
    const text = `${percent(oracle.value)} (${points(oracle.gap)})`; // "96.8 (+10.9)": how far above the fused answer
    return [{ value: oracle.value, y, color: COLORS.good, name: `${label} oracle`, text }];
  });
  return {
    ...dotTrace(dots, { fill: "filled", symbol: "diamond", panel: 1, textPosition: "bottom center" }),
    textfont: { size: SIZES.small, color: COLORS.good },
  };
}

function gapLine({ accuracy, oracle }: Line, line: number): Layout[] {
  if (oracle === null) return [];
  const [from, to] = [100 * accuracy.value, 100 * oracle.value];
  const stroke = { color: COLORS.good, width: 1.5, dash: "dot" };
  return [{ type: "line", x0: from, x1: to, y0: line, y1: line, line: stroke, layer: "below" }];
}

function closedText({ accuracy, oracle }: Line, line: number): Layout[] {
  if (oracle !== null) return [];
  const place = { x: 100 * accuracy.value, xref: "x", y: line, yref: "y", yanchor: "top", yshift: -14 };
  return [note("one reading, no oracle", place)];
}

function titleOf(focus: Line | undefined): string {
  if (focus === undefined || focus.oracle === null) {
    return "No system reads more than one candidate, so there is no oracle to compare with";
  }
  const { label, accuracy, oracle } = focus;
  if (oracle.gap < 0) return `Fusion lets ${label} answer more questions right than any pick of one candidate could`;
  if (oracle.gap === 0) return `${label} answers as many questions right as its oracle (${percent(accuracy.value)} %)`;
  return `For ${percent(oracle.value)} % of the queries some candidate gives ${label} the right answer; fused, ${percent(accuracy.value)} % are right`;
}

function captionOf(lines: readonly Line[]): string {
  const parts = lines.map(({ label, accuracy, oracle }) => {
    const best = oracle === null ? "no oracle" : `oracle ${percent(oracle.value)} %`;
    return `${label}: accuracy ${percent(accuracy.value)} %, ${best}`;
  });
  return `${parts.join("; ")}.`;
}
