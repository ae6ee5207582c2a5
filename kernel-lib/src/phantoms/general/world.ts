import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import { ATTRIBUTES, type AttributeName, attributeOf, drawValue } from "./attributes";
import type { SceneLatents, Spot } from "./latents";
import { type PictureSize, renderScene } from "./render";

/** A picture of the general world with what is true of it. */
export interface Scene {
  readonly image: RasterImage;
  /** One sentence naming most of the attributes. */
  readonly caption: string;
  /** The word of each of the twelve attributes. */
  readonly attributes: Readonly<Record<AttributeName, string>>;
}

/** What drawGeneralScene may be told. */
export interface SceneOptions {
  /** Default: three channels, one of four square sizes by chance. */
  readonly size?: PictureSize;
  /** Attributes that must have these words: how to draw scenes that share one. Default none. */
  readonly fixed?: Readonly<Partial<Record<AttributeName, string>>>;
}

/** Pictures of the web come in all sizes; a model that knows one only is a stranger to every other. */
const SIDES = [24, 28, 32, 40] as const;
const GREY_SHARE = 0.4;
const TINTS: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 0.55, 0.5],
  [0.55, 1, 0.55],
  [0.5, 0.65, 1],
  [1, 0.85, 0.45],
];
const OPENINGS = ["a picture with", "an image with", "a scene with"];

function drawWord(name: AttributeName, random: Random): string {
  const { words } = attributeOf(name);
  // grey is more frequent than each colour, so that a grey photograph is nothing new
  if (name === "color") return random.chance(GREY_SHARE) ? words[0]! : random.pick(words.slice(1));
  return random.pick(words);
}

/** Spots that lie anywhere but on the letter; half of them light, half dark on average. */
export function drawSpots(count: number, random: Random): Spot[] {
  return Array.from({ length: count }, () => ({
    x: random.uniform(-0.9, 0.9),
    y: random.uniform(-0.5, 0.9),
    amplitude: random.uniform(0.25, 0.45) * (random.chance(0.5) ? 1 : -1),
  }));
}

function drawFill(value: number): number {
  // a body nearly as bright as its surroundings could not be seen: keep its contrast above 0.14
  return Math.sign(value) * (0.14 + 0.6 * Math.abs(value));
}

function drawLatents(words: Readonly<Record<AttributeName, string>>, random: Random): SceneLatents {
  const value = (name: AttributeName) => drawValue(name, words[name], random);
  return {
    brightness: value("brightness"),
    contrast: random.uniform(0.8, 1.15),
    grain: value("grain") < 1 ? "coarse" : "fine",
    texture: random.uniform(0.04, 0.11),
    slope: value("slope"),
    blobs: [
      {
        x: value("place"),
        y: random.uniform(-0.3, 0.15),
        radius: value("size"),
        border: value("border"),
        lobes: 3 + random.integer(4),
        phase: random.uniform(0, 2 * Math.PI),
        aspect: value("shape"),
        fill: drawFill(value("fill")),
        shadow: value("ground"),
      },
    ],
    spots: drawSpots(Math.floor(value("spots")), random),
    letter: Math.floor(value("letter")),
    tint: TINTS[Math.floor(value("color"))]!,
    noise: random.uniform(0.02, 0.06),
  };
}

function drawSize(random: Random): PictureSize {
  const side = random.pick(SIDES);
  return { width: side, height: side, channels: 3 };
}

/** A caption: each attribute named with its own probability, in random order. */
function writeCaption(words: Readonly<Record<AttributeName, string>>, random: Random): string {
  const named = ATTRIBUTES.filter((entry) => random.chance(entry.captionShare)).map((entry) => words[entry.name]);
  return [random.pick(OPENINGS), ...random.shuffle(named)].join(" ");
}

/**
 * Draws one scene of the general-purpose world: one body with an outline, a shadow, spots and a letter on a textured ground.
 *
 * The world knows no diagnosis: it is what both models see before any task, as the paper's models saw the web. Two fifths of
 * the scenes are grey.
 * @example drawGeneralScene(createRandom(7), { fixed: { border: "spiky" } }).attributes.border   // "spiky"
 * @throws ConfigError when `fixed` holds a word its attribute does not know.
 */
export function drawGeneralScene(random: Random, options: SceneOptions = {}): Scene {
  const { size = drawSize(random), fixed = {} } = options;
  const entries = ATTRIBUTES.map(({ name }) => [name, fixed[name] ?? drawWord(name, random)] as const);
  const attributes = Object.fromEntries(entries) as Record<AttributeName, string>;
  const image = renderScene(drawLatents(attributes, random), size, random);
  return { image, caption: writeCaption(attributes, random), attributes };
}

/** Every word the captions of the general world can hold. */
export const GENERAL_VOCABULARY: readonly string[] = [
  ...new Set([...OPENINGS.flatMap((text) => text.split(" ")), ...ATTRIBUTES.flatMap((entry) => entry.words)]),
];
