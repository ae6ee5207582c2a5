import { answerWordings, isCorrect } from "../answers/forms";
import { DataError } from "../base/errors";
import { pngUri } from "../base/png";
import type { Example, Figure, Label, Passage, Prediction, Reading } from "../base/types";
import { addBox, addLine, addPicture, addText, type Canvas, canvasParts, createCanvas } from "./canvas";
import { percent, shortenText, textWidth, wrapText } from "./text";
import { COLORS, composeFigure, FIGURE_WIDTH, type FigureContext, SIZES } from "./theme";

/** One query with everything that led to its answer. */
export interface IdeaInput {
  readonly example: Example;
  readonly prediction: Prediction;
  /** Must hold every passage the prediction's readings name; others may be there too. */
  readonly passages: readonly Passage[];
  readonly labels: readonly Label[];
}

/** A reading with its passage, its weight in the fused answer, and whether it is right. */
interface Step {
  readonly reading: Reading;
  readonly passage: Passage;
  readonly weight: number;
  readonly verdict: Verdict;
}

type Verdict = "right" | "wrong";

const ROW = 104;
const MAX_ROWS = 6;
const QUERY_SIDE = 150;
const PAIR = { left: 226, right: 580 } as const;
const ANSWER = { left: 596, right: 698 } as const;
const FUSED = { left: 732, right: FIGURE_WIDTH - 28 } as const;

/**
 * The idea in one picture: a query, the pairs both heads retrieve for it, the answer the reader gives after each, and the
 * fused answer beside the truth.
 *
 * Paper: arXiv 2508.17394v3, Figure 1. At most six pairs are drawn, those of largest weight.
 *
 * @throws DataError when the prediction is another example's, read nothing that was retrieved, or names an unknown passage.
 */
export function ideaFigure(input: IdeaInput, options: FigureContext = {}): Figure {
  const steps = stepsOf(input);
  const shown = [...steps].sort((a, b) => b.weight - a.weight).slice(0, MAX_ROWS);
  const height = Math.max(3, shown.length) * ROW + 30;
  const top = 30 + (height - 30 - shown.length * ROW) / 2;
  const canvas = createCanvas();
  drawQuery(canvas, input, height);
  addText(canvas, ["Retrieved image-text pairs"], PAIR.left, 2, HEADING);
  addText(canvas, ["Reader says"], ANSWER.left, 2, HEADING);
  addText(canvas, ["Fused answer"], FUSED.left, 2, HEADING);
  for (const [row, step] of shown.entries()) {
    drawStep(canvas, input, step, { y: top + row * ROW, middle: (height + 30) / 2 });
  }
  drawFused(canvas, input, (height + 30) / 2);
  return composeFigure({
    ...canvasParts(canvas, FIGURE_WIDTH, height),
    bodyHeight: height + 14,
    margin: { l: 0, r: 0, b: 14, t: 16 },
    title: titleOf(input, steps),
    caption: captionOf(input, steps),
    note: `one query${shown.length < steps.length ? `, ${shown.length} of ${steps.length} candidates` : ""} · line width: weight in the fused answer`,
    context: options,
  });
}

const HEADING = { size: SIZES.small, color: COLORS.muted, weight: "bold" } as const;

function stepsOf({ example, prediction, passages }: IdeaInput): Step[] {
  if (prediction.exampleId !== example.id) {
    throw new DataError(
      `ideaFigure: prediction must be of example ${example.id}; got one of ${prediction.exampleId}. Pick its own prediction.`,
      { exampleId: example.id, got: prediction.exampleId },
    );
  }
  const byId = new Map(passages.map((passage) => [passage.id, passage]));
  const wordings = answerWordings(prediction);
  const readings: readonly Reading[] = prediction.readings;
  const steps = readings.flatMap((reading, index): Step[] => {
    if (reading.retrieved === null) return [];
    const passage = byId.get(reading.retrieved.passageId);
    if (passage === undefined) {
      const id = reading.retrieved.passageId;
      throw new DataError(
        `ideaFigure: passages must hold ${id}; got ${passages.length} others. Pass the whole corpus.`,
        { id },
      );
    }
    const said = wordings.readings[index];
    const verdict = said !== null && said === wordings.truth ? "right" : "wrong";
    return [{ reading, passage, weight: prediction.weights[index] ?? 0, verdict }];
  });
  if (steps.length > 0) return steps;
  throw new DataError(
    `ideaFigure: prediction must have readings of retrieved passages; got none from ${prediction.system}. Use a system with retrieval.`,
    { system: prediction.system },
  );
}

/** What an answer is called: the names of its labels, or its words. */
function answerName(answer: Prediction["answer"], labels: readonly Label[]): string {
  if (typeof answer === "string") return answer;
  if (answer === null) return labels.length === 0 ? "no answer" : "no label";
  if (typeof answer !== "number") return answer.map((label) => answerName(label, labels)).join("; ") || "none";
  return labels.find((entry) => entry.index === answer)?.name ?? String(answer);
}

const COLOR_OF: Readonly<Record<Verdict, string>> = { right: COLORS.good, wrong: COLORS.bad };

/** How likely the answer is held, "" where it has no probability. */
function sureText(said: Reading | Prediction): string {
  if (!("probabilities" in said) || said.answer === null) return "";
  return `${percent(said.probabilities[said.answer] ?? 0, 0)} %`;
}

