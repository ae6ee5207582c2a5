import sharp from "sharp";
import { expect, test } from "vitest";
import { allReaders, tryMutations } from "./mutations";

const COUNT = 10_000;
/** It took eight minutes on two busy cores: many readers start a thread for every file. */
const LIMIT_MS = 1_800_000;

test(
  "10,000 mutated files over all readers: refused by name or read soundly, within 5 s each and 1 GB",
  async () => {
    const create = { width: 16, height: 16, channels: 3 as const, background: "#369" };
    const noise = { type: "gaussian" as const, mean: 128, sigma: 60 };
    const readers = allReaders(
      await sharp({ create: { ...create, noise } })
        .png()
        .toBuffer(),
    );
    let peak = 0;
    for (const reader of readers) {
      const outcome = await tryMutations(reader, Math.ceil(COUNT / readers.length));
      expect(outcome.faults, reader.name).toEqual([]);
      peak = Math.max(peak, process.memoryUsage().rss);
    }
    expect(peak).toBeLessThan(2 ** 30);
  },
  LIMIT_MS,
);
