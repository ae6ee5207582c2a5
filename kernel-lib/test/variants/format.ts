import type * as fc from "fast-check";
import { isKernelError } from "../../src/base/errors";
import { UnreadPicture } from "../../src/data/formats/picture-file";

/*
 * Valid files in every form they are met in, against the programs they come from. fast-check draws what a file is to be;
 * reference/variants/judge.py makes the file and says what pydicom, Pillow, pyarrow, NumPy, transformers, tokenizers or PEFT read in
 * it; the library must read the same, or refuse it by name.
 */

/** A file that was made, and what its own program reads in it. */
export interface Variant<Spec, Answer> {
  readonly spec: Spec;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly answer: Answer;
}

/** One kind of file. */
export interface Format<Spec = unknown, Answer = unknown> {
  readonly name: string;
  readonly specs: fc.Arbitrary<Spec>;
  /** Reads with the library. @returns what differs from the answer, or null. May refuse with a typed error. */
  compare(variant: Variant<Spec, Answer>): Promise<string | null> | string | null;
}

/** A format whose types the list of all formats forgets. */
export const formatOf = <Spec, Answer>(format: Format<Spec, Answer>): Format => format as Format;

/** What came of one variant. */
export type Outcome =
  | { readonly kind: "equal" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "fault"; readonly reason: string };

/** A refusal that calls a file damaged, which a valid one never is. */
const CALLED_DAMAGED = /download the file again|fetch or write it again|write it again|copy it from the model/i;

/** Reads a variant: equal, refused by name, or a fault: another value, an untyped error, a sound file that is called damaged. */
export async function tryVariant(format: Format, variant: Variant<unknown, unknown>): Promise<Outcome> {
  try {
    const difference = await format.compare(variant);
    return difference === null ? { kind: "equal" } : { kind: "fault", reason: difference };
  } catch (error) {
    const { message } = error as Error;
    if (!isKernelError(error) && !(error instanceof UnreadPicture))
      return { kind: "fault", reason: `no typed error: ${String(error)}` };
    if (CALLED_DAMAGED.test(message)) return { kind: "fault", reason: `a sound file is called damaged: ${message}` };
    return { kind: "refused", reason: withoutValues(message) };
  }
}

/** The rule of a refusal, the same for every value. */
export function withoutValues(message: string): string {
  return message
    .replace(/; got .*/s, "")
    .replaceAll(/\S*\/variant-[^/]*\//g, "")
    .replaceAll(/"[^"]*"|-?\d+(\.\d+)?/g, "…")
    .slice(0, 120);
}

/** The first place where two lists of numbers differ by more than `most`, in words; null where there is none. */
export function farthest(found: ArrayLike<number>, expected: ArrayLike<number>, most: number): string | null {
  if (found.length !== expected.length) return `${found.length} values, expected ${expected.length}`;
  for (let at = 0; at < found.length; at++)
    if (!(Math.abs(found[at]! - expected[at]!) <= most)) return `value ${at} is ${found[at]}, expected ${expected[at]}`;
  return null;
}

/** What two values of JSON differ in, in words; numbers may differ in their last digits. Fields that only `found` has pass. */
export function differenceOf(found: unknown, expected: unknown, path = ""): string | null {
  if (typeof found === "number" && typeof expected === "number") {
    const near = Math.abs(found - expected) <= 1e-6 * Math.max(1e-6, Math.abs(expected));
    return near ? null : `${path} is ${found}, expected ${expected}`;
  }
  if (Array.isArray(expected) && Array.isArray(found) && expected.length !== found.length)
    return `${path} has ${found.length} entries, expected ${expected.length}`;
  if (typeof expected === "object" && expected !== null && typeof found === "object" && found !== null) {
    for (const [key, value] of Object.entries(expected)) {
      const difference = differenceOf((found as Record<string, unknown>)[key], value, `${path}.${key}`);
      if (difference !== null) return difference;
    }
    return null;
  }
  return found === expected ? null : `${path} is ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`;
}