function drawQuery(canvas: Canvas, { example, prediction, labels }: IdeaInput, height: number): void {
  const question = wrapText(example.question, QUERY_SIDE, SIZES.small, { maxLines: 5 });
  const truth = wrapText(`Truth: ${answerName(prediction.truth, labels)}`, QUERY_SIDE, SIZES.text, {
    weight: "bold",
    maxLines: 2,
  });
  const block = QUERY_SIDE + 14 + question.length * 17 + 8 + truth.length * 18;
  const y = Math.max(24, (height + 30 - block) / 2);
  addText(canvas, ["Query"], 28, 2, HEADING);
  addPicture(canvas, pngUri(example.image, 2 * QUERY_SIDE), 28, y, QUERY_SIDE);
  addText(canvas, question, 28, y + QUERY_SIDE + 12, { size: SIZES.small, color: COLORS.muted });
  addText(canvas, truth, 28, y + QUERY_SIDE + 20 + question.length * 17, { weight: "bold" });
}

function drawStep(canvas: Canvas, input: IdeaInput, step: Step, place: { y: number; middle: number }): void {
  const { reading, passage, weight, verdict } = step;
  const [top, middle, bottom] = [place.y + 5, place.y + ROW / 2, place.y + ROW - 5];
  const head = reading.retrieved!.head;
  const color = head === "image" ? "#005b96" : "#3d9bd1";
  const textLeft = PAIR.left + 98;
  addLine(
    canvas,
    [
      [28 + QUERY_SIDE + 8, place.middle],
      [PAIR.left - 4, middle],
    ],
    { width: 1.2 },
  );
  addBox(canvas, [PAIR.left, top, PAIR.right, bottom]);
  addBox(canvas, [PAIR.left, top, PAIR.left + 4, bottom], { fill: color, border: color });
  addPicture(canvas, pngUri(passage.image, 160), PAIR.left + 13, top + 9, 76);
  addText(canvas, [`${head} head, rank ${reading.retrieved!.rank + 1}`], textLeft, top + 6, {
    size: 11,
    color: COLORS.muted,
  });
  const words = wrapText(passage.text, PAIR.right - textLeft - 10, SIZES.small, { maxLines: 4 });
  addText(canvas, words, textLeft, top + 23, { size: SIZES.small });
  const name = wrapText(answerName(reading.answer, input.labels), ANSWER.right - ANSWER.left, SIZES.text, {
    weight: "bold",
    maxLines: 2,
  });
  addText(canvas, name, ANSWER.left, middle + 2, { color: COLOR_OF[verdict], weight: "bold", valign: "bottom" });
  const sure = sureText(reading);
  addText(canvas, [sure === "" ? "" : `${sure} sure`, `weight ${weight.toFixed(2)}`], ANSWER.left, middle + 4, {
    size: 11,
    color: COLORS.muted,
  });
  const longest = Math.max(58, ...name.map((line) => textWidth(line, SIZES.text, "bold")));
  const from = [ANSWER.left + longest + 10, middle] as const;
  addLine(canvas, [from, [FUSED.left - 4, place.middle]], {
    color: COLOR_OF[verdict],
    width: 1 + 7 * weight,
    end: "plain",
  });
}

function drawFused(canvas: Canvas, { prediction, labels }: IdeaInput, middle: number): void {
  const verdict = isCorrect(prediction) ? "right" : "wrong";
  const color = COLOR_OF[verdict];
  const width = FUSED.right - FUSED.left;
  const name = wrapText(answerName(prediction.answer, labels), width - 16, 15, { weight: "bold", maxLines: 3 });
  const half = 34 + name.length * 11;
  addBox(canvas, [FUSED.left, middle - half, FUSED.right, middle + half], {
    fill: COLORS.paper,
    border: color,
    width: 2,
  });
  const center = (FUSED.left + FUSED.right) / 2;
  addText(canvas, name, center, middle - 14, { size: 15, color, weight: "bold", anchor: "center", valign: "middle" });
  const lines = [sureText(prediction), verdict].filter((line) => line !== "");
  addText(canvas, lines, center, middle + half - 8, {
    size: SIZES.small,
    color: COLORS.muted,
    anchor: "center",
    valign: "bottom",
  });
}

function titleOf({ prediction, labels }: IdeaInput, steps: readonly Step[]): string {
  const fused = shortenText(answerName(prediction.answer, labels), 260, SIZES.title, "bold");
  const end = `which is ${isCorrect(prediction) ? "right" : "wrong"}`;
  const counts = new Map<string, number>();
  for (const { reading } of steps) {
    const name = answerName(reading.answer, labels);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const agreeing = counts.get(answerName(prediction.answer, labels)) ?? 0;
  if (steps.length === 1) return `The one candidate leads to “${fused}”, ${end}`;
  if (counts.size === 1 && agreeing === steps.length)
    return `All ${steps.length} candidates lead to one answer, “${fused}”, ${end}`;
  if (agreeing === 0) return `No single candidate leads to the fused answer “${fused}”, ${end}`;
  return `Candidates disagree: ${agreeing} of ${steps.length} lead to “${fused}”; it is the fused answer, ${end}`;
}

function captionOf({ example, prediction, labels }: IdeaInput, steps: readonly Step[]): string {
  const readings = steps.map(
    ({ reading, weight }) =>
      `${reading.retrieved!.head} head: ${answerName(reading.answer, labels)}, weight ${weight.toFixed(2)}`,
  );
  return (
    `${prediction.system} on ${example.id}: “${example.question}” ${readings.join("; ")}. ` +
    `Fused: ${answerName(prediction.answer, labels)}; truth: ${answerName(prediction.truth, labels)}.`
  );
}
