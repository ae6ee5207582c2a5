import { appendFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type FormatReport, tryVariants } from "./try-variants";

/*
 * Variants that are drawn now, against the outside programs themselves. Skipped without JOMED_JUDGE, the Python that holds the packages
 * of reference/requirements.txt: node kernel-lib/test/tools/try-variants.mjs sets it, and how many.
 */
const {
  JOMED_JUDGE: python,
  JOMED_VARIANTS,
  JOMED_VARIANTS_SEED,
  JOMED_VARIANTS_ONLY,
  JOMED_VARIANTS_REPORT,
} = process.env;
const count = Number(JOMED_VARIANTS ?? 700);
const LIMIT_MS = 10_000_000;

test.skipIf(python === undefined)(
  `${count} variants over all formats are read as their own programs read them, or refused by name`,
  async () => {
    const reports: FormatReport[] = [];
    const faults = await tryVariants({
      count,
      seed: Number(JOMED_VARIANTS_SEED ?? 7),
      python: python!,
      ...(JOMED_VARIANTS_ONLY === undefined ? {} : { only: JOMED_VARIANTS_ONLY.split(",") }),
      ...(process.env["JOMED_VARIANTS_KEEP"] === undefined ? {} : { keep: process.env["JOMED_VARIANTS_KEEP"] }),
      onReport: (report) => {
        reports.push(report);
        if (JOMED_VARIANTS_REPORT !== undefined) appendFileSync(JOMED_VARIANTS_REPORT, `${JSON.stringify(report)}\n`);
      },
    });
    expect(
      reports.flatMap(({ format, faults: found }) => found.slice(0, 3).map((each) => `${format}: ${each}`)),
    ).toEqual([]);
    expect(faults).toBe(0);
  },
  LIMIT_MS,
);
