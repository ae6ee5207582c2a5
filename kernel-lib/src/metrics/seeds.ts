import { assertFinite, assertInRange, assertInteger, assertKnownKeys } from "../base/check";
import { ShapeError } from "../base/errors";
import { mean } from "../base/numbers";
import type { Interval } from "./bootstrap";

/** Lanczos's coefficients for g = 7. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

function logGamma(x: number): number {
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (x - 1 + i);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The continued fraction of the incomplete beta function (Lentz's method). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const guard = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / guard(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const term of [even, odd]) {
      d = 1 / guard(1 + term * d);
      c = guard(1 + term / c);
      change = d * c;
      fraction *= change;
    }
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return fraction;
}

/** Regularised incomplete beta function I_x(a, b). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a); // where the fraction converges fast
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return (front * betaFraction(x, a, b)) / a;
}

/**
 * Quantile of Student's t distribution: the t below which a share `probability` lies, by bisection of the distribution function.
 *
 * @param probability in (0, 1).
 * @param degrees of freedom, >= 1.
 * @throws ConfigError when one is out of range.
 * @example studentQuantile(0.975, 4)   // 2.7764
 */
export function studentQuantile(probability: number, degrees: number): number {
  assertInRange("studentQuantile: probability", probability, 1e-12, 1 - 1e-12);
  assertInRange("studentQuantile: degrees", degrees, 1, 1e9);
  if (probability === 0.5) return 0;
  const tail = Math.min(probability, 1 - probability);
  const above = (t: number): number => incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  let [low, high] = [0, 1];
  while (above(high) > tail) high *= 2;
  for (let i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    const middle = (low + high) / 2;
    if (above(middle) > tail) low = middle;
    else high = middle;
  }
  const size = (low + high) / 2;
  return probability < 0.5 ? -size : size;
}

/**
 * Two-sided tail of Student's t distribution: how much lies beyond ±t.
 *
 * @param t ≥ 0.
 * @param degrees of freedom, >= 1.
 * @example studentTail(2.7764, 4)   // 0.05
 */
export function studentTail(t: number, degrees: number): number {
  assertInRange("studentTail: t", t, 0, Number.MAX_VALUE);
  assertInRange("studentTail: degrees", degrees, 1, 1e9);
  return t === 0 ? 1 : incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5);
}

/** Of the normal distribution: 95 % lie within. */
const WITHIN_95 = 1.959964;

/**
 * A 95 % bootstrap interval over few seeds, as wide as so few allow. Drawing S seeds with replacement knows only (S - 1) / S of their
 * variance, and takes it for known: both ends are moved out by t(S - 1) / 1.96 · √(S / (S - 1)), 1.6 times of five seeds, 2.7 times of
 * three. Where seeds differ no more than their questions make them it is too wide, never too narrow.
 *
 * @param numSeeds S, ≥ 1; the interval of one seed stays, and says nothing about training's chance.
 * @throws ConfigError on the number of seeds. NumericError on NaN.
 * @example widenForSeeds({ value: 0.04, low: 0.03, high: 0.05 }, 5)   // 0.024 to 0.056
 */
export function widenForSeeds({ value, low, high }: Interval, numSeeds: number): Interval {
  assertInteger("widenForSeeds: numSeeds", numSeeds, 1);
  assertFinite("widenForSeeds: interval", [value, low, high]);
  if (numSeeds === 1) return { value, low, high };
  const factor = (studentQuantile(0.975, numSeeds - 1) / WITHIN_95) * Math.sqrt(numSeeds / (numSeeds - 1));
  return { value, low: value - factor * (value - low), high: value + factor * (high - value) };
}

/** One number over several seeds. */
export interface SeedSummary extends Interval {
  /** Sample standard deviation (n - 1); 0 with one seed, which says nothing about the spread. */
  readonly deviation: number;
  readonly numSeeds: number;
}

/** Options of aggregateSeeds. */
export interface SeedOptions {
  /** Share of the interval, in [0.5, 0.999]. Default 0.95. */
  readonly level?: number;
}

/**
 * Mean of a metric over seeds, with its t-interval: mean ± t · deviation / √n. It says how much training's chance matters; how much
 * the choice of test examples matters is the bootstrap's to say. With one seed the interval has no width: `numSeeds` tells.
 *
 * @param values the metric of each seed.
 * @throws ShapeError without values. NumericError on NaN. ConfigError on the level.
 * @example aggregateSeeds([0.80, 0.84])   // value 0.82, deviation 0.0283, low 0.566, high 1.074
 */
export function aggregateSeeds(values: readonly number[], options: SeedOptions = {}): SeedSummary {
  assertKnownKeys("aggregateSeeds:", options, ["level"]);
  const { level = 0.95 } = options;
  assertInRange("aggregateSeeds: level", level, 0.5, 0.999);
  if (values.length === 0) throw new ShapeError("aggregateSeeds: values must hold at least one; got 0.");
  assertFinite("aggregateSeeds: values", values);
  const numSeeds = values.length;
  const value = mean(values);
  if (numSeeds === 1) return { value, low: value, high: value, deviation: 0, numSeeds };
  const squares = values.reduce((sum, each) => sum + (each - value) ** 2, 0);
  const deviation = Math.sqrt(squares / (numSeeds - 1));
  const half = (studentQuantile((1 + level) / 2, numSeeds - 1) * deviation) / Math.sqrt(numSeeds);
  return { value, low: value - half, high: value + half, deviation, numSeeds };
}
