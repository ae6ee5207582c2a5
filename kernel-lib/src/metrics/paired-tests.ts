import { assertFinite, assertInRange, assertInteger } from "../base/check";
import { NumericError } from "../base/errors";
import type { Interval } from "./bootstrap";
import { studentQuantile, studentTail, widenForSeeds } from "./seeds";

// What stands beside a paired difference: an exact test where questions are few, a correction where comparisons are many, and the smallest
// effect that could have shown where none did.

/** Quantiles of the normal distribution: 97.5 % for a two-sided test at 5 %, 80 % for the power. */
const SURE = 1.959964 + 0.841621;
/** Where there is one seed, the t distribution of so many degrees is the normal one. */
const MANY_DEGREES = 1e6;

/**
 * The exact McNemar test of two systems that answered the same questions: how likely a split of the questions that only one of them
 * answers right, at least as uneven as this one, is by chance (two-sided binomial test at one half). Questions count as independent:
 * several of one patient, or of one training, are not.
 *
 * @param gained questions that only the first answers right, ≥ 0.
 * @param lost questions that only the second answers right, ≥ 0.
 * @returns p in (0, 1]; 1 where no question is answered differently.
 * @throws ConfigError when a count is no whole number ≥ 0.
 * @example mcnemarExact(8, 1)   // 2 (1 + 9) / 2^9 = 0.039
 */
export function mcnemarExact(gained: number, lost: number): number {
  assertInteger("mcnemarExact: gained", gained, 0);
  assertInteger("mcnemarExact: lost", lost, 0);
  const changed = gained + lost;
  let logTerm = -changed * Math.LN2; // of k = 0
  let tail = 0;
  for (let k = 0; k <= Math.min(gained, lost); k++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log((changed - k) / (k + 1));
  }
  return Math.min(1, 2 * tail);
}

/**
 * Holm's step-down correction: p values of several comparisons, adjusted so that the chance of a single false one among those below 5 % is
 * at most 5 %, however they depend on each other.
 *
 * @param pValues of every comparison of one figure or table, each in [0, 1].
 * @returns adjusted, in the order given.
 * @throws NumericError on a value outside [0, 1].
 * @example holm([0.01, 0.04, 0.03])   // [0.03, 0.06, 0.06]
 */
export function holm(pValues: readonly number[]): number[] {
  assertFinite("holm: pValues", pValues);
  const wrong = pValues.find((p) => p < 0 || p > 1);
  if (wrong !== undefined) throw new NumericError(`holm: pValues must lie in [0, 1]; got ${wrong}.`, { value: wrong });
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length).fill(0);
  let least = 0;
  for (const [rank, i] of order.entries()) {
    least = Math.max(least, Math.min(1, (pValues.length - rank) * pValues[i]!));
    adjusted[i] = least;
  }
  return adjusted;
}

/**
 * The smallest difference of accuracy between two systems on the same questions that a two-sided test at 5 % finds with a power of
 * 80 %. By the normal approximation of McNemar's test: a difference has the variance (changed - difference²) / n.
 *
 * @param numQuestions independent ones: patients or pictures, ≥ 1.
 * @param changedShare share of the questions that exactly one of the two answers right, in [0, 1]. Default the smallest share with which
 * any difference shows (all of it on one side): what is left to say where no answer differed.
 * @example smallestEffect(1000, 0.2)   // 0.039
 */
export function smallestEffect(
  numQuestions: number,
  changedShare: number = SURE ** 2 / (numQuestions + SURE ** 2),
): number {
  assertInteger("smallestEffect: numQuestions", numQuestions, 1);
  assertInRange("smallestEffect: changedShare", changedShare, 0, 1);
  return Math.min(changedShare, SURE * Math.sqrt(changedShare / (numQuestions + SURE ** 2)));
}

/**
 * The smallest effect that an experiment with this interval finds with a power of 80 % (two-sided, 5 %): the interval says how much the
 * estimate varies with questions and seeds. It stands beside every null.
 *
 * @param interval 95 %, by bootstrap over seeds and their questions; of no width where all answers were identical, which leaves
 * `smallestEffect` of the questions.
 * @param sizes numQuestions: of all seeds; numSeeds ≥ 1. Of one seed the chance of training is not in it.
 * @throws ConfigError on a size. NumericError on NaN.
 * @example detectableEffect({ value: 0, low: -0.02, high: 0.02 }, { numQuestions: 400, numSeeds: 1 })   // 0.0286
 */
export function detectableEffect(
  interval: Interval,
  { numQuestions, numSeeds }: { readonly numQuestions: number; readonly numSeeds: number },
): number {
  const { low, high } = widenForSeeds(interval, numSeeds);
  if (low === high) return smallestEffect(numQuestions);
  const degrees = numSeeds === 1 ? MANY_DEGREES : numSeeds - 1;
  const [sure, power] = [studentQuantile(0.975, degrees), studentQuantile(0.8, degrees)];
  return ((high - low) / 2) * (1 + power / sure);
}

/**
 * Two-sided p of an effect against the end of what is claimed, from its interval: below 0.05 exactly where the interval leaves that end out.
 *
 * @param interval 95 %, by bootstrap over seeds and their questions, or Student's over the seeds (`aggregateSeeds`).
 * @param edge the value it is held against: 0 for "no difference".
 * @param numSeeds ≥ 1.
 * @param kind of the interval; one by bootstrap is widened first (`widenForSeeds`). Default "bootstrap".
 * @returns p in [0, 1]; 1 where all answers were identical and `edge` is their difference.
 */
export function intervalTest(
  interval: Interval,
  edge: number,
  numSeeds: number,
  kind: "bootstrap" | "student" = "bootstrap",
): number {
  const { value, low, high } = kind === "student" ? interval : widenForSeeds(interval, numSeeds);
  const half = value > edge ? value - low : high - value;
  if (value === edge) return 1;
  if (half <= 0) return 0;
  const degrees = numSeeds === 1 ? MANY_DEGREES : numSeeds - 1;
  return studentTail(Math.abs(value - edge) / (half / studentQuantile(0.975, degrees)), degrees);
}
