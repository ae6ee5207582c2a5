import { assertInRange, assertInteger, assertKnownKeys, assertOneOf } from "../../base/check";
import { ConfigError } from "../../base/errors";
import type { Split } from "../../base/types";
import type { AttributeName } from "../general/world";

// Every dial of the casebook world: what it means, its range, what it is unless said otherwise, and the name of a setting.

/** How the casebook asks: one of two classes, one of seven, any number of labels, words, or one of two answers of three words. */
export const CASEBOOK_VARIANTS = [
  "casebook",
  "casebook-seven",
  "casebook-set",
  "casebook-words",
  "casebook-phrases",
] as const;
export type CasebookVariant = (typeof CASEBOOK_VARIANTS)[number];

/** How often a caption names each kind of thing, in [0, 1]. */
export interface CaptionShares {
  /** The diagnosis. Default 0.9. */
  readonly diagnosis: number;
  /** Each sign. Default 0.7. */
  readonly sign: number;
  /** Each nuisance. Default 0.9. */
  readonly nuisance: number;
}

/** How many there are of each. */
export interface CasebookSizes {
  /** Questions. Defaults 6,000, 300 and 1,000. */
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  /** Pairs of the corpus. Default 4,000. */
  readonly pairs: number;
  /** Share of the pairs that show the task's own pictures; the rest are other modalities. Default 0.8. */
  readonly taskShare: number;
}

/** The dials of the casebook world, all of them. Shares lie in [0, 1]. */
export interface CasebookDials {
  /** Share of the cases whose diagnosis only the corpus tells; in the others a mark in the picture shows it. Default 0.7. */
  readonly knowledge: number;
  /** How far apart the words of a sign lie in the picture: 1 fully, 0 not at all. What a model sees of it is to be measured. Default 1. */
  readonly visibility: number;
  /** How far apart the words of a nuisance lie, likewise: how strongly nuisances decide which pictures are alike. Default 1. */
  readonly pull: number;
  /** Share of the look-alikes (patterns that differ in one sign) with the same diagnosis; the table comes as near as it can. Default 1/6; of casebook-set 1/3. */
  readonly alike: number;
  /** Patterns of signs: 6, 12, 24, 36 or 72; `signsOf` says of which signs. At least twice the classes. Default 12, with seven classes 24. */
  readonly numPatterns: number;
  /** Diagnoses, 2 to 7. Default 2; of casebook-seven 7; of casebook-set 4, each of which holds or does not. */
  readonly numClasses: number;
  /** How steeply patterns differ in frequency: the r-th most frequent is 1 / r^tail as frequent as the first. In [0, 3]. Default 0, all alike. */
  readonly tail: number;
  /** Share of the patterns, the rarest, that training and validation never show; corpus and test do. At most 0.75. Default 0. */
  readonly unseen: number;
  readonly captionShares: CaptionShares;
  /** Share of the training questions whose diagnosis is that of a pattern picked by chance. Default 0. */
  readonly labelNoise: number;
  /** Share of the corpus's pairs whose caption names the diagnosis of a pattern picked by chance; it still names its picture's signs. Default 0. */
  readonly captionNoise: number;
  /** casebook-words only: share of the questions that ask for yes or no. Default 0.25. */
  readonly yesNo: number;
  readonly sizes: CasebookSizes;
}

/** Dials to be changed; what is left out keeps its default. */
export type CasebookOptions = Partial<Omit<CasebookDials, "captionShares" | "sizes">> & {
  readonly captionShares?: Partial<CaptionShares>;
  readonly sizes?: Partial<CasebookSizes>;
};

/** Signs by the number of patterns they make. How well the frozen encoder of this repository sees each: docs/casebook.md. */
const SIGNS: ReadonlyMap<number, readonly AttributeName[]> = new Map([
  [6, ["ground", "brightness"]],
  [12, ["grain", "ground", "brightness"]],
  [24, ["grain", "ground", "brightness", "fill"]],
  [36, ["grain", "ground", "brightness", "size"]],
  [72, ["grain", "ground", "brightness", "fill", "size"]],
]);

