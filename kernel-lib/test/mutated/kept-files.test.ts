import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { KEPT } from "./kept-files";
import { tryDamage } from "./try-damage";

beforeAll(async () => {
  await openBackend();
});

test.each(KEPT.map((kept) => [kept.name, kept] as const))(
  "10 damaged files of %s are refused by name or read as they are",
  async (_, kept) => {
    const { faults, refused, read } = await tryDamage(kept, 10);
    expect(faults).toEqual([]);
    expect(refused + read).toBe(10);
  },
);
