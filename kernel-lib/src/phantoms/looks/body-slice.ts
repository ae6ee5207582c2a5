import type { Random } from "../../base/random";
import {
  addField,
  arc,
  type Canvas,
  type Colour,
  createCanvas,
  ellipse,
  grey,
  overlap,
  paint,
  ring,
  stroke,
} from "./canvas";

/** A slice through a body. */
export interface SliceScene {
  readonly modality: "CT" | "MRI";
  readonly organ: "head" | "abdomen";
  /** A mass, as seen in the picture; absent in a healthy slice. */
  readonly mass?: { readonly side: "left" | "right"; readonly level: "bright" | "dark"; readonly radius: number };
  /** Size of the fluid spaces over the usual size. */
  readonly fluid: number;
  /** Size in the picture, 0.75 to 1. */
  readonly zoom: number;
}

/** Grey levels: bone is bright on CT and dark on MRI; fluid is dark on CT and bright on T2-weighted MRI. */
const LEVELS = {
  CT: { bone: 0.97, fat: 0.22, tissue: 0.5, fluid: 0.18, other: 0.58 },
  MRI: { bone: 0.1, fat: 0.85, tissue: 0.48, fluid: 0.95, other: 0.36 },
} as const;

function paintHead(canvas: Canvas, { modality, fluid, zoom }: SliceScene, random: Random): void {
  const level = LEVELS[modality];
  const oval = (scale: number, soft = 0.05) =>
    ellipse({ x: 0, y: 0, rx: 0.74 * scale * zoom, ry: 0.92 * scale * zoom, soft });
  paint(canvas, oval(1.04), grey(level.fat));
  paint(canvas, ring(oval(1), oval(0.9)), grey(level.bone));
  paint(canvas, oval(0.9), grey(level.tissue));
  const brain = oval(0.86, 0.1);
  for (let k = 0; k < 26; k++) {
    const angle = (2 * Math.PI * k) / 26 + random.normal(0, 0.06);
    const at = (scale: number) =>
      [0.74 * scale * zoom * Math.sin(angle), 0.92 * scale * zoom * Math.cos(angle)] as const;
    paint(
      canvas,
      overlap(stroke(arc(at(0.88), at(0.62), random.normal(0, 0.05)), 0.05, 0.02), brain),
      grey(level.fluid),
      0.6,
    );
  }
  paint(
    canvas,
    overlap(
      stroke(
        [
          [0, -0.85 * zoom],
          [0, 0.85 * zoom],
        ],
        0.025,
      ),
      brain,
    ),
    grey(level.fluid),
    0.8,
  );
  for (const side of [-1, 1]) {
    const horn = arc([side * 0.06 * zoom, -0.28 * zoom], [side * 0.14 * zoom, 0.3 * zoom], side * -0.08 * zoom);
    paint(canvas, stroke(horn, 0.1 * fluid * zoom), grey(level.fluid), 0.95);
  }
}

/** The vertebra with its spine, and ribs around the body. */
function paintSpineAndRibs(canvas: Canvas, bone: Colour, zoom: number): void {
  paint(canvas, ellipse({ x: 0, y: 0.36 * zoom, rx: 0.13 * zoom, ry: 0.13 * zoom }), bone);
  paint(
    canvas,
    stroke(
      [
        [0, 0.45 * zoom],
        [0, 0.63 * zoom],
      ],
      0.08,
    ),
    bone,
  );
  for (let k = 0; k < 9; k++) {
    const angle = Math.PI * (0.05 + (0.9 * k) / 8) * (k % 2 === 0 ? 1 : -1);
    paint(
      canvas,
      ellipse({ x: 0.83 * zoom * Math.cos(angle), y: 0.6 * zoom * Math.sin(angle), rx: 0.06, ry: 0.035, turn: angle }),
      bone,
    );
  }
}

function paintAbdomen(canvas: Canvas, { modality, fluid, zoom }: SliceScene, random: Random): void {
  const level = LEVELS[modality];
  const body = (scale: number) => ellipse({ x: 0, y: 0, rx: 0.95 * scale * zoom, ry: 0.7 * scale * zoom, soft: 0.05 });
  paint(canvas, body(1), grey(level.fat));
  paint(canvas, body(0.9), grey(level.other));
  paint(canvas, body(0.82), grey(level.fat * 0.8), 0.8);
  const organ = (x: number, y: number, rx: number, ry: number, tone: number, waves = 0.06) =>
    paint(
      canvas,
      ellipse({
        x: x * zoom,
        y: y * zoom,
        rx: rx * zoom,
        ry: ry * zoom,
        waves,
        turn: random.normal(0, 0.1),
        phase: random.uniform(0, 6),
      }),
      grey(tone),
    );
  organ(-0.4, -0.1, 0.38, 0.38, level.tissue + 0.1);
  organ(0.52, 0, 0.2, 0.25, level.tissue + 0.05);
  organ(0.2, -0.25, 0.24, 0.17, level.fluid * 0.9 + 0.05);
  for (const side of [-1, 1]) organ(side * 0.33, 0.33, 0.14 * fluid, 0.12 * fluid, level.tissue + 0.18);
  paintSpineAndRibs(canvas, grey(level.bone), zoom);
  paint(canvas, ellipse({ x: 0.04, y: 0.14 * zoom, rx: 0.07 * zoom, ry: 0.07 * zoom }), grey(level.tissue + 0.22));
}

/** Draws an axial slice: a head with folded brain and fluid spaces, or an abdomen with liver, kidneys and spine. */
export function drawBodySlice(side: number, scene: SliceScene, random: Random): Canvas {
  const { mass, organ, zoom } = scene;
  const canvas = createCanvas(side, side, grey(0.02));
  (organ === "head" ? paintHead : paintAbdomen)(canvas, scene, random);
  if (mass !== undefined) {
    const x = (mass.side === "left" ? -1 : 1) * random.uniform(0.28, 0.4) * zoom;
    const y = random.uniform(-0.35, 0.2) * zoom;
    const area = ellipse({
      x,
      y,
      rx: mass.radius,
      ry: mass.radius,
      waves: 0.12,
      phase: random.uniform(0, 6),
      soft: 0.3,
    });
    paint(canvas, area, grey(mass.level === "bright" ? 0.95 : 0.08), 0.9);
  }
  addField(canvas, 9, 0.05, random);
  return canvas;
}
