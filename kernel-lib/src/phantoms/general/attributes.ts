import { ConfigError } from "../../base/errors";
import type { Random } from "../../base/random";

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

/** How one asks for an attribute, e.g. "what is the border ?". The answer is its word. */
export function attributeQuestion(name: AttributeName): string {
  return `what is the ${name} ?`;
}
