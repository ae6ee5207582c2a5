import type { Figure } from "../base/types";
import { addBox, addLine, addText, type Canvas, canvasParts, createCanvas } from "./canvas";
import { wrapText } from "./text";
import { COLORS, composeFigure, FIGURE_WIDTH, type FigureContext, SIZES } from "./theme";

export interface StagesOptions extends FigureContext {
  /** Share of the learned encoder in the query embedding. Default 0.15, the paper's code. */
  readonly mix?: number | undefined;
  /** Candidates per query in stage 2. Default 50, the paper. */
  readonly numCandidates?: number | undefined;
}

type Part = "trained" | "frozen" | "data" | "loss";

const FILLS: Readonly<Record<Part, { fill: string; border: string }>> = {
  trained: { fill: "#dcebf7", border: "#005b96" },
  frozen: { fill: COLORS.band, border: COLORS.line },
  data: { fill: COLORS.paper, border: COLORS.grid },
  loss: { fill: "#fdf0e3", border: COLORS.bad },
};
const LEFT = 28;
const WIDTH = 376;
const RIGHT = FIGURE_WIDTH - 28 - WIDTH;
const HEIGHT = 492;
const ROWS = [
  [34, 84],
  [112, 186],
  [214, 264],
  [292, 384],
  [412, 478],
] as const;

/**
 * The two training stages as a diagram: what learns, what is frozen, where the gradient goes.
 *
 * Paper: arXiv 2508.17394v3, Figure 2.
 */
export function stagesFigure(options: StagesOptions = {}): Figure {
  const mix = options.mix ?? 0.15;
  const numCandidates = options.numCandidates ?? 50;
  const canvas = createCanvas();
  drawReaderStage(canvas);
  drawRetrieverStage(canvas, mix, numCandidates);
  const title =
    "First the reader learns to use retrieved pairs, then the reader teaches the retriever which pairs help";
  return composeFigure({
    ...canvasParts(canvas, FIGURE_WIDTH, HEIGHT),
    bodyHeight: HEIGHT + 10,
    margin: { l: 0, r: 0, b: 10, t: 16 },
    title,
    caption:
      "Stage 1: a frozen retriever finds candidates; the reader’s LoRA weights are tuned by the negative log-likelihood of the true " +
      `answer after each candidate. Stage 2: the reader is frozen; the query encoder of each head (text first, then image) is mixed in with ${mix} ` +
      `and tuned by KL(target, prior) over ${numCandidates} candidates, the target being the reader’s preference times the prior.`,
    note: "blue: learns; grey: frozen; dashed: gradient",
    context: { scale: undefined, ...options },
  });
}

function drawReaderStage(canvas: Canvas): void {
  heading(canvas, LEFT, "Stage 1: reader");
  part(canvas, "data", LEFT, WIDTH, 0, "Training query", "image, question, true answer");
  part(
    canvas,
    "frozen",
    LEFT,
    WIDTH,
    1,
    "Retriever, both heads, frozen",
    "image head and text head search the corpus indexes with the query image",
  );
  part(canvas, "data", LEFT, WIDTH, 2, "Candidates", "image-text pairs, one per pass");
  part(
    canvas,
    "trained",
    LEFT,
    WIDTH,
    3,
    "Reader with LoRA, learns",
    "reads candidate image, “background: text”, query image, question; LoRA on every linear layer",
  );
  part(
    canvas,
    "loss",
    LEFT,
    WIDTH,
    4,
    "Negative log-likelihood of the answer",
    "summed over the candidates of each query",
  );
  for (let row = 0; row < 4; row++) down(canvas, LEFT + WIDTH / 2, row);
  gradient(canvas, LEFT + WIDTH + 12, LEFT + WIDTH, 3);
}

function drawRetrieverStage(canvas: Canvas, mix: number, numCandidates: number): void {
  const half = (WIDTH - 16) / 2;
  const second = RIGHT + half + 16;
  const frozen = Number((1 - mix).toFixed(4));
  heading(canvas, RIGHT, "Stage 2: retriever");
  part(canvas, "data", RIGHT, WIDTH, 0, "Training query", "image, question, true answer");
  part(
    canvas,
    "trained",
    RIGHT,
    WIDTH,
    1,
    "Query encoder of one head, learns",
    `text head first, then image head; query = ${mix} learned + ${frozen} frozen`,
  );
  part(
    canvas,
    "data",
    RIGHT,
    WIDTH,
    2,
    `${numCandidates} best candidates of that head`,
    "corpus embeddings stay frozen",
  );
  part(canvas, "data", RIGHT, half, 3, "Prior", "softmax of the retriever’s scores");
  part(
    canvas,
    "frozen",
    second,
    half,
    3,
    "Reader, frozen",
    "how likely the true answer is after each candidate, times the prior: target",
  );
  part(
    canvas,
    "loss",
    RIGHT,
    WIDTH,
    4,
    "KL(target || prior)",
    "pulls the prior towards the candidates that help the reader",
  );
  for (const row of [0, 1]) down(canvas, RIGHT + WIDTH / 2, row);
  for (const row of [2, 3]) {
    down(canvas, RIGHT + half / 2, row);
    down(canvas, second + half / 2, row);
  }
  gradient(canvas, RIGHT - 14, RIGHT, 1);
}

function heading(canvas: Canvas, x: number, text: string): void {
  addText(canvas, [text], x, 4, { size: 15, weight: "bold" });
}

function part(canvas: Canvas, kind: Part, x: number, width: number, row: number, name: string, about: string): void {
  const [top, bottom] = ROWS[row]!;
  addBox(canvas, [x, top, x + width, bottom], { ...FILLS[kind], width: kind === "trained" ? 2 : 1.2 });
  addText(canvas, [name], x + 12, top + 6, { weight: "bold" });
  addText(canvas, wrapText(about, width - 24, SIZES.small), x + 12, top + 26, {
    size: SIZES.small,
    color: COLORS.muted,
  });
}

function down(canvas: Canvas, x: number, row: number): void {
  addLine(
    canvas,
    [
      [x, ROWS[row]![1] + 2],
      [x, ROWS[row + 1]![0] - 2],
    ],
    { color: COLORS.muted },
  );
}

/** From the loss beside the boxes back to the part that learns. */
function gradient(canvas: Canvas, x: number, edge: number, row: number): void {
  const [from, to] = [(ROWS[4]![0] + ROWS[4]![1]) / 2, (ROWS[row]![0] + ROWS[row]![1]) / 2];
  const points: readonly (readonly [number, number])[] = [
    [edge, from],
    [x, from],
    [x, to],
    [edge, to],
  ];
  addLine(canvas, points, { color: COLORS.bad, dash: "dash", width: 2 });
}
