import { sum } from "../../base/numbers";
import { createRandom, type Random } from "../../base/random";
import { type Passage, type RasterImage, SPLITS, type Split } from "../../base/types";
import { lazyPassage, OTHER_MODALITIES, SUB_CORPORA } from "../corpora/breast-corpus";
import { pickClass } from "../corpora/pool";
import { attributeOf } from "../general/world";
import type { PictureFacts } from "../phantom";
import { type CaseFacts, drawCasePicture, drawWords, nuisancesOf, writeCaseCaption } from "./case";
import { type CasebookDials, type CasebookVariant, signsOf } from "./dials";
import { alikeShare, drawTable, drawWeights, type Pattern, patternsOf } from "./table";

// The casebook world of one seed: a table, cases that follow it, and a corpus that tells it. Pictures are drawn when they are asked for;
// what is true of them is known before.

/** What the made-up diagnoses are called; the first two are those of the walkthrough's task. All are words the models have met. */
const DIAGNOSES = {
  two: ["malignant", "benign"],
  several: ["river", "lamp", "stone", "garden", "engine", "paper", "winter"],
} as const;

/** The names of this many diagnoses. */
export function diagnosisNames(variant: CasebookVariant, numClasses: number): readonly string[] {
  const isPair = numClasses === 2 && variant !== "casebook-set";
  return isPair ? DIAGNOSES.two : DIAGNOSES.several.slice(0, numClasses);
}

/** What the world knows: which pattern means what. */
export interface CasebookTable {
  readonly signs: readonly string[];
  /** One word for each sign. */
  readonly patterns: readonly Pattern[];
  /** Indices of the diagnoses of each pattern, ascending. */
  readonly diagnoses: readonly (readonly number[])[];
  /** Share of the look-alikes that agree, as it was reached; of casebook-set the mean over its labels. */
  readonly alike: number;
}

/** A case whose picture is drawn when it is asked for. */
export interface CasebookCase {
  readonly facts: CaseFacts;
  /** What its label says: another diagnosis than the picture's where there is noise. */
  readonly told: readonly number[];
  /** The stream of everything else about the case. */
  readonly random: Random;
  readonly draw: () => RasterImage;
}

/** All that one seed draws. */
export interface CasebookWorld {
  readonly variant: CasebookVariant;
  readonly dials: CasebookDials;
  readonly table: CasebookTable;
  readonly names: readonly string[];
  readonly cases: (split: Split) => readonly CasebookCase[];
  /** The corpus's pairs; `number` takes another number of them than the dials say. */
  readonly pairs: (number?: number) => readonly Passage[];
  /** What is true of the passages and of the examples, by id. */
  readonly facts: (ids: Readonly<Record<Split, readonly string[]>>) => PictureFacts;
}

function drawCasebookTable(variant: CasebookVariant, dials: CasebookDials, random: Random): CasebookTable {
  const { numPatterns, numClasses, alike } = dials;
  const signs = signsOf(numPatterns);
  const patterns = patternsOf(signs.map((sign) => attributeOf(sign).words));
  if (variant !== "casebook-set") {
    const classes = drawTable(patterns, { numClasses, alike }, random);
    return { signs, patterns, diagnoses: classes.map((label) => [label]), alike: alikeShare(patterns, classes) };
  }
  const holds = Array.from({ length: numClasses }, (_, label) =>
    drawTable(patterns, { numClasses: 2, alike }, random.fork(`label/${label}`)),
  );
  const shares = holds.map((classes) => alikeShare(patterns, classes));
  return {
    signs,
    patterns,
    diagnoses: patterns.map((_, i) => holds.flatMap((classes, label) => (classes[i] === 1 ? [label] : []))),
    alike: sum(shares) / numClasses,
  };
}

/** What all cases of a world share. */
interface Ground {
  readonly dials: CasebookDials;
  readonly table: CasebookTable;
}

/** How the cases of a split or of the corpus come up. */
interface Stock {
  readonly weights: readonly number[];
  /** Share of wrong labels. */
  readonly noise: number;
}

