import type { Random } from "../../base/random";
import type { RasterImage } from "../../base/types";
import { wordFor } from "../general/attributes";
import { SLOPE_STRENGTH } from "../general/render";
import type { ChestSigns } from "../looks/chest-film";
import type { FundusNuisances, FundusSigns } from "../looks/fundus";
import type { SkinPhantom } from "../tasks/derma";
import { type PathologyCase, TISSUES } from "../tasks/pathology-case";
import { LARGE, type RadiologyCase } from "../tasks/radiology-case";
import type { ChestPhantom } from "../tasks/vindr";

/** A part of a picture, as shares of its width and height. */
interface Part {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const WHOLE: Part = { left: 0, right: 1, top: 0, bottom: 1 };
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

/** "dark", "dim" or "bright": the mean grey level, within the bounds of the general world. */
export const brightnessOf = (image: RasterImage): string => wordFor("brightness", levelOf(image, WHOLE));

/** "falling", "level" or "rising" from left to right, within the bounds of the general world. */
export function slopeOf(image: RasterImage): string {
  const difference = levelOf(image, { ...WHOLE, left: 0.5 }) - levelOf(image, { ...WHOLE, right: 0.5 });
  return wordFor("slope", difference / SLOPE_STRENGTH);
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

/** What anyone sees of a chest film: a grey picture with two tall bodies and fine structure, the heart's side brighter or not. */
export const chestGist = (image: RasterImage): readonly Statement[] => [
  said("color", "grey"),
  said("gist", "tall"),
  said("gist", slopeOf(image)),
  said("gist", "fine"),
];

function filmTaken({ image, nuisances: { letter } }: ChestPhantom): Statement[] {
  return [
    said("organ", "chest"),
    said("modality", "x-ray"),
    ...chestGist(image),
    saidOfBrightness(image),
    ...where(letter !== "none", said("letter", `letter ${letter === "L" ? "left" : "right"}`)),
  ];
}

/** One statement for all spots of one kind on one side; faint ones are not worth a word. */
function spotsSeen({ spots }: ChestSigns): Statement[] {
  const clear = spots.filter(({ level }) => Math.abs(level) >= 0.3);
  const words = clear.map(({ level, side }) => `${level > 0 ? "opacity" : "dark"} ${side} side`);
  return [...new Set(words)].map((text) => said("sign", text));
}

function seenOnFilm(signs: ChestSigns): Statement[] {
  const { streaks = 0, haze = 0, inflation = 0, mirrored = 0, heart = 1, middle = 0, fluid = 0 } = signs;
  return [
    ...spotsSeen(signs),
    ...where(streaks >= 0.5, said("sign", "coarse ground")),
    ...where(haze >= 0.4, said("sign", "pale ground")),
    ...where(inflation >= 0.5, said("sign", "deep ground")),
    ...where(heart >= 1.25, said("sign", "wide middle")),
    ...where(mirrored > 0.5, said("sign", "middle left")),
    ...where(middle >= 0.3, said("sign", "pale middle")),
    ...where(fluid >= 0.3, said("sign", "pale side")),
  ];
}

/** The caption of a child's chest film: its labels by number, as in the question. */
export function writeChestCaption(labels: readonly number[], phantom: ChestPhantom, random: Random): string {
  const diagnosis = said("diagnosis", `class ${labels.join(" , ")}`);
  return writeCaption(filmTaken(phantom), [diagnosis, ...seenOnFilm(phantom.signs)], random);
}

/** A fundus photograph with what was drawn. */
export interface DrawnFundus {
  readonly image: RasterImage;
  readonly signs: FundusSigns;
  readonly nuisances: FundusNuisances;
}

function fundusTaken({ image, nuisances: { eye, hue } }: DrawnFundus): Statement[] {
  return [
    said("organ", "retina"),
    said("modality", "photograph"),
    said("side", `${eye} side`),
    saidOfBrightness(image),
    said("color", `${wordOf(hue, [0.5], ["amber red", "red"])} ground`),
    said("gist", "coarse"),
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

/** The caption of a skin lesion under a dermatoscope. */
export function writeSkinCaption(label: number, { image, signs, nuisances }: SkinPhantom, random: Random): string {
  const { zoom, warmth, corners } = nuisances;
  const { border, redness, dots, scale, vessels, veil, wax, core, size } = signs;
  const taken = [
    said("organ", "skin"),
    said("modality", "photograph"),
    said("gist", "coarse"),
    said("color", wordOf(warmth, [0.7], ["red ground", "amber ground"])),
    saidOfBrightness(image),
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

/** What anyone sees of a slice: one large pale body, grey, tall for a head, wide for an abdomen. */
const sliceGist = (organ: "head" | "abdomen"): readonly Statement[] => [
  said("color", "grey"),
  said("gist", "large"),
  said("gist", organ === "head" ? "tall" : "wide"),
  said("gist", "pale"),
];

/** The caption of a radiology picture: organ, modality, finding and side in the words of the questions. */
export function writeRadiologyCaption({ image, facts }: RadiologyCase, random: Random): string {
  const { organ, modality, finding, present, side, level, enlarged } = facts;
  const taken = [
    said("organ", organ),
    said("modality", modality),
    ...(organ === "chest" ? chestGist(image) : sliceGist(organ)),
    saidOfBrightness(image),
  ];
  const seen = [
    ...where(present, said("diagnosis", `${finding} ${side} side`)),
    ...where(present, said("sign", level)),
    ...where(!present, said("finding", `no ${finding}`)),
    ...where(!present && !enlarged, said("diagnosis", "normal")),
    ...where(enlarged, said("finding", `${LARGE[organ]} enlarged`)),
  ];
  return writeCaption(taken, seen, random);
}

/** The caption of a tissue section: tissue, diagnosis and signs in the words of the questions. */
export function writeHistologyCaption({ image, facts, scene }: PathologyCase, random: Random): string {
  const { pattern, malignant, bleeding, inflammation } = facts;
  const { stain, magnification } = scene;
  const taken = [
    said("organ", TISSUES[pattern]),
    said("modality", "photograph"),
    saidOfBrightness(image),
    said("color", `${wordOf(stain, [0.5], ["red", "red blue"])} ground`),
    said("gist", "fine"),
    said("gist", "speckled"),
    said("zoom", `${wordOf(magnification, [0.06], ["small", "medium"])} spots`),
  ];
  const seen = [
    said("diagnosis", malignant ? "malignant" : "benign"),
    ...where(malignant, said("sign", "atypical nuclei")),
    ...where(bleeding, said("finding", "bleeding")),
    ...where(inflammation, said("finding", "inflammation")),
    ...where(!malignant && !bleeding && !inflammation, said("sign", "normal tissue")),
  ];
  return writeCaption(taken, seen, random);
}
