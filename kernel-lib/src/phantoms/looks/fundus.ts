import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import type { CasePlan } from "../knowledge/rule";
import {
  type Area,
  addField,
  arc,
  type Canvas,
  type Colour,
  createCanvas,
  dot,
  ellipse,
  outside,
  overlap,
  paint,
  stroke,
  tint,
} from "./canvas";
import { type Statement, said, spotsWord, where, wordOf, writeCaption } from "./caption";
import { saidOfTaking } from "./taking";

/** What can be seen on an eye's ground. Amounts run from 0, not there, to about 1. */
export interface FundusSigns {
  /** Number of small dark red spots. */
  readonly bleedings: number;
  /** Number of small yellow spots. */
  readonly exudates: number;
  /** Pale yellow dots around the middle. */
  readonly drusen?: number;
  /** Width of the bright cup inside the optic disc, as a share of the disc. Default 0.35. */
  readonly cup?: number;
  /** A grey-white patch. */
  readonly scar?: number;
  /** A dark, sharply bounded mole. */
  readonly nevus?: number;
  /** Paleness of the whole ground, as in short-sighted eyes. */
  readonly paleness?: number;
  /** Thinner, more wound vessels. */
  readonly narrowing?: number;
  /** A grey fold across the ground. */
  readonly detachment?: number;
  /** A bleeding along one vessel. */
  readonly occlusion?: number;
  /** Cloudiness around the middle. */
  readonly oedema?: number;
}

/** How the photograph was taken. */
export interface FundusNuisances {
  readonly eye: "left" | "right";
  /** From orange, 0, to red, 1. */
  readonly hue: number;
  /** Radius of the visible field, 0.8 to 1. */
  readonly field: number;
}

/** Draws how a photograph was taken. */
export function drawFundusNuisances(random: Random): FundusNuisances {
  return {
    eye: random.chance(0.5) ? "left" : "right",
    hue: random.next(),
    field: random.uniform(0.82, 1),
  };
}

const DISC_COLOUR: Colour = [0.98, 0.86, 0.55];
const DISC_RADIUS = 0.22;
const CUP_COLOUR: Colour = [1, 0.97, 0.82];
const VESSEL_COLOUR: Colour = [0.42, 0.08, 0.05];
const BLEEDING_COLOUR: Colour = [0.35, 0.03, 0.03];
const EXUDATE_COLOUR: Colour = [0.98, 0.88, 0.45];
const GREY: Colour = [0.72, 0.7, 0.66];

function paintVessels(canvas: Canvas, disc: readonly [number, number], narrowing: number, random: Random): void {
  const away = -Math.sign(disc[0]);
  const width = 0.075 * (1 - 0.5 * narrowing);
  for (const up of [-1, 1]) {
    for (const reach of [0.55, 0.85]) {
      const end = [disc[0] + away * random.uniform(0.9, 1.2), up * random.uniform(0.35, 0.5) * (reach + 0.4)] as const;
      const bend = away * up * random.uniform(0.25, 0.4) * reach;
      paint(canvas, stroke(arc(disc, end, bend, 9), width, width / 3), VESSEL_COLOUR, 0.75);
    }
    const back = [disc[0] - away * random.uniform(0.3, 0.5), up * random.uniform(0.5, 0.8)] as const;
    paint(canvas, stroke(arc(disc, back, away * 0.1 * up, 6), width * 0.8, width / 3), VESSEL_COLOUR, 0.7);
  }
}

function scatter(canvas: Canvas, count: number, radius: number, colour: Colour, random: Random): void {
  for (let k = 0; k < count; k++) {
    const [angle, distance] = [random.uniform(0, 2 * Math.PI), 0.78 * Math.sqrt(random.next())];
    const size = radius * random.uniform(0.7, 1.3);
    paint(canvas, dot(distance * Math.cos(angle), distance * Math.sin(angle), size), colour, 0.85);
  }
}

function paintPatches(canvas: Canvas, signs: FundusSigns, random: Random): void {
  const { scar = 0, nevus = 0, detachment = 0, occlusion = 0, oedema = 0, drusen = 0 } = signs;
  const place = () => random.uniform(-0.5, 0.5);
  if (oedema > 0) paint(canvas, ellipse({ x: 0, y: 0, rx: 0.42, ry: 0.38, soft: 0.6 }), GREY, 0.85 * oedema);
  if (scar > 0) {
    const area = ellipse({ x: place(), y: place(), rx: 0.32, ry: 0.26, waves: 0.2, turn: random.uniform(0, 3) });
    paint(canvas, area, GREY, 0.9 * scar);
  }
  if (nevus > 0)
    paint(canvas, ellipse({ x: place(), y: place(), rx: 0.26, ry: 0.23 }), [0.12, 0.1, 0.14], 0.95 * nevus);
  if (detachment > 0) {
    const fold = stroke(arc([-0.7, random.uniform(0.2, 0.6)], [0.7, random.uniform(0.2, 0.6)], 0.25), 0.5);
    paint(canvas, fold, GREY, 0.85 * detachment);
  }
  if (occlusion > 0) {
    const up = random.chance(0.5) ? -1 : 1;
    for (let k = 0; k < 14; k++) {
      const area = dot(random.uniform(-0.4, 0.5), up * random.uniform(0.2, 0.6), 0.12);
      paint(canvas, area, BLEEDING_COLOUR, 0.8 * occlusion);
    }
  }
  for (let k = 0; k < drusen; k++)
    paint(canvas, dot(random.normal(0, 0.2), random.normal(0, 0.2), 0.08), [0.99, 0.95, 0.6], 0.85);
}

