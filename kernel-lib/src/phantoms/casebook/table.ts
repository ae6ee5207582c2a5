import type { Random } from "../../base/random";

// The knowledge of a drawn world: which pattern of signs means which diagnosis. A table is drawn, not thought out: it is balanced in
// every single word, so that no sign tells anything by itself, and of two patterns that differ in one sign it says the same or not.

/** One word for each sign. */
export type Pattern = readonly string[];

/** Every combination of the signs' words, the last sign's changing fastest. */
export function patternsOf(words: readonly (readonly string[])[]): Pattern[] {
  return words.reduce<Pattern[]>(
    (list, ofSign) => list.flatMap((pattern) => ofSign.map((word) => [...pattern, word])),
    [[]],
  );
}

/** Pairs of patterns that differ in one sign, as positions. */
function lookAlikes(patterns: readonly Pattern[]): (readonly [number, number])[] {
  return patterns.flatMap((one, i) =>
    patterns.flatMap((other, j) =>
      j > i && one.filter((word, s) => word !== other[s]).length === 1 ? [[i, j] as const] : [],
    ),
  );
}

/** For every word of every sign, the patterns that have it. */
function groupsOf(patterns: readonly Pattern[]): number[][] {
  return (patterns[0] ?? []).flatMap((_, s) =>
    [...new Set(patterns.map((pattern) => pattern[s]!))].map((word) =>
      patterns.flatMap((pattern, i) => (pattern[s] === word ? [i] : [])),
    ),
  );
}

/** Share of the look-alikes that have the same class. */
export function alikeShare(patterns: readonly Pattern[], classes: readonly number[]): number {
  const pairs = lookAlikes(patterns);
  return pairs.filter(([i, j]) => classes[i] === classes[j]).length / pairs.length;
}

/**
 * How many patterns too many or too few there are, over all words and classes; 0 when each class has its share of every word's
 * patterns, rounded up or down.
 */
export function imbalance(patterns: readonly Pattern[], classes: readonly number[], numClasses: number): number {
  const shares = new Array<number>(numClasses).fill(1 / numClasses);
  return imbalanceOf(groupsOf(patterns), classes, shares);
}

function imbalanceOf(
  groups: readonly (readonly number[])[],
  classes: readonly number[],
  shares: readonly number[],
): number {
  let sum = 0;
  for (const group of groups) {
    const counts = new Array<number>(shares.length).fill(0);
    for (const i of group) counts[classes[i]!]! += 1;
    for (const [label, count] of counts.entries()) {
      const fair = group.length * shares[label]!;
      sum += Math.max(0, Math.floor(fair + ROUNDING) - count, count - Math.ceil(fair - ROUNDING));
    }
  }
  return sum;
}

/** Balance goes before everything that is asked of look-alikes. */
const BALANCE_WEIGHT = 4;
const ATTEMPTS = 12;
const SWAPS = 1500;
/** Costs that differ by rounding only are equal. */
const ROUNDING = 1e-9;

/** What a table is to be like. */
export interface TableWish {
  readonly numClasses: number;
  /** Share of the look-alikes with the same class. */
  readonly alike: number;
  /** Patterns of each class, [numClasses]. Default as equal as whole numbers allow. */
  readonly counts?: readonly number[];
}

interface Search {
  readonly cost: number;
  readonly classes: readonly number[];
}

/**
 * A class for each pattern: every class as frequent as it is to be (all alike unless `counts` says more), within every word too, and `alike` of the look-alikes with
 * the same class, as nearly as twelve searches from random beginnings come. Another stream gives another table.
 *
 * @returns [number of patterns], classes 0 … numClasses - 1.
 */
export function drawTable(
  patterns: readonly Pattern[],
  { numClasses, alike, counts }: TableWish,
  random: Random,
): readonly number[] {
  const given = counts?.flatMap((count, label) => new Array<number>(count).fill(label));
  const unordered = given ?? patterns.map((_, i) => i % numClasses);
  const shares = Array.from({ length: numClasses }, (_, c) =>
    counts === undefined ? 1 / numClasses : counts[c]! / patterns.length,
  );
  const [pairs, groups] = [lookAlikes(patterns), groupsOf(patterns)];
  const cost = (classes: readonly number[]): number => {
    const same = pairs.filter(([i, j]) => classes[i] === classes[j]).length / pairs.length;
    return BALANCE_WEIGHT * imbalanceOf(groups, classes, shares) + Math.abs(same - alike);
  };
  let best: Search | null = null;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const begun = random.shuffle(unordered);
    const found = swapDown(begun, cost, random.fork(String(attempt)));
    if (best === null || found.cost < best.cost - ROUNDING) best = found;
  }
  return best!.classes;
}

/** Exchanges the classes of two patterns wherever that costs nothing. */
function swapDown(begun: readonly number[], cost: (classes: readonly number[]) => number, random: Random): Search {
  const classes = [...begun];
  let now = cost(classes);
  for (let k = 0; k < SWAPS; k++) {
    const [i, j] = [random.integer(classes.length), random.integer(classes.length)];
    if (classes[i] === classes[j]) continue;
    [classes[i], classes[j]] = [classes[j]!, classes[i]!];
    const swapped = cost(classes);
    if (swapped <= now) now = swapped;
    else [classes[i], classes[j]] = [classes[j]!, classes[i]!];
  }
  return { cost: now, classes };
}

/** How often each pattern comes up where all may, and in training and validation. Weights, [number of patterns]. */
export interface PatternWeights {
  readonly everywhere: readonly number[];
  /** 0 for the patterns that training never shows. */
  readonly training: readonly number[];
}

/** Frequencies by rank; which pattern has which rank is drawn. */
export function drawWeights(
  numPatterns: number,
  { tail, unseen }: { readonly tail: number; readonly unseen: number },
  random: Random,
): PatternWeights {
  const ranks = random.shuffle(Array.from({ length: numPatterns }, (_, rank) => rank));
  const numSeen = numPatterns - Math.round(unseen * numPatterns);
  const everywhere = ranks.map((rank) => (rank + 1) ** -tail);
  return { everywhere, training: everywhere.map((weight, i) => (ranks[i]! < numSeen ? weight : 0)) };
}
