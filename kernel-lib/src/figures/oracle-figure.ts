import type { Figure } from "../base/types";
import { dotTrace, systemLines } from "./dot-plot";
import { readPredictions, type SystemPredictions } from "./predictions";
import { focusOf } from "./results";
import type { Table } from "./rows";
import { percent, points } from "./text";
import { COLORS, composeFigure, type FigureContext, type Layout, note, percentAxis, SIZES } from "./theme";

const LINE_HEIGHT = 62;

/**
 * How far each system stays under its oracle: right if any of the candidates' readings is right.
 *
 * Paper: arXiv 2508.17394v3, oracle analysis. Rows: predictions frame (system, exampleId, correct, numReadings, distinctLabels,
 * oracleCorrect). The oracle picks one reading; fusion may answer what no reading says, so it is no bound for fusion.
 *
 * @throws DataError when rows are missing or lack a column.
 */
export function oracleFigure(rows: Table, options: FigureContext = {}): Figure {
  const { systems, context } = readPredictions("oracleFigure: rows", rows);
  const { lines, colors, labels } = systemLines(systems.map((entry) => entry.system));
  const accuracy = systems.map((entry, line) => ({
    ...entry.accuracy,
    y: line,
    color: colors[line]!,
    name: `${labels[line]} accuracy`,
  }));
  const oracle = systems.flatMap((entry, line) =>
    entry.oracle === null
      ? []
      : [
          {
            value: entry.oracle.value,
            y: line,
            color: COLORS.good,
            name: `${labels[line]} oracle`,
            text: oracleText(entry),
          },
        ],
  );
  return composeFigure({
    traces: [
      dotTrace(accuracy, { fill: "filled", panel: 1 }),
      {
        ...dotTrace(oracle, { fill: "filled", symbol: "diamond", panel: 1, textPosition: "bottom center" }),
        textfont: { size: SIZES.small, color: COLORS.good },
      },
    ],
    layout: {
      xaxis: {
        ...percentAxis(systems.flatMap((entry) => [entry.accuracy.low, entry.accuracy.high, entry.oracle?.value])),
        title: { text: "Right answers (%)" },
      },
      yaxis: lines.axis,
      shapes: [...lines.bands, ...systems.flatMap(gapLine)],
      annotations: systems.flatMap(closedText),
    },
    bodyHeight: LINE_HEIGHT * systems.length + 66,
    margin: { l: lines.marginLeft, b: 56 },
    title: titleOf(systems, labels),
    caption: captionOf(systems, labels),
    note: "circle: fused answer with 95 % interval; diamond: oracle, right if any reading is",
    context: { ...context, ...options },
  });
}

function gapLine(entry: SystemPredictions, line: number): Layout[] {
  if (entry.oracle === null) return [];
  const [from, to] = [100 * entry.accuracy.value, 100 * entry.oracle.value];
  const stroke = { color: COLORS.good, width: 1.5, dash: "dot" };
  return [{ type: "line", x0: from, x1: to, y0: line, y1: line, line: stroke, layer: "below" }];
}

/** "96.8 (+10.9)": the oracle and how far it is above the fused answer. */
function oracleText(entry: SystemPredictions): string {
  return `${percent(entry.oracle!.value)} (${points(entry.oracle!.value - entry.accuracy.value)})`;
}

function closedText(entry: SystemPredictions, line: number): Layout[] {
  if (entry.oracle !== null) return [];
  const place = { x: 100 * entry.accuracy.value, xref: "x", y: line, yref: "y", yanchor: "top", yshift: -14 };
  return [note("one reading, no oracle", place)];
}

function titleOf(systems: readonly SystemPredictions[], labels: readonly string[]): string {
  const read = systems.filter((entry) => entry.oracle !== null);
  if (read.length === 0) return "No system reads more than one candidate, so there is no oracle to compare with";
  const { focus } = focusOf(read.map((entry) => entry.system));
  const entry = read.find((candidate) => candidate.system === focus)!;
  const label = labels[systems.indexOf(entry)]!;
  const gap = entry.oracle!.value - entry.accuracy.value;
  if (gap < 0) return `Fusion lets ${label} answer more questions right than any pick of one candidate could`;
  if (gap === 0) return `${label} answers as many questions right as its oracle (${percent(entry.accuracy.value)} %)`;
  const many = `${percent(entry.oracle!.value)} %`;
  return `For ${many} of the queries some candidate gives ${label} the right answer; fused, ${percent(entry.accuracy.value)} % are right`;
}

function captionOf(systems: readonly SystemPredictions[], labels: readonly string[]): string {
  const parts = systems.map((entry, line) => {
    const oracle = entry.oracle === null ? "no oracle" : `oracle ${percent(entry.oracle.value)} %`;
    return `${labels[line]}: accuracy ${percent(entry.accuracy.value)} %, ${oracle}`;
  });
  return `${parts.join("; ")}.`;
}
