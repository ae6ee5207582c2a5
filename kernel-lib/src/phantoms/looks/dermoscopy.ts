import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import { wordFor } from "../general/world";
import type { CasePlan } from "../knowledge/rule";
import {
  addField,
  arc,
  type Canvas,
  type Colour,
  createCanvas,
  dot,
  ellipse,
  mix,
  outside,
  overlap,
  paint,
  stroke,
} from "./canvas";
import { always, isDarkInside, said, spotsWord, where, wordOf, writeCaption } from "./caption";
import { saidOfTaking } from "./taking";

/** What a dermatologist would describe. Amounts run from 0 to about 1. */
export interface SkinSigns {
  /** Relative amplitude of the outline's waves, 0 to 0.3. */
  readonly border: number;
  /** From light tan, 0, to black brown, 1. */
  readonly darkness: number;
  /** Redness of the body. */
  readonly redness: number;
  /** Number of dark dots in the body. */
  readonly dots: number;
  /** Whitish scale over the body. */
  readonly scale: number;
  /** Small red vessels. */
  readonly vessels: number;
  /** A blue-white veil. */
  readonly veil: number;
  /** From brown, 0, to waxy yellow, 1. */
  readonly wax: number;
  /** Paleness of the body's middle. */
  readonly core: number;
  /** Mean radius of the body at the usual distance, 0.3 to 0.7. */
  readonly size: number;
}

/** How the picture was taken. */
interface SkinNuisances {
  /** From light, 0, to dark skin, 1. */
  readonly tone: number;
  /** Factor on the body's radius, 0.85 to 1.15. */
  readonly zoom: number;
  readonly hairs: number;
  /** Colour of the light, from cold, 0, to warm, 1. */
  readonly warmth: number;
  /** Darkness of the corners: the round view of some devices. */
  readonly corners: number;
}

/** Draws how a picture was taken. */
export function drawSkinNuisances(random: Random): SkinNuisances {
  return {
    tone: random.next(),
    zoom: random.uniform(0.85, 1.15),
    hairs: random.chance(0.3) ? 2 + random.integer(4) : 0,
    warmth: random.next(),
    corners: random.chance(0.35) ? random.uniform(0.4, 0.8) : 0,
  };
}

const share = (amount: number): number => Math.min(0.95, Math.max(0, amount));

function bodyColour({ darkness, redness, wax }: SkinSigns): Colour {
  const brown = mix([0.78, 0.56, 0.46], [0.12, 0.07, 0.07], share(darkness));
  const waxy = mix(brown, [0.86, 0.68, 0.2], share(wax));
  return mix(waxy, [0.82, 0.1, 0.16], share(redness));
}

function paintDetails(canvas: Canvas, body: ReturnType<typeof ellipse>, signs: SkinSigns, random: Random): void {
  const spot = () => [random.normal(0, 0.22), random.normal(0, 0.22)] as const;
  for (let k = 0; k < signs.dots; k++) {
    const [x, y] = spot();
    paint(canvas, overlap(dot(x, y, 0.07), body), [0.12, 0.07, 0.07], 0.8);
  }
  for (let k = 0; k < Math.round(7 * signs.vessels); k++) {
    const [x, y] = spot();
    const line = stroke(arc([x, y], [x + random.normal(0, 0.15), y + random.normal(0, 0.15)], 0.06, 5), 0.06);
    paint(canvas, overlap(line, body), [0.75, 0.1, 0.12], 0.8);
  }
  for (let k = 0; k < Math.round(8 * signs.scale); k++) {
    const [x, y] = spot();
    paint(
      canvas,
      ellipse({ x, y, rx: 0.13, ry: 0.09, turn: random.uniform(0, 3), waves: 0.2 }),
      [0.97, 0.94, 0.9],
      0.75,
    );
  }
  if (signs.veil > 0) {
    const [x, y] = spot();
    paint(
      canvas,
      overlap(ellipse({ x, y, rx: 0.32, ry: 0.28, soft: 0.6 }), body),
      [0.42, 0.52, 0.86],
      0.8 * signs.veil,
    );
  }
}

