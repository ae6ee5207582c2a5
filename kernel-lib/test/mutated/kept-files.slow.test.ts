import { beforeAll, expect, test } from "vitest";
import { openBackend } from "../../src/compute/backend";
import { KEPT } from "./kept-files";
import { tryDamage } from "./try-damage";

beforeAll(async () => {
  await openBackend();
});

test.each(KEPT.map((kept) => [kept.name, kept] as const))(
  "1,000 damaged files of %s are refused by name or read as they are, each within 5 s",
  async (_, kept) => {
    const { faults, refused, read } = await tryDamage(kept, 1000);
    expect(faults).toEqual([]);
    expect(refused + read).toBe(1000);
  },
);
