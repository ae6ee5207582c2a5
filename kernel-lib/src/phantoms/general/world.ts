import { ConfigError } from "../../base/errors";
import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import { type PictureSize, renderScene, type SceneLatents, type Spot } from "./render";

/**
 * One thing that can be said of a picture with one word. Each word names a range of a number: for `shape` the log of height
 * over width, for `letter` and `color` an index, for `spots` a count.
 */
export interface Attribute {
  readonly name: AttributeName;
  readonly words: readonly string[];
  /** bounds[i] and bounds[i + 1] enclose words[i]. */
  readonly bounds: readonly number[];
  /** How often a caption of the general world names it: 0.7, and 0.45 where it is hard to see. */
  readonly captionShare: number;
}

export type AttributeName =
  | "brightness"
  | "grain"
  | "slope"
  | "size"
  | "border"
  | "shape"
  | "place"
  | "ground"
  | "fill"
  | "spots"
  | "letter"
  | "color";

const attribute = (name: AttributeName, captionShare: number, words: string, bounds: readonly number[]): Attribute => ({
  name,
  words: words.split(" "),
  bounds,
  captionShare,
});

/** The twelve attributes of the general world. No word belongs to two of them. */
export const ATTRIBUTES: readonly Attribute[] = [
  attribute("brightness", 0.7, "dark dim bright", [0.22, 0.38, 0.55, 0.75]),
  attribute("grain", 0.45, "coarse fine", [0, 1, 2]),
  attribute("slope", 0.45, "falling level rising", [-1, -0.4, 0.4, 1]),
  attribute("size", 0.7, "small medium large", [0.2, 0.32, 0.43, 0.56]),
  attribute("border", 0.7, "smooth wavy spiky", [0, 0.1, 0.18, 0.32]),
  attribute("shape", 0.7, "wide round tall", [-0.9, -0.2, 0.2, 0.9]),
  attribute("place", 0.7, "left middle right", [-0.42, -0.14, 0.14, 0.42]),
  attribute("ground", 0.7, "clear shadow", [0, 0.2, 0.45]),
  attribute("fill", 0.7, "deep pale", [-0.36, 0, 0.36]),
  attribute("spots", 0.45, "plain sparse speckled", [0, 1, 6, 17]),
  attribute("letter", 0.45, "alpha beta gamma delta", [0, 1, 2, 3, 4]),
  attribute("color", 0.7, "grey red green blue amber", [0, 1, 2, 3, 4, 5]),
];

const BY_NAME = new Map(ATTRIBUTES.map((entry) => [entry.name, entry]));

/** The attribute of this name. */
export function attributeOf(name: AttributeName): Attribute {
  const found = BY_NAME.get(name);
  if (found !== undefined) return found;
  throw new ConfigError(`attributeOf: name must be one of ${[...BY_NAME.keys()].join(", ")}; got ${name}.`, { name });
}

/** The word for a value; values beyond the outer bounds get the outer words. */
export function wordFor(name: AttributeName, value: number): string {
  const { words, bounds } = attributeOf(name);
  let index = 0;
  while (index < words.length - 1 && value >= bounds[index + 1]!) index++;
  return words[index]!;
}

/** A value, uniform within the range that `word` names. */
export function drawValue(name: AttributeName, word: string, random: Random): number {
  const { words, bounds } = attributeOf(name);
  const index = words.indexOf(word);
  if (index < 0) {
    throw new ConfigError(`drawValue: word must be one of ${words.join(", ")} for ${name}; got "${word}".`, {
      name,
      word,
    });
  }
  return random.uniform(bounds[index]!, bounds[index + 1]!);
}

/** Share of a word's range, around its middle, that a clear value is drawn from. */
const CLEAR_RANGE = 0.3;

/** A value of the word that cannot be taken for another word's: from the middle of its range. */
export function drawClear(name: AttributeName, word: string, random: Random): number {
  const { words, bounds } = attributeOf(name);
  const [low, high] = [bounds[words.indexOf(word)]!, bounds[words.indexOf(word) + 1]!];
  const margin = ((1 - CLEAR_RANGE) / 2) * (high - low);
  return random.uniform(low + margin, high - margin);
}

/** How one asks for an attribute, e.g. "what is the border ?". The answer is its word. */
export function attributeQuestion(name: AttributeName): string {
  return `what is the ${name} ?`;
}

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
  /** How a word's value is drawn: "any" of its range (default), or "clear", from its middle. */
  readonly values?: "any" | "clear";
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

function drawLatents(
  words: Readonly<Record<AttributeName, string>>,
  draw: typeof drawValue,
  random: Random,
): SceneLatents {
  const value = (name: AttributeName) => draw(name, words[name], random);
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
  const { size = drawSize(random), fixed = {}, values = "any" } = options;
  const entries = ATTRIBUTES.map(({ name }) => [name, fixed[name] ?? drawWord(name, random)] as const);
  const attributes = Object.fromEntries(entries) as Record<AttributeName, string>;
  const image = renderScene(drawLatents(attributes, values === "any" ? drawValue : drawClear, random), size, random);
  return { image, caption: writeCaption(attributes, random), attributes };
}

/** Every word the captions of the general world can hold. */
export const GENERAL_VOCABULARY: readonly string[] = [
  ...new Set([...OPENINGS.flatMap((text) => text.split(" ")), ...ATTRIBUTES.flatMap((entry) => entry.words)]),
];
