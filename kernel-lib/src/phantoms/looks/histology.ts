import type { Random } from "../../base/random";
import { addField, type Canvas, createCanvas, dot, ellipse, mix, outside, overlap, paint, ring } from "./canvas";

/** A stained tissue section. */
export interface HistologyScene {
  /** "gland": rings of cells around white openings. "sheet": cells side by side. "fat": large empty cells. */
  readonly pattern: "gland" | "sheet" | "fat";
  /** Cells per picture, about 20 to 120. */
  readonly cells: number;
  /** How unequal and dark the nuclei are, 0 to 1. */
  readonly atypia: number;
  /** Red pools between the cells, 0 to 1. */
  readonly bleeding: number;
  /** Dark blue round cells between the others, 0 to 1. */
  readonly inflammation: number;
  /** Stain, from pink, 0, to purple, 1. */
  readonly stain: number;
  /** Size of a nucleus, 0.04 to 0.09. */
  readonly magnification: number;
}

function paintNucleus(canvas: Canvas, x: number, y: number, scene: HistologyScene, random: Random): void {
  const { atypia, magnification, stain } = scene;
  const size = magnification * (0.8 + 0.9 * atypia) * Math.exp(random.normal(0, 0.1 + 0.35 * atypia));
  const colour = mix([0.56, 0.4, 0.68], [0.14, 0.04, 0.3], 0.2 * stain + 0.8 * atypia);
  const shape = { x, y, rx: size, ry: size * random.uniform(0.7, 1), turn: random.uniform(0, 3), waves: 0.12 * atypia };
  paint(canvas, ellipse({ ...shape, soft: 0.3 }), colour, 0.9);
}

function paintGlands(canvas: Canvas, scene: HistologyScene, random: Random): void {
  for (let k = 0; k < 4; k++) {
    const [x, y] = [(k % 2) - 0.5 + random.normal(0, 0.12), Math.floor(k / 2) - 0.5 + random.normal(0, 0.12)];
    const [rx, ry] = [random.uniform(0.26, 0.4), random.uniform(0.26, 0.4)];
    const hole = ellipse({ x, y, rx: rx * 0.55, ry: ry * 0.55, waves: 0.12, phase: random.uniform(0, 6) });
    paint(canvas, ring(ellipse({ x, y, rx, ry }), hole), mix([0.82, 0.55, 0.75], [0.65, 0.42, 0.7], scene.stain), 0.9);
    paint(canvas, hole, [0.97, 0.95, 0.97]);
    const count = Math.round(scene.cells / 4);
    for (let c = 0; c < count; c++) {
      const angle = (2 * Math.PI * c) / count + random.normal(0, 0.1 + 0.4 * scene.atypia);
      const reach = random.normal(0.85, 0.04 + 0.15 * scene.atypia);
      paintNucleus(canvas, x + rx * reach * Math.cos(angle), y + ry * reach * Math.sin(angle), scene, random);
    }
  }
}

function paintFat(canvas: Canvas, scene: HistologyScene, random: Random): void {
  for (let k = 0; k < 16; k++) {
    const [x, y] = [
      ((k % 4) - 1.5) / 2 + random.normal(0, 0.04),
      (Math.floor(k / 4) - 1.5) / 2 + random.normal(0, 0.04),
    ];
    const cell = ellipse({ x, y, rx: 0.235, ry: 0.235, soft: 0.1, waves: 0.04, phase: random.uniform(0, 6) });
    paint(canvas, cell, [0.98, 0.96, 0.97], 0.97);
    if (k < scene.cells / 6) paintNucleus(canvas, x + 0.22, y + 0.12, scene, random);
  }
}

function paintSheet(canvas: Canvas, scene: HistologyScene, random: Random): void {
  const across = Math.max(3, Math.round(Math.sqrt(scene.cells)));
  for (let k = 0; k < across * across; k++) {
    const shake = () => random.normal(0, 0.25 / across);
    const x = (2 * ((k % across) + 0.5)) / across - 1 + shake();
    paintNucleus(canvas, x, (2 * (Math.floor(k / across) + 0.5)) / across - 1 + shake(), scene, random);
  }
}

/** Draws a tissue section stained with haematoxylin and eosin: pink ground, purple nuclei. */
export function drawHistology(side: number, scene: HistologyScene, random: Random): Canvas {
  const ground = mix([0.94, 0.72, 0.82], [0.82, 0.6, 0.8], scene.stain);
  const canvas = createCanvas(side, side, ground);
  addField(canvas, 10, 0.05, random);
  const paintPattern = { gland: paintGlands, sheet: paintSheet, fat: paintFat }[scene.pattern];
  paintPattern(canvas, scene, random);
  for (let k = 0; k < Math.round(5 * scene.bleeding); k++) {
    const [x, y] = [random.uniform(-1, 1), random.uniform(-1, 1)];
    paint(canvas, ellipse({ x, y, rx: 0.3, ry: 0.2, waves: 0.2, turn: random.uniform(0, 3) }), [0.85, 0.15, 0.2], 0.75);
  }
  for (let k = 0; k < Math.round(60 * scene.inflammation); k++) {
    paint(
      canvas,
      dot(random.normal(0.2, 0.4), random.normal(0, 0.4), scene.magnification * 0.9),
      [0.2, 0.12, 0.5],
      0.95,
    );
  }
  paint(
    canvas,
    overlap(outside(ellipse({ x: 0, y: 0, rx: 1.35, ry: 1.35, soft: 0.2 })), ellipse({ x: 0, y: 0, rx: 3, ry: 3 })),
    [0.97, 0.95, 0.97],
    0.4,
  );
  return canvas;
}