function drawCase({ dials, table }: Ground, { weights, noise }: Stock, random: Random): CasebookCase {
  const signs = signsOf(dials.numPatterns);
  const pattern = pickClass(weights, random);
  const diagnosis = table.diagnoses[pattern]!;
  const isShown = !random.chance(dials.knowledge);
  const other = table.diagnoses[random.integer(table.diagnoses.length)]!;
  const told = random.chance(noise) ? other : diagnosis;
  const ofPattern = Object.fromEntries(signs.map((sign, s) => [sign, table.patterns[pattern]![s]!]));
  const facts = { pattern, diagnosis, isShown, words: drawWords(ofPattern, dials, random.fork("words")) };
  return { facts, told, random, draw: () => drawCasePicture(facts, { signs, dials }, random.fork("picture")) };
}

const FRACTION_DIGITS = 6;
const passageId = (i: number): string => `casebook/${String(i).padStart(FRACTION_DIGITS, "0")}`;

/** The case of a pair, or null where it shows another modality. */
function beginPair(ground: Ground, stock: Stock, random: Random): CasebookCase | null {
  return random.chance(ground.dials.sizes.taskShare) ? drawCase(ground, stock, random) : null;
}

function toPassage(id: string, begun: CasebookCase | null, random: Random, { dials, names }: PairWords): Passage {
  if (begun === null) {
    const modality = random.pick(OTHER_MODALITIES);
    const corpus = random.pick(modality.name === "chest" ? SUB_CORPORA.chest : SUB_CORPORA.breast);
    return lazyPassage(id, corpus, { draw: () => modality.draw(random) });
  }
  const { facts, told, draw } = begun;
  const signs = signsOf(dials.numPatterns);
  const pair = () => ({
    image: draw(),
    text: writeCaseCaption(
      facts,
      told.map((label) => names[label]!),
      { signs, shares: dials.captionShares },
      random.fork("caption"),
    ),
  });
  const [first] = facts.diagnosis;
  const truth = first === undefined ? {} : { truth: names[first]! };
  return lazyPassage(id, random.fork("corpus").pick(SUB_CORPORA.breast), { ...truth, draw: pair });
}

interface PairWords {
  readonly dials: CasebookDials;
  readonly names: readonly string[];
}

/** The words of a case for the analyses, its diagnosis and pattern with them. */
function factWords({ facts }: CasebookCase, names: readonly string[]): Record<string, string> {
  const diagnosis = facts.diagnosis.map((label) => names[label]!).join(", ") || "none";
  return { ...facts.words, pattern: String(facts.pattern), diagnosis, mark: facts.isShown ? diagnosis : "none" };
}

/**
 * The world of a seed: table, cases and pairs are all its own. Of two settings of the same seed, the same case has the same words and noise
 * wherever the dials let it.
 */
export function drawCasebook(variant: CasebookVariant, dials: CasebookDials, seed: number): CasebookWorld {
  const random = createRandom(`casebook/${seed}`);
  const table = drawCasebookTable(variant, dials, random.fork("table"));
  const weights = drawWeights(table.patterns.length, dials, random.fork("weights"));
  const names = diagnosisNames(variant, dials.numClasses);
  const ground = { dials, table };
  const cases = (split: Split): CasebookCase[] => {
    const stock = {
      weights: split === "test" ? weights.everywhere : weights.training,
      noise: split === "train" ? dials.labelNoise : 0,
    };
    const stream = random.fork(split);
    return Array.from({ length: dials.sizes[split] }, (_, i) => drawCase(ground, stock, stream.fork(String(i))));
  };
  const begunPairs = (number: number) => {
    const stock = { weights: weights.everywhere, noise: dials.captionNoise };
    const stream = random.fork("pairs");
    return Array.from({ length: number }, (_, i) => {
      const own = stream.fork(String(i));
      return { id: passageId(i), begun: beginPair(ground, stock, own), random: own };
    });
  };
  return {
    ...{ variant, dials, table, names, cases },
    pairs: (number = dials.sizes.pairs) =>
      begunPairs(number).map(({ id, begun, random: own }) => toPassage(id, begun, own, { dials, names })),
    facts: (ids) => {
      const ofExamples = SPLITS.flatMap((split) =>
        cases(split).map((drawn, i) => [ids[split][i]!, factWords(drawn, names)] as const),
      );
      const ofPairs = begunPairs(dials.sizes.pairs).flatMap(({ id, begun }) =>
        begun === null ? [] : [[id, factWords(begun, names)] as const],
      );
      const nuisances = nuisancesOf(signsOf(dials.numPatterns));
      return { signs: [...table.signs, "mark"], nuisances, words: new Map([...ofExamples, ...ofPairs]) };
    },
  };
}
