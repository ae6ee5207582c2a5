import { appendFileSync } from "node:fs";
import * as fc from "fast-check";
import { openBackend } from "../../src/compute/backend";
import { type Outcome, tryVariant, withoutValues } from "./format";
import { FORMATS } from "./formats";
import { Judge, type Verdict, variantOf } from "./judge";

/** What came of the variants of one format. */
export interface FormatReport {
  readonly format: string;
  readonly equal: number;
  /** How often, by the rule that was broken. */
  readonly refused: Readonly<Record<string, number>>;
  /** Forms that the outside program itself does not write or read, by its reason. */
  readonly invalid: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

/** What to try. */
export interface TryOptions {
  /** Over all formats. */
  readonly count: number;
  readonly seed: number;
  readonly python: string;
  /** Default all. */
  readonly only?: readonly string[];
  /** A file that every variant is added to, as the stored sample has them. */
  readonly keep?: string;
  readonly onReport: (report: FormatReport) => void;
}

/** Draws variants of every format, has the outside programs make and read them, and compares. @returns the number of faults. */
export async function tryVariants({ count, seed, python, only, keep, onReport }: TryOptions): Promise<number> {
  await openBackend();
  const judge = new Judge(python);
  const formats = FORMATS.filter(({ format }) => only === undefined || only.includes(format.name));
  const shares = formats.reduce((sum, { share }) => sum + share, 0);
  let faults = 0;
  try {
    for (const { format, share } of formats) {
      const specs = fc.sample(format.specs, { seed, numRuns: Math.ceil((count * share) / shares) });
      const tally: Tally = { equal: 0, refused: {}, invalid: {}, faults: [] };
      for (const spec of specs) {
        const verdict = await judge.ask(format.name, spec);
        if ("invalid" in verdict) addOne(tally.invalid, withoutValues(verdict.invalid));
        else {
          if (keep !== undefined)
            appendFileSync(keep, `${JSON.stringify({ format: format.name, spec, ...verdict })}\n`);
          note(
            tally,
            await tryVariant(format, variantOf(spec, verdict as Exclude<Verdict, { invalid: string }>)),
            spec,
          );
        }
      }
      faults += tally.faults.length;
      onReport({ format: format.name, ...tally });
    }
  } finally {
    judge.close();
  }
  return faults;
}

/** A report while it is counted. */
interface Tally {
  equal: number;
  readonly refused: Record<string, number>;
  readonly invalid: Record<string, number>;
  readonly faults: string[];
}

function addOne(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function note(tally: Tally, outcome: Outcome, spec: unknown): void {
  if (outcome.kind === "equal") tally.equal++;
  else if (outcome.kind === "refused") addOne(tally.refused, outcome.reason);
  else tally.faults.push(`${outcome.reason} — ${JSON.stringify(spec)}`);
}
