import { isKernelError, type KernelError } from "../../src/base/errors";
import type { NpyArray } from "../../src/data/formats/npy";

/** Runs something that must fail and returns its typed error. */
export async function refusal(run: () => unknown): Promise<KernelError> {
  try {
    await run();
  } catch (error) {
    if (isKernelError(error)) return error;
    throw error;
  }
  throw new Error("expected a refusal");
}

/** A small array of unsigned bytes. */
export function bytesArray(shape: readonly number[], fill: (index: number) => number = (i) => i % 251): NpyArray {
  const count = shape.reduce((product, n) => product * n, 1);
  return { type: "|u1", shape, data: Uint8Array.from({ length: count }, (_, i) => fill(i)) };
}
