import { setImmediate as nextTurn } from "node:timers/promises";
import { assertNotInterrupted } from "../base/check";
import type { Control, Matrix } from "../base/types";

/** Some rows of a matrix, without a copy. */
export function rowsOf({ data, cols }: Matrix, first: number, last: number): Float32Array {
  return data.subarray(first * cols, last * cols);
}

/**
 * Awaits `step` for pieces of 0 … count-1 (`last` exclusive), telling progress after each; between two pieces the event
 * loop turns and an interrupt stops the work.
 *
 * @throws InterruptedError when the signal is aborted.
 */
export async function inPieces(
  work: {
    readonly stage: string;
    readonly count: number;
    readonly size: number;
    readonly control?: Control | undefined;
  },
  step: (first: number, last: number) => Promise<void>,
): Promise<void> {
  const { stage, count, size, control } = work;
  for (let first = 0; first < count; first += size) {
    assertNotInterrupted(stage, control?.signal);
    const last = Math.min(count, first + size);
    await step(first, last);
    control?.onProgress?.({ stage, done: last, total: count });
    await nextTurn();
  }
}