/** The signs that make this many patterns. @throws ConfigError when no list of signs does. */
export function signsOf(numPatterns: number): readonly AttributeName[] {
  const signs = SIGNS.get(numPatterns);
  if (signs !== undefined) return signs;
  throw new ConfigError(
    `settleDials: numPatterns must be one of ${[...SIGNS.keys()].join(", ")}; got ${JSON.stringify(numPatterns)}.`,
    { numPatterns },
  );
}

const CLASSES: Readonly<Record<CasebookVariant, number>> = {
  casebook: 2,
  "casebook-seven": 7,
  "casebook-set": 4,
  "casebook-words": 2,
  "casebook-phrases": 2,
};
const CAPTION_SHARES: CaptionShares = { diagnosis: 0.9, sign: 0.7, nuisance: 0.9 };
const SIZES: CasebookSizes = { train: 6000, validation: 300, test: 1000, pairs: 4000, taskShare: 0.8 };

/** The dials of a variant where nothing is turned. */
export function standardDials(variant: CasebookVariant): CasebookDials {
  const numClasses = CLASSES[variant];
  return {
    knowledge: 0.7,
    visibility: 1,
    pull: 1,
    alike: variant === "casebook-set" ? 1 / 3 : 1 / 6, // tables of two that agree in so few are near copies of each other
    numPatterns: numClasses > 6 ? 24 : 12,
    numClasses,
    tail: 0,
    unseen: 0,
    captionShares: CAPTION_SHARES,
    labelNoise: 0,
    captionNoise: 0,
    yesNo: 0.25,
    sizes: SIZES,
  };
}

const WHERE = "settleDials:";
const SHARES = ["knowledge", "visibility", "pull", "alike", "labelNoise", "captionNoise", "yesNo"] as const;
const MOST_UNSEEN = 0.75;
const STEEPEST = 3;
const MOST_CLASSES = 7;
const MOST_ROWS = 1_000_000;
const COUNTED: readonly (Split | "pairs")[] = ["train", "validation", "test", "pairs"];

function assertDials(dials: CasebookDials): void {
  for (const name of SHARES) assertInRange(`${WHERE} ${name}`, dials[name], 0, 1);
  assertInRange(`${WHERE} tail`, dials.tail, 0, STEEPEST);
  assertInRange(`${WHERE} unseen`, dials.unseen, 0, MOST_UNSEEN);
  for (const [name, share] of Object.entries(dials.captionShares))
    assertInRange(`${WHERE} captionShares.${name}`, share, 0, 1);
  for (const name of COUNTED) assertInteger(`${WHERE} sizes.${name}`, dials.sizes[name], 1, MOST_ROWS);
  assertInRange(`${WHERE} sizes.taskShare`, dials.sizes.taskShare, 0, 1);
}

/** A set of labels has a table of two for each of them. */
function assertPatterns(variant: CasebookVariant, { numPatterns, numClasses }: CasebookDials): void {
  signsOf(numPatterns);
  assertInteger(`${WHERE} numClasses`, numClasses, 2, MOST_CLASSES);
  const needed = variant === "casebook-set" ? 4 : 2 * numClasses;
  if (numPatterns >= needed) return;
  throw new ConfigError(
    `${WHERE} numPatterns must be at least ${needed} for ${numClasses} classes; got ${numPatterns}. Ask for more patterns.`,
    { numPatterns, numClasses },
  );
}

/**
 * The standard dials of a variant with these changes, checked.
 *
 * @throws ConfigError for an unknown variant or dial, or a value out of its range.
 * @example settleDials("casebook", { knowledge: 0, sizes: { test: 200 } })
 */
export function settleDials(variant: CasebookVariant, options: CasebookOptions = {}): CasebookDials {
  assertOneOf(`${WHERE} variant`, variant, CASEBOOK_VARIANTS);
  const standard = standardDials(variant);
  const { captionShares = {}, sizes = {} } = options;
  assertKnownKeys(WHERE, options, Object.keys(standard));
  assertKnownKeys(`${WHERE} captionShares`, captionShares, Object.keys(CAPTION_SHARES));
  assertKnownKeys(`${WHERE} sizes`, sizes, Object.keys(SIZES));
  const dials: CasebookDials = {
    ...standard,
    ...options,
    captionShares: { ...CAPTION_SHARES, ...captionShares },
    sizes: { ...SIZES, ...sizes },
  };
  assertDials(dials);
  assertPatterns(variant, dials);
  return dials;
}
