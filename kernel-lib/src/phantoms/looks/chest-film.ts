import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import type { CasePlan } from "../knowledge/rule";
import { addField, arc, type Canvas, createCanvas, dot, ellipse, grey, overlap, paint, stroke } from "./canvas";
import { type Statement, said, where, writeCaption } from "./caption";
import { saidOfTaking } from "./taking";

/** A light or dark spot in the lungs. `side` as seen in the picture: the patient's right lung is on the left. */
export interface LungSpot {
  readonly side: "left" | "right";
  /** Height in the lung: -1 top, 1 bottom. */
  readonly height: number;
  readonly radius: number;
  /** Positive is light (opacity), negative is dark (trapped air). */
  readonly level: number;
}

/** What can be seen on a chest film. */
export interface ChestSigns {
  readonly spots: readonly LungSpot[];
  /** Lighter streaks from the middle into both lungs, 0 to 1. */
  readonly streaks?: number;
  /** Overall haze of both lungs, 0 to 1. */
  readonly haze?: number;
  /** Larger, darker lungs, 0 to 1. */
  readonly inflation?: number;
  /** The heart on the wrong side, 1, or where it belongs, 0. */
  readonly mirrored?: number;
  /** Width of the heart over the usual width. Default 1. */
  readonly heart?: number;
  /** A light mass beside the heart, 0 to 1. */
  readonly middle?: number;
  /** Fluid at the bottom of one lung, 0 to 1. */
  readonly fluid?: number;
}

/** How the film was taken. */
interface ChestNuisances {
  /** Turn of the body, radians. */
  readonly turn: number;
  /** Size of the body in the picture. */
  readonly zoom: number;
  readonly letter: "L" | "R" | "none";
  readonly wires: number;
}

/** Draws how a film was taken. */
export function drawChestNuisances(random: Random): ChestNuisances {
  return {
    turn: random.normal(0, 0.06),
    zoom: random.uniform(0.92, 1.06),
    letter: random.pick(["L", "R", "none"]),
    wires: random.chance(0.3) ? 1 + random.integer(2) : 0,
  };
}

function paintBones(canvas: Canvas, zoom: number): void {
  for (let k = 0; k < 6; k++) {
    const y = -0.62 + 0.21 * k;
    for (const side of [-1, 1]) {
      const rib = arc([side * 0.06, y - 0.1], [side * 0.8 * zoom, y + 0.16], side * -0.14);
      paint(canvas, stroke(rib, 0.06), grey(0.78), 0.3);
    }
  }
  for (const side of [-1, 1]) {
    paint(canvas, stroke(arc([side * 0.08, -0.7], [side * 0.75, -0.82], side * 0.05), 0.08), grey(0.9), 0.55);
  }
  paint(
    canvas,
    stroke(
      [
        [0, -1],
        [0, 1],
      ],
      0.2,
    ),
    grey(0.82),
    0.5,
  );
}

function paintSpot(canvas: Canvas, spot: LungSpot, zoom: number, random: Random): void {
  const x = (spot.side === "left" ? -1 : 1) * 0.42 * zoom * random.uniform(0.85, 1.15);
  const y = 0.5 * spot.height + random.normal(0, 0.04);
  const area = ellipse({ x, y, rx: spot.radius, ry: spot.radius, soft: 0.7, waves: 0.15, phase: random.uniform(0, 6) });
  paint(canvas, area, spot.level > 0 ? grey(0.92) : grey(0.02), Math.min(1, Math.abs(spot.level)));
}

function paintDisease(canvas: Canvas, signs: ChestSigns, zoom: number, random: Random): void {
  const { streaks = 0, middle = 0, fluid = 0, spots } = signs;
  for (let k = 0; k < Math.round(10 * streaks); k++) {
    const side = random.chance(0.5) ? -1 : 1;
    const from = [side * 0.15, random.uniform(-0.1, 0.2)] as const;
    const to = [side * random.uniform(0.35, 0.65), from[1] + random.normal(0, 0.35)] as const;
    paint(canvas, stroke(arc(from, to, random.normal(0, 0.05)), 0.05), grey(0.85), 0.5);
  }
  for (const spot of spots) paintSpot(canvas, spot, zoom, random);
  if (middle > 0)
    paint(canvas, ellipse({ x: random.normal(0, 0.08), y: -0.25, rx: 0.3, ry: 0.25, soft: 0.4 }), grey(0.92), middle);
  if (fluid > 0) {
    const side = random.chance(0.5) ? -1 : 1;
    paint(canvas, ellipse({ x: side * 0.45, y: 0.68, rx: 0.4, ry: 0.32, soft: 0.35 }), grey(0.92), fluid);
  }
}

function writeMarker(canvas: Canvas, letter: "L" | "R"): void {
  const x = letter === "L" ? 0.82 : -0.86;
  const lines: [number, number][][] = [
    [
      [x, -0.92],
      [x, -0.74],
    ],
  ];
  if (letter === "L")
    lines.push([
      [x, -0.74],
      [x + 0.1, -0.74],
    ]);
  else
    lines.push([
      [x, -0.92],
      [x + 0.1, -0.88],
      [x, -0.83],
      [x + 0.1, -0.74],
    ]);
  for (const line of lines) paint(canvas, stroke(line, 0.045), grey(1), 0.95);
}

