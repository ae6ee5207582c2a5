import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import { type Blob, renderScene, type SceneLatents } from "../general/render";
import { type AttributeName, attributeOf, drawClear, drawSpots, drawValue } from "../general/world";
import type { CasebookDials } from "./dials";

// One case: the words that are true of it, the picture that shows them, and the caption that names some of them.

/** Everything about a picture that has a word; the pattern's signs are some of these, the others are nuisances. */
const FEATURES = ["grain", "ground", "brightness", "fill", "size", "border", "place", "letter", "side"] as const;
type Feature = (typeof FEATURES)[number];

const SIDES = ["left", "right"];
const wordsOf = (feature: Feature): readonly string[] => (feature === "side" ? SIDES : attributeOf(feature).words);

/** What varies freely where these are the signs. */
export function nuisancesOf(signs: readonly AttributeName[]): readonly Feature[] {
  return FEATURES.filter((feature) => !(signs as readonly string[]).includes(feature));
}

/** What a case is, before it is drawn. */
export interface CaseFacts {
  /** Its place in the list of patterns. */
  readonly pattern: number;
  /** Indices of the diagnoses that hold, ascending: one, but in casebook-set. */
  readonly diagnosis: readonly number[];
  /** Whether marks in the picture show the diagnosis. */
  readonly isShown: boolean;
  readonly words: Readonly<Record<Feature, string>>;
}

const SIZE = { width: 28, height: 28, channels: 1 } as const;
const CONTRASTS: Readonly<Record<string, number>> = { dark: 1.2, dim: 1, bright: 0.85 };
/** What a body's brightness is where neither "deep" nor "pale" shows. */
const PLAIN_FILL = -0.2;
const MARK: Omit<Blob, "x" | "y" | "fill"> = { radius: 0.25, border: 0, lobes: 3, phase: 0, aspect: 0, shadow: 0 };
const MARK_LEVEL = 0.6;
const MARK_DISTANCE = 0.72;
/** Marks go round the body clockwise, from the corner with the letter on. */
const LETTER_ANGLE = -0.75 * Math.PI;

/** The words of a case: its pattern's for the signs, free ones for everything else. A weak pull leaves the letter at alpha. */
export function drawWords(
  signs: Readonly<Record<string, string>>,
  { pull }: Pick<CasebookDials, "pull">,
  random: Random,
): Record<Feature, string> {
  const words = Object.fromEntries(
    FEATURES.map((feature) => {
      const free = random.pick(wordsOf(feature));
      return [feature, signs[feature] ?? free];
    }),
  ) as Record<Feature, string>;
  return random.chance(pull) ? words : { ...words, letter: attributeOf("letter").words[0]! };
}

/** A value of the word, moved towards the middle of all words' values as far as its strength lacks. */
function drawStrong(name: AttributeName, word: string, how: Strength, random: Random): number {
  const { bounds } = attributeOf(name);
  const middle = (bounds[0]! + bounds.at(-1)!) / 2;
  const value = how.isSign ? drawClear(name, word, random) : drawValue(name, word, random);
  return middle + how.strength * (value - middle);
}

/** How strongly a feature shows, 0 to 1. */
interface Strength {
  readonly isSign: boolean;
  readonly strength: number;
}

/** Where the marks of a diagnosis stand. */
function marksOf({ diagnosis, isShown }: CaseFacts, { numClasses, visibility }: CasebookDials): Blob[] {
  if (!isShown) return [];
  return diagnosis.map((label) => {
    const angle = LETTER_ANGLE + (2 * Math.PI * (label + 1)) / (numClasses + 1);
    const [x, y] = [MARK_DISTANCE * Math.cos(angle), MARK_DISTANCE * Math.sin(angle)];
    return { ...MARK, x, y, fill: MARK_LEVEL * visibility };
  });
}

function drawBody({ words }: CaseFacts, how: (feature: Feature) => Strength, random: Random): Blob {
  const value = (name: AttributeName & Feature) => drawStrong(name, words[name], how(name), random);
  // a body nearly as bright as its surroundings could not be seen: at full strength it stays 0.14 away
  const fill = drawStrong("fill", words.fill, { ...how("fill"), strength: 1 }, random);
  const level = Math.sign(fill) * (0.14 + 0.6 * Math.abs(fill));
  return {
    x: value("place"),
    y: random.uniform(-0.3, 0),
    radius: value("size"),
    border: value("border"),
    lobes: 3 + random.integer(4),
    phase: random.uniform(0, 2 * Math.PI),
    aspect: random.uniform(-0.2, 0.2),
    fill: PLAIN_FILL + how("fill").strength * (level - PLAIN_FILL),
    shadow: value("ground"),
  };
}

/** Draws the picture of a case, [28, 28] grey. Cases of equal words, dials and stream are the same bytes. */
export function drawCasePicture(
  facts: CaseFacts,
  { signs, dials }: { readonly signs: readonly AttributeName[]; readonly dials: CasebookDials },
  random: Random,
): RasterImage {
  const how = (feature: Feature): Strength => {
    const isSign = (signs as readonly string[]).includes(feature);
    return { isSign, strength: isSign ? dials.visibility : dials.pull };
  };
  const { words } = facts;
  const side = (words.side === "left" ? -1 : 1) * how("side").strength;
  const latents: SceneLatents = {
    brightness: drawStrong("brightness", words.brightness, how("brightness"), random),
    contrast: 1 + how("brightness").strength * (CONTRASTS[words.brightness]! - 1),
    grain: words.grain as SceneLatents["grain"],
    texture: how("grain").strength * random.uniform(0.06, 0.12),
    slope: side * random.uniform(0.5, 1),
    blobs: [drawBody(facts, how, random), ...marksOf(facts, dials)],
    spots: drawSpots(1 + random.integer(5), random),
    letter: attributeOf("letter").words.indexOf(words.letter),
    tint: [1, 1, 1],
    noise: 0.04,
  };
  return renderScene(latents, SIZE, random);
}

/** Features that a caption says with a second word, before or after their own. */
const SPOKEN: Partial<Readonly<Record<Feature, (word: string) => string[]>>> = {
  side: (word) => [word, "side"],
  letter: (word) => ["letter", word],
};
const ORGAN_SHARE = 0.9;
const MODALITY_SHARE = 0.97;

/**
 * Writes a caption: how the picture was taken, a stop, the diagnosis, signs and nuisances; each with its own share, so true of the picture
 * and incomplete.
 *
 * @param told names of the diagnoses that the caption claims.
 */
export function writeCaseCaption(
  { words }: CaseFacts,
  told: readonly string[],
  { signs, shares }: { readonly signs: readonly AttributeName[]; readonly shares: CasebookDials["captionShares"] },
  random: Random,
): string {
  const said = (share: number, ...list: readonly string[]) => (random.chance(share) ? list : []);
  const nuisances = nuisancesOf(signs);
  const spoken = (feature: Feature) =>
    said(shares.nuisance, ...(SPOKEN[feature]?.(words[feature]) ?? [words[feature]]));
  const acquisition = [
    ...said(ORGAN_SHARE, "breast"),
    ...said(MODALITY_SHARE, "ultrasound"),
    ...nuisances.filter((feature) => feature in SPOKEN).flatMap(spoken),
  ];
  const findings = [
    ...said(shares.diagnosis, ...told),
    "lesion",
    ...signs.flatMap((sign) => said(shares.sign, words[sign as Feature])),
    ...nuisances.filter((feature) => !(feature in SPOKEN)).flatMap(spoken),
  ];
  return [...acquisition, ".", ...findings].join(" ");
}
