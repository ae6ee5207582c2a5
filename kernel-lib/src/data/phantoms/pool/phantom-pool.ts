import { createRandom } from "../../../base/random";
import type { Passage } from "../../../base/types";
import { POOL_LOOKS, type PoolLook } from "./pool-looks";

/** Raised whenever the same seed would give other pairs. */
export const POOL_VERSION = 4;

/** Which pairs are drawn. */
export interface PoolOptions {
  readonly seed: number;
  readonly numPassages: number;
}

const LOOKS = Object.keys(POOL_LOOKS) as PoolLook[];

/**
 * Draws the pool pair by pair: the looks of all tasks take turns, so that each has a seventh of any number of pairs.
 *
 * Every pair has a stream of its own, which no task shares. The look stands in the id: "pool/skin/000001".
 */
export function* drawPool({ seed, numPassages }: PoolOptions): Generator<Passage> {
  const random = createRandom(`phantom-pool/${seed}`);
  for (let i = 0; i < numPassages; i++) {
    const look = LOOKS[i % LOOKS.length]!;
    const pair = POOL_LOOKS[look](random.fork(String(i)));
    yield { id: `pool/${look}/${String(i).padStart(6, "0")}`, licence: "CC0-1.0", ...pair };
  }
}