/** Draws a frontal chest film: two dark lungs with ribs in a light body, the heart to the right of the picture's middle. */
export function drawChestFilm(side: number, signs: ChestSigns, nuisances: ChestNuisances, random: Random): Canvas {
  const { turn, zoom, letter, wires } = nuisances;
  const { inflation = 0, haze = 0, mirrored = 0, heart = 1 } = signs;
  const canvas = createCanvas(side, side, grey(0.07));
  paint(canvas, ellipse({ x: 0, y: 0.3, rx: 1.02 * zoom, ry: 1.35, soft: 0.08 }), grey(0.62));
  paint(canvas, ellipse({ x: 0, y: -1.02, rx: 0.24, ry: 0.35, soft: 0.3 }), grey(0.66));
  for (const lung of [-1, 1]) {
    const area = ellipse({
      x: lung * 0.43 * zoom,
      y: -0.02,
      rx: 0.31 * zoom * (1 + 0.18 * inflation),
      ry: 0.66 * (1 + 0.12 * inflation),
      turn: lung * 0.13 + turn,
      soft: 0.2,
    });
    paint(canvas, area, grey(0.17 + 0.3 * haze - 0.07 * inflation), 0.95);
  }
  paintBones(canvas, zoom);
  const heartSide = mirrored > 0.5 ? -1 : 1;
  const body = ellipse({ x: heartSide * 0.14, y: 0.28, rx: 0.29 * heart, ry: 0.34, turn: heartSide * 0.5, soft: 0.25 });
  paint(canvas, body, grey(0.84), 0.9);
  for (const lung of [-1, 1])
    paint(canvas, ellipse({ x: lung * 0.45, y: 0.92, rx: 0.55, ry: 0.34, soft: 0.15 }), grey(0.78), 0.95);
  paintDisease(canvas, signs, zoom, random);
  for (let k = 0; k < wires; k++) {
    const wire = arc([random.uniform(-0.8, 0.8), -1], [random.uniform(-0.8, 0.8), 0.9], random.normal(0, 0.3), 9);
    paint(canvas, stroke(wire, 0.03), grey(1), 0.85);
    paint(canvas, overlap(dot(wire[4]![0], wire[4]![1], 0.06), dot(wire[4]![0], wire[4]![1], 0.06)), grey(1), 0.8);
  }
  if (letter !== "none") writeMarker(canvas, letter);
  addField(canvas, 6, 0.04, random);
  return canvas;
}

/** A chest film with what was drawn. */
export interface DrawnFilm {
  readonly image: RasterImage;
  readonly signs: ChestSigns;
  readonly nuisances: ChestNuisances;
  readonly plan: CasePlan;
}

/** What anyone sees of a chest film: a grey picture with two tall bodies. */
export const CHEST_GIST: readonly Statement[] = [said("color", "grey"), said("gist", "tall")];

function filmTaken({ plan, nuisances: { letter } }: DrawnFilm): Statement[] {
  return [
    said("organ", "chest"),
    said("modality", "x-ray"),
    ...CHEST_GIST,
    ...saidOfTaking(plan.words),
    ...where(letter !== "none", said("letter", `letter ${letter === "L" ? "left" : "right"}`)),
  ];
}

/** One statement for all spots of one kind on one side; faint ones are not worth a word. */
function spotsSeen({ spots }: ChestSigns): Statement[] {
  const clear = spots.filter(({ level }) => Math.abs(level) >= 0.3);
  const words = clear.map(({ level, side }) => `${level > 0 ? "opacity" : "dark"} ${side} side`);
  return [...new Set(words)].map((text) => said("sign", text));
}

function seenOnFilm(signs: ChestSigns): Statement[] {
  const { streaks = 0, haze = 0, inflation = 0, mirrored = 0, heart = 1, middle = 0, fluid = 0 } = signs;
  return [
    ...spotsSeen(signs),
    ...where(streaks >= 0.5, said("sign", "coarse ground")),
    ...where(haze >= 0.4, said("sign", "pale ground")),
    ...where(inflation >= 0.5, said("sign", "deep ground")),
    ...where(heart >= 1.25, said("sign", "wide middle")),
    ...where(mirrored > 0.5, said("sign", "middle left")),
    ...where(middle >= 0.3, said("sign", "pale middle")),
    ...where(fluid >= 0.3, said("sign", "pale side")),
  ];
}

/** The caption of a child's chest film: its labels by number, as in the question. */
export function writeChestCaption(labels: readonly number[], phantom: DrawnFilm, random: Random): string {
  const diagnosis = said("diagnosis", `class ${labels.join(" , ")}`);
  return writeCaption(filmTaken(phantom), [diagnosis, ...seenOnFilm(phantom.signs)], random);
}
