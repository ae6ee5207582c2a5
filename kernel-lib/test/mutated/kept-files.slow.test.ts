import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { KEPT } from "./kept-files";
import { tryDamage } from "./try-damage";

beforeAll(async () => {
  await openBackend();
});

/** Of each kind; JOMED_DAMAGED_FILES asks for another number. */
const COUNT = Number(process.env["JOMED_DAMAGED_FILES"] ?? 1000);

test.each(KEPT.map((kept) => [kept.name, kept] as const))(
  `${COUNT} damaged files of %s are refused by name or read as they are, each within 5 s`,
  async (_, kept) => {
    const { faults, refused, read } = await tryDamage(kept, COUNT);
    expect(faults).toEqual([]);
    expect(refused + read).toBe(COUNT);
  },
  1_200_000, // of a busy machine: 1,000 adapters take 14 minutes of it
);
