import { sum } from "../../base/numbers";
import { createRandom, type Random } from "../../base/random";
import { alikeShare, drawTable, type Pattern, patternsOf } from "../casebook/table";
import { attributeOf } from "../general/world";
import type { FactWords } from "../phantom";
import { dialsOf, type KnowledgeDials, LOOK_SIGNS, type Look, type SignWords } from "./dials";

// The part of a realistic phantom's diagnosis that lies in the corpus: a made-up rule of a seed, from how a picture was taken to what is
// wrong. Pictures and captions of a look follow the same rule; in a share of the cases nothing else in the picture tells.

/** Which pattern of signs means which class: what the captions of a look tell, case by case. */
export interface LookRule {
  readonly look: Look;
  readonly signs: readonly string[];
  /** One word for each sign. */
  readonly patterns: readonly Pattern[];
  /** The class that each pattern means, [number of patterns]. */
  readonly classes: readonly number[];
  /** Share of the look-alikes (patterns that differ in one sign) of the same class, as it was reached. */
  readonly alike: number;
}

/** How a case is drawn. */
export interface CasePlan {
  /** Its place in the list of patterns. */
  readonly pattern: number;
  /** The word of each sign. */
  readonly words: SignWords;
  /** The class, as the rule counts them; null where it knows none. */
  readonly label: number | null;
  /** Whether only the rule tells the class: the picture shows it no other way. */
  readonly isTold: boolean;
}

/** Of few look-alikes alone the class can be guessed: as few as the search finds. */
const ALIKE = 1 / 6;

/** Patterns of each class in proportion to these weights, at least one each; what is left over goes to the largest rests. */
export function patternCounts(shares: readonly number[], numPatterns: number): number[] {
  const total = sum(shares);
  const exact = shares.map((share) => (share / total) * numPatterns);
  const counts = exact.map((value) => Math.max(1, Math.floor(value)));
  const missing = () => numPatterns - sum(counts);
  const gap = (label: number) => exact[label]! - counts[label]!;
  const best = (labels: readonly number[], isBetter: (one: number, other: number) => boolean) =>
    labels.reduce((found, label) => (isBetter(gap(label), gap(found)) ? label : found));
  const all = shares.map((_, label) => label);
  while (missing() > 0) counts[best(all, (one, other) => one > other)]! += 1;
  while (missing() < 0) {
    const several = all.filter((label) => counts[label]! > 1);
    counts[best(several, (one, other) => one < other)]! -= 1;
  }
  return counts;
}

/** The rule of a look in the world of a seed: task and corpus of the same seed share it. */
export function drawRule(look: Look, seed: number): LookRule {
  const { signs, shares } = LOOK_SIGNS[look];
  const patterns = patternsOf(signs.map(({ name, words }) => words ?? attributeOf(name).words));
  const counts = patternCounts(shares.map(Math.sqrt), patterns.length);
  const wish = { numClasses: shares.length, alike: ALIKE, counts };
  const classes = drawTable(patterns, wish, createRandom(`phantom-rule/${look}/${seed}`));
  return { look, signs: signs.map(({ name }) => name), patterns, classes, alike: alikeShare(patterns, classes) };
}

/** What the cases of a task's world share. */
export interface RuleWorld {
  readonly rule: LookRule;
  readonly dials: KnowledgeDials;
}

/** The world of a task's pictures of this seed. */
export function ruleWorld(task: string, seed: number): RuleWorld {
  const dials = dialsOf(task);
  return { rule: drawRule(dials.look, seed), dials };
}

/**
 * Plans a case of this class: one of the patterns that mean it, and whether anything else shows it. A class that the rule does not know
 * (null) comes with any pattern, and is always shown.
 */
export function planCase({ rule, dials: { knowledge } }: RuleWorld, label: number | null, random: Random): CasePlan {
  const own = rule.classes.flatMap((found, pattern) => (label === null || found === label ? [pattern] : []));
  const isTold = random.chance(knowledge) && label !== null;
  const pattern = random.pick(own);
  const words = Object.fromEntries(rule.signs.map((sign, s) => [sign, rule.patterns[pattern]![s]!]));
  return { pattern, words, label, isTold };
}

/** What is known of a picture: its signs, its pattern, and the class as far as the rule knows it and something else shows it. */
export function factsOfPlan({ words, pattern, label, isTold }: CasePlan): FactWords {
  return { ...words, pattern: String(pattern), ...(isTold || label === null ? {} : { shown: String(label) }) };
}
