import { createHash } from "node:crypto";

/** A seeded stream of random numbers. Nothing in kernel-lib draws from anywhere else. */
export interface Random {
  /** Uniform in [0, 1), 32 bits. */
  next(): number;
  /** Uniform in [min, max). */
  uniform(min: number, max: number): number;
  /** Normal with this mean and standard deviation (defaults 0 and 1). */
  normal(mean?: number, deviation?: number): number;
  /** Whole number in [0, count). */
  integer(count: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One entry of a non-empty list. */
  pick<T>(list: readonly T[]): T;
  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(list: readonly T[]): T[];
  /** An independent stream named by `label`; it does not advance this one. */
  fork(label: string): Random;
}

/**
 * One entry, each as often as its weight says, by one draw of the stream. Entries of weight 0 are never drawn.
 *
 * @param weightOf in any unit, ≥ 0; not all 0.
 */
export function pickWeighted<T>(random: Random, list: readonly T[], weightOf: (entry: T) => number): T {
  const known = list.filter((entry) => weightOf(entry) > 0);
  let left = random.next() * known.reduce((sum, entry) => sum + weightOf(entry), 0);
  const found = known.find((entry) => {
    left -= weightOf(entry);
    return left < 0;
  });
  return found ?? known.at(-1)!; // what rounding leaves over
}

function wordsOf(seed: string): [number, number, number, number] {
  const digest = createHash("sha256").update(seed).digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), digest.readUInt32LE(12)];
}

/**
 * Creates a stream (sfc32, 128 bits of state) from a seed.
 *
 * @example createRandom(7).fork("corpus").normal()
 */
export function createRandom(seed: number | string): Random {
  const name = String(seed);
  let [a, b, c, d] = wordsOf(name);

  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return (t >>> 0) / 2 ** 32;
  };
  const random: Random = {
    next,
    uniform: (min, max) => min + (max - min) * next(),
    normal: (mean = 0, deviation = 1) => {
      // Box-Muller; both draws are used up each time, so that the stream has no hidden second value in its state
      const radius = Math.sqrt(-2 * Math.log(1 - next()));
      return mean + deviation * radius * Math.cos(2 * Math.PI * next());
    },
    integer: (count) => Math.floor(next() * count),
    chance: (probability) => next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)]!,
    shuffle: (list) => {
      const copy = [...list];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = Math.floor(next() * (i + 1));
        [copy[i], copy[j]] = [copy[j]!, copy[i]!];
      }
      return copy;
    },
    fork: (label) => createRandom(`${name}/${label}`),
  };
  return random;
}
