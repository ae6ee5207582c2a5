import type { Random } from "../../../base/random";
import type { RasterImage } from "../../../base/types";
import { brightnessOf } from "./pixels";

/** Something that is true of a picture, in words, and how often a caption says it. */
export interface Statement {
  readonly words: string;
  readonly share: number;
}

/**
 * How often a caption of the pool names each thing: as often as the captions of the breast pairs do. `gist` is what an eye that
 * knows no medicine sees of such a picture at once, whatever its diagnosis.
 */
export const SAID = {
  organ: 0.9,
  modality: 0.97,
  side: 0.8,
  device: 0.7,
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

/** "dark device", "dim device" or "bright device". */
export const saidOfBrightness = (image: RasterImage): Statement => said("device", `${brightnessOf(image)} device`);

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
