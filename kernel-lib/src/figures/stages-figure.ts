import type { Figure } from "../base/types";
import { addBox, addLine, addText, type Canvas, canvasParts, createCanvas } from "./canvas";
import { wrapText } from "./text";
import { COLORS, composeFigure, FIGURE_WIDTH, type FigureContext, SIZES } from "./theme";

export interface StagesOptions extends FigureContext {
  /** Share of the learned encoder in the query embedding (paper: PAPER_LEARNED_WEIGHT). */
  readonly learnedWeight: number;
  /** Candidates per query in stage 2 (paper: 50). */
  readonly numCandidates: number;
}

type Kind = "trained" | "frozen" | "data" | "loss";

/** A part of a stage, in the row it stands in. */
interface Box {
  readonly kind: Kind;
  readonly row: number;
  readonly name: string;
  readonly about: string;
}

const FILLS: Readonly<Record<Kind, { fill: string; border: string }>> = {
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
export function stagesFigure(options: StagesOptions): Figure {
  const { learnedWeight, numCandidates } = options;
  const canvas = createCanvas();
  drawReaderStage(canvas);
  drawRetrieverStage(canvas, learnedWeight, numCandidates);
  const title =
    "First the reader learns to use retrieved pairs, then the reader teaches the retriever which pairs help";
  return composeFigure({
    ...canvasParts(canvas, FIGURE_WIDTH, HEIGHT),
    bodyHeight: HEIGHT + 10,
    margin: { l: 0, r: 0, b: 10, t: 16 },
    title,
    caption:
      "Stage 1: a frozen retriever finds candidates; the reader’s LoRA weights are tuned by the negative log-likelihood of the true " +
      `answer after each candidate. Stage 2: the reader is frozen; the query encoder of each head (text first, then image) is mixed in with ${learnedWeight} ` +
      `and tuned by KL(target, prior) over ${numCandidates} candidates, the target being the reader’s preference times the prior.`,
    note: "blue: learns; grey: frozen; dashed: gradient",
    context: { scale: undefined, ...options },
  });
}

const READER_BOXES: readonly Box[] = [
  { kind: "data", row: 0, name: "Training query", about: "image, question, true answer" },
  {
    kind: "frozen",
    row: 1,
    name: "Retriever, both heads, frozen",
    about: "image head and text head search the corpus indexes with the query image",
  },
  { kind: "data", row: 2, name: "Candidates", about: "image-text pairs, one per pass" },
  {
    kind: "trained",
    row: 3,
    name: "Reader with LoRA, learns",
    about: "reads candidate image, “background: text”, query image, question; LoRA on every linear layer",
  },
  {
    kind: "loss",
    row: 4,
    name: "Negative log-likelihood of the answer",
    about: "summed over the candidates of each query",
  },
];

function drawReaderStage(canvas: Canvas): void {
  heading(canvas, LEFT, "Stage 1: reader");
  for (const box of READER_BOXES) drawBox(canvas, box, { x: LEFT, width: WIDTH });
  for (let row = 0; row < 4; row++) down(canvas, LEFT + WIDTH / 2, row);
  gradient(canvas, LEFT + WIDTH + 12, LEFT + WIDTH, 3);
}

function retrieverBoxes(mix: number, numCandidates: number): Box[] {
  const frozen = Number((1 - mix).toFixed(4));
  return [
    { kind: "data", row: 0, name: "Training query", about: "image, question, true answer" },
    {
      kind: "trained",
      row: 1,
      name: "Query encoder of one head, learns",
      about: `text head first, then image head; query = ${mix} learned + ${frozen} frozen`,
    },
    {
      kind: "data",
      row: 2,
      name: `${numCandidates} best candidates of that head`,
      about: "corpus embeddings stay frozen",
    },
    { kind: "data", row: 3, name: "Prior", about: "softmax of the retriever’s scores" },
    {
      kind: "frozen",
      row: 3,
      name: "Reader, frozen",
      about: "how likely the true answer is after each candidate, times the prior: target",
    },
    {
      kind: "loss",
      row: 4,
      name: "KL(target || prior)",
      about: "pulls the prior towards the candidates that help the reader",
    },
  ];
}

function drawRetrieverStage(canvas: Canvas, mix: number, numCandidates: number): void {
  const half = (WIDTH - 16) / 2;
  const [whole, left, right] = [
    { x: RIGHT, width: WIDTH },
    { x: RIGHT, width: half },
    { x: RIGHT + half + 16, width: half },
  ] as const;
  heading(canvas, RIGHT, "Stage 2: retriever");
  for (const box of retrieverBoxes(mix, numCandidates)) {
    drawBox(canvas, box, box.row !== 3 ? whole : box.kind === "data" ? left : right);
  }
  for (const row of [0, 1]) down(canvas, RIGHT + WIDTH / 2, row);
  for (const row of [2, 3]) for (const { x } of [left, right]) down(canvas, x + half / 2, row);
  gradient(canvas, RIGHT - 14, RIGHT, 1);
}

function heading(canvas: Canvas, x: number, text: string): void {
  addText(canvas, [text], x, 4, { size: 15, weight: "bold" });
}

function drawBox(canvas: Canvas, { kind, row, name, about }: Box, { x, width }: { x: number; width: number }): void {
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
