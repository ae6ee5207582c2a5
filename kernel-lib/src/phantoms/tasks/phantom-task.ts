import type { Random } from "../../base/random";
import type { Control } from "../../base/types";

/** "quick" keeps a laptop's minutes; "full" has the numbers of the real data set. */
export const PHANTOM_SIZES = ["quick", "full"] as const;
export type PhantomSize = (typeof PHANTOM_SIZES)[number];

/** What a writer of stand-in files is told. */
export interface PhantomRequest {
  /** Empty folder to write into, laid out as a user's folder of downloads. */
  readonly folder: string;
  readonly seed: number;
  readonly size: PhantomSize;
  readonly control: Control;
}

/** The stand-in of one task: files in the publisher's own format, made from a seed. */
export interface PhantomTask {
  /** Raised whenever the same seed would give other files; part of the fingerprint. */
  readonly version: number;
  /** What is drawn, for the data card. */
  readonly description: string;
  readonly write: (request: PhantomRequest) => Promise<void>;
}

/** A number of rows scaled to the size: a tenth for "quick" where the whole is large. */
export function scaled(count: number, size: PhantomSize, share = 0.1): number {
  return size === "full" ? count : Math.max(1, Math.round(count * share));
}

/** A whole number with this mean (Poisson, by Knuth's product of uniforms; for small means). */
export function drawPoisson(mean: number, random: Random): number {
  const limit = Math.exp(-mean);
  let product = random.next();
  let count = 0;
  while (product > limit && count < 100) {
    product *= random.next();
    count++;
  }
  return count;
}

/** Class indices in the given shares, as exactly as whole numbers allow, each class at least once, shuffled. */
export function drawClasses(count: number, shares: readonly number[], random: Random): number[] {
  const numbers = shares.map((share) => Math.max(1, Math.floor(share * count)));
  const largest = shares.indexOf(Math.max(...shares));
  numbers[largest]! += count - numbers.reduce((sum, n) => sum + n, 0);
  return random.shuffle(numbers.flatMap((n, label) => new Array<number>(Math.max(0, n)).fill(label)));
}

/** One class index, each as often as its weight has a share of all weights. */
export function pickClass(weights: readonly number[], random: Random): number {
  let rest = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  const found = weights.findIndex((weight) => {
    rest -= weight;
    return rest < 0;
  });
  return found < 0 ? weights.length - 1 : found; // rounding may leave a trace of the sum
}
