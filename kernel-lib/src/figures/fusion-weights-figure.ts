import { DataError } from "../base/errors";
import type { Figure } from "../base/types";
import { type Dot, dotLines, dotTrace } from "./dot-plot";
import { contextOf, distinct, numberIn, numberOrNull, type Row, rowsOf, type Table, textIn } from "./tables";
import { percent } from "./text";
import { COLORS, composeFigure, type FigureContext, note } from "./theme";

const WHERE = "fusionWeightsFigure: rows";
const LINE_HEIGHT = 46;
const BOTTOM = 56;

/**
 * How uneven the fusion weights are: the mean largest weight of a question's readings, by the temperature of the softmax, beside the weight that
 * all would have if they were equal.
 *
 * Paper: arXiv 2508.17394v3, inference; reference code: scores over each head's maximum, softmax at temperature 1. Rows: what
 * measureFusionWeights gives of one system (subset, metric, value, low, high).
 *
 * @throws DataError when rows are missing, lack a column, or hold no fusion weight.
 */
export function fusionWeightsFigure(rows: Table, context: FigureContext = {}): Figure {
  const all = rowsOf(WHERE, rows, ["subset", "metric", "value"]);
  const own = all.filter((row) => row["metric"] === "largestWeight");
  if (own.length === 0)
    throw new DataError(`${WHERE} must hold the metric largestWeight; got ${distinct(all, "metric").join(", ")}.`);
  const of = (subset: string, metric: string): Row | undefined =>
    all.find((row) => row["subset"] === subset && row["metric"] === metric);
  const subsets = own.map((row) => textIn(row, "subset"));
  const lines = dotLines(subsets);
  const largest = own.map((row, y) => dotOf(row, y, COLORS.accent));
  const equal = subsets.flatMap((subset, y) => {
    const row = of(subset, "equalWeight");
    return row === undefined ? [] : [{ ...dotOf(row, y + 0.2, COLORS.muted), name: "equal weights", text: "" }];
  });
  const same = subsets.map((subset) => of(subset, "sameAsEqual"));
  const beside = same.flatMap((row, y) => {
    if (row === undefined) return [];
    const text = `${percent(numberIn(WHERE, row, "value"))} % of the answers as with equal weights`;
    return [note(text, { x: 1, xanchor: "right", xshift: -8, y, yref: "y" })];
  });
  return composeFigure({
    traces: [
      dotTrace(largest, { fill: "filled", panel: 1 }),
      dotTrace(equal, { fill: "hollow", symbol: "diamond", panel: 1, size: 9 }),
    ],
    layout: {
      xaxis: { range: [0, 100], title: { text: "Largest weight of a question's readings (%)" } },
      yaxis: lines.axis,
      shapes: lines.bands,
      annotations: beside,
    },
    bodyHeight: LINE_HEIGHT * subsets.length + BOTTOM,
    margin: { l: lines.marginLeft, b: BOTTOM },
    title: titleOf(largest, equal, subsets),
    caption: largest.map(({ name, value }) => `${name}: largest weight ${percent(value)} %`).join("; "),
    note: "hollow: equal weights",
    context: { ...contextOf(own), ...context },
  });
}

function dotOf(row: Row, y: number, color: string): Dot {
  const [low, high] = [numberOrNull(row, "low"), numberOrNull(row, "high")];
  return { y, value: numberIn(WHERE, row, "value"), low, high, color, name: textIn(row, "subset") };
}

function titleOf([first]: readonly Dot[], [equal]: readonly Dot[], [subset]: readonly string[]): string {
  const said = `At ${subset} the largest fusion weight is ${percent(first!.value)} %`;
  return equal === undefined ? said : `${said}; equal weights would be ${percent(equal.value)} %`;
}
