import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { DataError } from "../../src/base/errors";
import { openBackend } from "../../src/compute/backend";
import { type Outcome, tryVariant } from "./format";
import { FORMATS } from "./formats";
import { type Verdict, variantOf } from "./judge";

type Line = { readonly format: string; readonly spec: unknown } & Extract<Verdict, { files: unknown }>;

/** Drawn by tools/try-variants.mjs. */
const SAMPLE = readFileSync(join(__dirname, "../reference/variants/sample.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Line);

beforeAll(async () => {
  await openBackend();
});

test.each(FORMATS.map(({ format }) => [format.name, format] as const))(
  "stored variants of %s are read as their own programs read them, or refused by name",
  async (name, format) => {
    const lines = SAMPLE.filter((line) => line.format === name);
    const outcomes: Outcome[] = [];
    for (const line of lines) outcomes.push(await tryVariant(format, variantOf(line.spec, line)));
    expect(outcomes.filter(({ kind }) => kind === "fault")).toEqual([]);
    expect(lines.length).toBeGreaterThan(3);
    // to refuse everything would pass as well
    expect(outcomes.filter(({ kind }) => kind === "equal").length).toBeGreaterThan(0.4 * lines.length);
  },
);

test("a wrong value, an untyped error and a sound file that is called damaged are faults", async () => {
  const [{ format }, variant] = [FORMATS[3]!, { spec: {}, files: new Map<string, Buffer>(), answer: {} }];
  const outcome = (compare: () => string | null) => tryVariant({ ...format, compare }, variant);
  expect(await outcome(() => "1, expected 2")).toEqual({ kind: "fault", reason: "1, expected 2" });
  const untyped = await outcome(() => {
    throw new TypeError("x is undefined");
  });
  expect(untyped).toMatchObject({ kind: "fault", reason: expect.stringContaining("no typed error") });
  const damaged = await outcome(() => {
    throw new DataError("readCsv: a.csv must be sound; got 3. Download the file again.");
  });
  expect(damaged).toMatchObject({ kind: "fault", reason: expect.stringContaining("called damaged") });
  const named = await outcome(() => {
    throw new DataError("readCsv: a.csv must be plain; got 3. Save it as CSV.");
  });
  expect(named).toEqual({ kind: "refused", reason: "readCsv: a.csv must be plain" });
});
