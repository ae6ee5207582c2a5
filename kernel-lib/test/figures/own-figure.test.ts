import { expect, test } from "vitest";
import { measureOracle } from "../../src/analysis/oracle";
import type { Figure, Prediction } from "../../src/base/types";
import { assertDrawable } from "../../src/figures/export/validate";
import { numberIn, rowsOf, type Table, textIn } from "../../src/figures/tables";
import { COLORS, composeFigure, type FigureContext, percentAxis } from "../../src/figures/theme";

/** A figure as a stranger would add it: one function from a measured table to Plotly JSON. */
function toyFigure(table: Table, context: FigureContext = {}): Figure {
  const rows = rowsOf("toyFigure: rows", table, ["system", "metric", "value"]).filter(
    (row) => row["metric"] === "accuracy",
  );
  const values = rows.map((row) => numberIn("toyFigure: rows", row, "value"));
  return composeFigure({
    traces: [{ type: "bar", x: rows.map((row) => textIn(row, "system")), y: values, marker: { color: COLORS.muted } }],
    layout: { yaxis: percentAxis([0, ...values]) },
    bodyHeight: 200,
    title: `${rows.length} systems`,
    caption: "Right answers of each system.",
    context,
  });
}

const prediction = (system: string, exampleId: string, answer: number): Prediction<"label"> => ({
  ...{ form: "label", system, exampleId, group: exampleId, truth: 0, answer },
  ...{ probabilities: [0.5, 0.5], weights: [], readings: [] },
});

test("a figure from outside draws an analysis's table and passes the checks of every figure", () => {
  const measured = measureOracle([
    prediction("one", "a", 0),
    prediction("one", "b", 1),
    prediction("two", "a", 0),
    prediction("two", "b", 0),
  ]);
  const figure = toyFigure(measured, { n: 2, data: "phantom" });
  expect(() => assertDrawable("test", figure)).not.toThrow();
  expect(figure.data[0]).toMatchObject({ x: ["one", "two"], y: [1 / 2, 2 / 2] });
  expect(figure.layout).toMatchObject({ meta: { title: "2 systems", n: 2, data: "phantom" } });
});
