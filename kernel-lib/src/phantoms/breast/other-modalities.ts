import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import { drawValue, wordFor } from "../general/attributes";
import type { Blob, SceneLatents } from "../general/latents";
import { renderScene } from "../general/render";
import { drawSpots } from "../general/world";

/** A kind of picture that is not the task's: it makes retrieval a choice. */
export interface OtherModality {
  readonly name: "chest" | "retina" | "skin";
  /** Draws a picture and its caption. */
  readonly draw: (random: Random) => { image: RasterImage; text: string };
}

const GREY = { width: 28, height: 28, channels: 1 } as const;
const COLOUR = { width: 28, height: 28, channels: 3 } as const;
const ROUND: Blob = { x: 0, y: 0, radius: 0.4, border: 0, lobes: 3, phase: 0, aspect: 0, fill: 0.3, shadow: 0 };

function drawBase(random: Random): Omit<SceneLatents, "blobs"> {
  return {
    brightness: 0.5,
    contrast: 1,
    grain: random.chance(0.5) ? "coarse" : "fine",
    texture: random.uniform(0.03, 0.07),
    slope: random.uniform(-0.5, 0.5),
    spots: [],
    letter: random.integer(4),
    tint: [1, 1, 1],
    noise: 0.03,
  };
}

/** Two dark lungs; half of the pictures have a light opacity in one of them. */
function drawChest(random: Random) {
  const side = random.chance(0.5) ? "left" : "right";
  const lungs = [-0.42, 0.42].map((x) => ({ ...ROUND, x, y: 0.1, radius: 0.42, aspect: 0.6, fill: -0.4 }));
  const x = (side === "left" ? -1 : 1) * random.uniform(0.3, 0.5);
  const opacity = { ...ROUND, x, y: random.uniform(-0.3, 0.5), radius: random.uniform(0.12, 0.22), fill: 0.35 };
  const ill = random.chance(0.5);
  const latents = { ...drawBase(random), brightness: 0.65, blobs: ill ? [...lungs, opacity] : lungs };
  const finding = ill ? `pale opacity ${side} side` : "clear";
  return { image: renderScene(latents, GREY, random), text: `chest x-ray . ${finding}` };
}

/** A bright amber disc with few or many spots. */
function drawRetina(random: Random) {
  const word = random.pick(["plain", "sparse", "speckled"]);
  const spots = drawSpots(Math.floor(drawValue("spots", word, random)), random);
  const blobs = [
    { ...ROUND, radius: 0.85, fill: 0.4 },
    { ...ROUND, x: random.uniform(-0.4, 0.4), radius: 0.16, fill: 0.3 },
  ];
  const tint: SceneLatents["tint"] = [1, random.uniform(0.5, 0.7), random.uniform(0.2, 0.35)];
  const latents = { ...drawBase(random), brightness: 0.15, spots, blobs, tint };
  return { image: renderScene(latents, COLOUR, random), text: `retina photograph . ${word}` };
}

/** A dark mark on light skin. */
function drawSkin(random: Random) {
  const border = random.uniform(0, 0.25);
  const aspect = random.normal(0, 0.35);
  const radius = random.uniform(0.25, 0.5);
  const lobes = 3 + random.integer(4);
  const blob = { ...ROUND, x: random.uniform(-0.2, 0.2), radius, border, aspect, lobes, fill: -0.35 };
  const tint: SceneLatents["tint"] = [1, random.uniform(0.72, 0.85), random.uniform(0.6, 0.75)];
  const latents = { ...drawBase(random), brightness: 0.75, blobs: [blob], tint };
  const words = `${wordFor("size", radius)} lesion ${wordFor("border", border)} ${wordFor("shape", aspect)}`;
  return { image: renderScene(latents, COLOUR, random), text: `skin photograph . ${words}` };
}

/** The modalities that stand beside the task's in the corpus phantom. */
export const OTHER_MODALITIES: readonly OtherModality[] = [
  { name: "chest", draw: drawChest },
  { name: "retina", draw: drawRetina },
  { name: "skin", draw: drawSkin },
];
