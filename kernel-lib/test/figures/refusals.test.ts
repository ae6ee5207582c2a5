import { describe, expect, it } from "vitest";
import { measureInconsistency } from "../../src/analysis/inconsistency";
import { measureOracle } from "../../src/analysis/oracle";
import { isKernelError } from "../../src/base/errors";
import { confusionFigure } from "../../src/figures/confusion-figure";
import { assertDrawable, drawingSize } from "../../src/figures/export/validate";
import { ideaFigure } from "../../src/figures/idea-figure";
import { inconsistencyFigure } from "../../src/figures/inconsistency-figure";
import { mainTableFigure } from "../../src/figures/main-table-figure";
import { oracleFigure } from "../../src/figures/oracle-figure";
import { recallFigure } from "../../src/figures/recall-figure";
import { sweepFigure } from "../../src/figures/sweep-figure";
import { taskOracleFigure } from "../../src/figures/task-oracle-figure";
import { ideaInput, predictionRows, recallRows, resultRows, samplePredictions, sweepRows } from "./sample-rows";

function refusal(task: () => unknown): { code: string; message: string } {
  try {
    task();
  } catch (error) {
    if (isKernelError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("figures refuse rows they cannot draw", () => {
  it("no rows", () => {
    const { code, message } = refusal(() => mainTableFigure([]));
    expect(code).toBe("data");
    expect(message).toBe(
      "mainTableFigure: rows must hold at least one row; got none. Run the stage that fills it first.",
    );
  });

  it("a missing column is named, with the columns that are there", () => {
    const { code, message } = refusal(() => recallFigure([{ index: "hnsw", ef: 8, k: 10, recall: 1 }]));
    expect(code).toBe("data");
    expect(message).toContain('must have the column "queriesPerSecond"; row 0 has index, ef, k, recall.');
  });

  it("a value that is no number", () => {
    const rows = resultRows().map((row) => ({ ...row, value: "high" }));
    expect(refusal(() => mainTableFigure(rows)).message).toContain('column "value" must hold finite numbers; got high');
  });

  it("a sweep without the gain that is asked for", () => {
    const rows = sweepRows().filter((row) => "measure" in row && row.measure !== "ragGain");
    const { code, message } = refusal(() => sweepFigure(rows, { measure: "ragGain" }));
    expect(code).toBe("data");
    expect(message).toContain("must hold the measure ragGain; got gain, predictedGain");
  });

  it("an unknown system lists the known ones", () => {
    const { code, message } = refusal(() => confusionFigure(predictionRows(), { system: "gpt" }));
    expect(code).toBe("config");
    expect(message).toContain("one of closed-book, ft-rag, text-head, jomed");
  });

  it("an answer that is no label's index for the confusion figure", () => {
    const { message } = refusal(() => confusionFigure([{ system: "jomed", truth: "{0, 2}", answer: "{0}" }]));
    expect(message).toContain('truth must be a label\'s index; got "{0, 2}"');
  });

  it("an inconsistency that no system, or more than one, splits", () => {
    const shares = measureInconsistency(samplePredictions());
    expect(refusal(() => inconsistencyFigure(shares)).message).toContain("must be split by one system");
    const both = ["ft-rag", "jomed"].flatMap((base) => measureInconsistency(samplePredictions(), { base }));
    expect(refusal(() => inconsistencyFigure(both)).message).toContain("got ft-rag, jomed");
  });

  it("an oracle without its accuracy, a task without its oracle", () => {
    const rows = measureOracle(samplePredictions(), { task: { name: "toy", source: "phantom" } });
    const alone = rows.filter(({ metric }) => metric !== "accuracy");
    expect(refusal(() => oracleFigure(alone)).message).toContain("must hold the accuracy of ft-rag");
    expect(refusal(() => taskOracleFigure(rows)).message).toContain("metric inconsistency of each task; toy has none");
  });

  it("only the exact index for the recall figure", () => {
    expect(refusal(() => recallFigure(recallRows().slice(-1))).message).toContain("got only the exact index");
  });

  it("a prediction of another example, an unknown passage, a closed-book prediction", () => {
    const input = ideaInput();
    const other = { ...input.example, id: "breast-99" };
    expect(refusal(() => ideaFigure({ ...input, example: other })).message).toContain("must be of example breast-99");
    expect(refusal(() => ideaFigure({ ...input, passages: [] })).message).toContain("passages must hold corpus-0");
    const prediction = { ...input.prediction, readings: [] };
    expect(refusal(() => ideaFigure({ ...input, prediction })).message).toContain("Use a system with retrieval");
  });
});

describe("drawing refuses what would come out empty or read a file", () => {
  it("an unknown trace type, a WebGL one, and a figure without layout", () => {
    for (const type of ["bars", "scattergl", "scattermap"]) {
      const { code, message } = refusal(() => assertDrawable("drawFigure", { data: [{ type }], layout: {} }));
      expect(code).toBe("data");
      expect(message).toContain(`data[0].type must be one of bar, `);
      expect(message).toContain(`got "${type}"`);
    }
    const bare = { data: [] } as unknown as Parameters<typeof assertDrawable>[1];
    expect(refusal(() => assertDrawable("drawFigure", bare)).message).toContain(
      "figure must be {data: [...], layout: {...}}",
    );
  });

  it.each([
    "file:///etc/hostname",
    "https://example.org/a.png",
    "/etc/hostname",
    "data:image/svg+xml;base64,AAAA",
    " file:///a",
  ])("the image %s", (source) => {
    const { code, message } = refusal(() =>
      assertDrawable("drawFigure", { data: [], layout: { images: [{ source }] } }),
    );
    expect(code).toBe("data");
    expect(message).toContain("figure.layout.images.0.source must be a data: URI");
  });

  it("a file in an image trace or a template", () => {
    const source = "file:///etc/hostname";
    expect(refusal(() => assertDrawable("d", { data: [{ type: "image", source }], layout: {} })).code).toBe("data");
    const layout = { template: { layout: { images: [{ source }] } } };
    expect(refusal(() => assertDrawable("d", { data: [], layout })).code).toBe("data");
  });

  it("sizes that cannot be drawn", () => {
    const figure = { data: [], layout: {} };
    expect(refusal(() => drawingSize("drawFigure", figure, { width: 5 })).message).toContain(
      "drawFigure: width must be a whole number",
    );
    expect(refusal(() => drawingSize("drawFigure", figure, { scale: 100 })).code).toBe("config");
    expect(refusal(() => drawingSize("drawFigure", figure, { width: 8000, scale: 4 })).message).toContain(
      "must stay under 16000",
    );
  });

  it("takes the height a table needs: header, rows and margins", () => {
    const table = { type: "table", cells: { values: [new Array(30).fill("x")], height: 20 }, header: { height: 30 } };
    const layout = { margin: { t: 10, b: 10 } };
    expect(drawingSize("drawFigure", { data: [table], layout }, {}).height).toBe(30 + 30 * 20 + 10 + 10);
  });
});