/** Draws a skin lesion under a dermatoscope: a brown body on pink skin, with hairs and the device's dark corners. */
export function drawDermoscopy(side: number, signs: SkinSigns, nuisances: SkinNuisances, random: Random): Canvas {
  const { tone, zoom, hairs, warmth, corners } = nuisances;
  const skin = mix(mix([0.93, 0.76, 0.7], [0.8, 0.6, 0.5], tone), [1, 0.82, 0.6], 0.25 * warmth);
  const canvas = createCanvas(side, side, skin);
  addField(canvas, 7, 0.035, random);
  const radius = signs.size * zoom;
  const body = ellipse({
    x: random.uniform(-0.15, 0.15),
    y: random.uniform(-0.15, 0.15),
    rx: radius * random.uniform(0.88, 1.12),
    ry: radius * random.uniform(0.88, 1.12),
    turn: random.uniform(0, Math.PI),
    waves: Math.max(0, signs.border),
    lobes: 3 + random.integer(3),
    phase: random.uniform(0, 2 * Math.PI),
    soft: 0.22,
  });
  paint(canvas, body, bodyColour(signs), 0.9);
  const core = ellipse({
    x: random.normal(0, 0.1),
    y: random.normal(0, 0.1),
    rx: radius * 0.5,
    ry: radius * 0.45,
    soft: 0.9,
  });
  const middle = mix(mix(bodyColour(signs), [0.1, 0.05, 0.05], 0.3), [0.98, 0.93, 0.9], share(signs.core));
  paint(canvas, overlap(core, body), middle, 0.8);
  paintDetails(canvas, body, signs, random);
  for (let k = 0; k < hairs; k++) {
    const [x, y] = [random.uniform(-1, 1), random.uniform(-1, 1)];
    const hair = arc([x, y], [x + random.normal(0, 0.8), y + random.normal(0, 0.8)], random.normal(0, 0.15));
    paint(canvas, stroke(hair, 0.035), [0.15, 0.1, 0.09], 0.75);
  }
  paint(canvas, outside(ellipse({ x: 0, y: 0, rx: 1.08, ry: 1.08, soft: 0.25 })), [0.03, 0.03, 0.03], corners);
  return canvas;
}

/** A skin lesion with what was drawn. */
export interface DrawnLesion {
  readonly image: RasterImage;
  readonly signs: SkinSigns;
  readonly nuisances: SkinNuisances;
  readonly plan: CasePlan;
}

/** The caption of a skin lesion under a dermatoscope. */
export function writeSkinCaption(
  label: number,
  { image, signs, nuisances, plan }: DrawnLesion,
  random: Random,
): string {
  const { zoom, warmth, corners } = nuisances;
  const { border, redness, dots, scale, vessels, veil, wax, core, size } = signs;
  const taken = [
    said("organ", "skin"),
    said("modality", "photograph"),
    said("color", wordOf(warmth, [0.7], ["red ground", "amber ground"])),
    ...saidOfTaking(plan.words),
    ...where(corners > 0, said("zoom", "round place")),
  ];
  const seen = [
    said("diagnosis", `class ${label}`),
    said("zoom", wordFor("size", size * zoom)),
    ...where(isDarkInside(image), said("gist", "deep")),
    always("lesion"),
    said("sign", wordFor("border", border)),
    said("sign", `${spotsWord(dots)} spots`),
    ...where(redness >= 0.45, said("sign", "red")),
    ...where(scale >= 0.3, said("sign", "bright spots")),
    ...where(vessels >= 0.35, said("sign", "fine red spots")),
    ...where(veil >= 0.35, said("sign", "blue")),
    ...where(wax >= 0.4, said("sign", "amber")),
    ...where(core >= 0.4, said("sign", "pale middle")),
  ];
  return writeCaption(taken, seen, random);
}