function groundColour({ hue }: FundusNuisances, paleness: number): Colour {
  return [0.8, 0.36 - 0.1 * hue + 0.32 * paleness, 0.14 - 0.04 * hue + 0.36 * paleness];
}

/**
 * Draws an eye's ground: an orange disc on black, with the bright optic disc on the nose's side, vessels that leave it, and a
 * darker middle.
 */
export function drawFundus(side: number, signs: FundusSigns, nuisances: FundusNuisances, random: Random): Canvas {
  const { eye, field } = nuisances;
  const canvas = createCanvas(side, side, groundColour(nuisances, signs.paleness ?? 0));
  const ground = ellipse({ x: 0, y: 0, rx: field, ry: field, soft: 0.05 });
  const disc = [(eye === "left" ? -1 : 1) * random.uniform(0.45, 0.55), random.uniform(-0.08, 0.08)] as const;
  addField(canvas, 5, 0.06, random);
  tint(canvas, ellipse({ x: -disc[0] * 0.15, y: 0, rx: 0.26, ry: 0.26, soft: 1.2 }), [0.66, 0.55, 0.55]);
  paint(canvas, ellipse({ x: disc[0], y: disc[1], rx: DISC_RADIUS, ry: DISC_RADIUS * 1.1 }), DISC_COLOUR, 0.95);
  const cup = DISC_RADIUS * (signs.cup ?? 0.35);
  paint(canvas, ellipse({ x: disc[0], y: disc[1], rx: cup, ry: cup * 1.1 }), CUP_COLOUR);
  paintVessels(canvas, disc, signs.narrowing ?? 0, random);
  paintPatches(canvas, signs, random);
  scatter(canvas, signs.exudates, 0.085, EXUDATE_COLOUR, random);
  scatter(canvas, signs.bleedings, 0.09, BLEEDING_COLOUR, random);
  const rim: Area = overlap(outside(ellipse({ x: 0, y: 0, rx: 0.75, ry: 0.75, soft: 0.8 })), ground);
  tint(canvas, rim, [0.75, 0.7, 0.7]);
  paint(canvas, outside(ground), [0.02, 0.02, 0.02]);
  return canvas;
}

/** A fundus photograph with what was drawn. */
export interface DrawnFundus {
  readonly image: RasterImage;
  readonly signs: FundusSigns;
  readonly nuisances: FundusNuisances;
  readonly plan: CasePlan;
}

function fundusTaken({ plan, nuisances: { eye, hue } }: DrawnFundus): Statement[] {
  return [
    said("organ", "retina"),
    said("modality", "photograph"),
    said("side", `${eye} side`),
    ...saidOfTaking(plan.words),
    said("color", `${wordOf(hue, [0.5], ["amber red", "red"])} ground`),
    said("gist", "large"),
    said("gist", "smooth"),
    said("gist", "pale round"),
  ];
}

/** Words of the vocabulary for what an eye's ground shows; docs/phantoms.md says which stands for what. */
function seenOnFundus(signs: FundusSigns): Statement[] {
  const { bleedings, exudates, drusen = 0, cup = 0, scar = 0, nevus = 0, oedema = 0 } = signs;
  const { paleness = 0, narrowing = 0, detachment = 0, occlusion = 0 } = signs;
  return [
    said("sign", `${spotsWord(bleedings)} red spots`),
    said("sign", `${spotsWord(exudates)} amber spots`),
    ...where(drusen >= 4, said("sign", "pale spots middle")),
    ...where(oedema >= 0.25, said("sign", "grey middle")),
    ...where(cup >= 0.55, said("sign", "wide place")),
    ...where(scar >= 0.4, said("sign", "grey lesion")),
    ...where(nevus >= 0.4, said("sign", "dark lesion")),
    ...where(paleness >= 0.4, said("sign", "pale ground")),
    ...where(narrowing >= 0.5, said("sign", "fine shape")),
    ...where(detachment >= 0.4, said("sign", "grey slope")),
    ...where(occlusion >= 0.4, said("sign", "red shadow")),
  ];
}

/** The caption of a fundus photograph; `diagnosis` as it is said, e.g. "level 3". */
export function writeFundusCaption(diagnosis: string, drawn: DrawnFundus, random: Random): string {
  return writeCaption(fundusTaken(drawn), [said("diagnosis", diagnosis), ...seenOnFundus(drawn.signs)], random);
}
