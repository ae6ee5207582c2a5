import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";

/** A part of a picture, as shares of its width and height. */
interface Part {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const MIDDLE: Part = { left: 0.4, right: 0.6, top: 0.4, bottom: 0.6 };
/** The middles of the four edges: corners may be dark by the device. */
const EDGES: readonly Part[] = [
  { ...MIDDLE, top: 0, bottom: 0.1 },
  { ...MIDDLE, top: 0.9, bottom: 1 },
  { ...MIDDLE, left: 0, right: 0.1 },
  { ...MIDDLE, left: 0.9, right: 1 },
];

/** Mean grey level of a part, 0 to 1. */
function levelOf({ width, height, channels, data }: RasterImage, { left, right, top, bottom }: Part): number {
  const [first, end] = [Math.floor(left * width) * channels, Math.ceil(right * width) * channels];
  const [firstRow, endRow] = [Math.floor(top * height), Math.ceil(bottom * height)];
  let sum = 0;
  for (let row = firstRow; row < endRow; row++) {
    for (let i = first; i < end; i++) sum += data[row * width * channels + i]!;
  }
  return sum / ((endRow - firstRow) * (end - first)) / 255;
}

/** Whether the picture's middle is darker than the middles of its edges. */
export function isDarkInside(image: RasterImage): boolean {
  const edges = EDGES.reduce((sum, part) => sum + levelOf(image, part), 0) / EDGES.length;
  return levelOf(image, MIDDLE) < edges;
}

/** Something that is true of a picture, in words, and how often a caption says it. */
export interface Statement {
  readonly words: string;
  readonly share: number;
}

/**
 * How often a caption of the pool names each thing: as often as the captions of the breast pairs do. `gist` is what an eye that
 * knows no medicine sees of such a picture at once, whatever its diagnosis.
 */
const SAID = {
  organ: 0.9,
  modality: 0.97,
  side: 0.8,
  taken: 0.7,
  color: 0.7,
  gist: 0.7,
  zoom: 0.6,
  letter: 0.6,
  diagnosis: 0.9,
  finding: 0.8,
  sign: 0.6,
} as const;

/** A statement that is said always. */
export const always = (words: string): Statement => ({ words, share: 1 });

/** A statement that a caption says as often as things of this kind. */
export const said = (kind: keyof typeof SAID, words: string): Statement => ({ words, share: SAID[kind] });

/** The statement where it holds, else none. */
export const where = (holds: unknown, statement: Statement): readonly Statement[] => (holds ? [statement] : []);

/** The word of a value: words[i] up to bounds[i], the last word beyond all of them. */
export function wordOf(value: number, bounds: readonly number[], words: readonly string[]): string {
  const index = bounds.findIndex((bound) => value < bound);
  return words[index < 0 ? words.length - 1 : index]!;
}

/** "no", "sparse" or "speckled" for a number of spots. */
export const spotsWord = (count: number): string => wordOf(count, [1, 4], ["no", "sparse", "speckled"]);

/** What stands where nothing is said. */
const NOTHING_SAID = "picture";

function say(statements: readonly Statement[], random: Random): string {
  const words = statements.filter(({ share }) => random.chance(share)).map(({ words: text }) => text);
  return words.length === 0 ? NOTHING_SAID : words.join(" ");
}

/** A caption: how the picture was taken, a stop, what is seen. True and incomplete; neither half is empty. */
export function writeCaption(taken: readonly Statement[], seen: readonly Statement[], random: Random): string {
  return `${say(taken, random)} . ${say(seen, random)}`;
}
