import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Passage } from "../../../src/base/types";
import { openPack, readPackSummary, writePack } from "../../../src/data/corpora/passage-pack";

const COUNT = 100_000;
const SIDE = 64; // 64 x 64 x 3 bytes: 1.2 GB of pictures in all
const MEBIBYTE = 2 ** 20;

/** A picture of one byte value, with a text of its own. */
function passageAt(position: number): Passage {
  const data = new Uint8Array(SIDE * SIDE * 3).fill(position % 251);
  const image = { width: SIDE, height: SIDE, channels: 3, data } as const;
  return { id: `p/${position}`, corpus: "generated", licence: "CC0-1.0", text: `text ${position}`, image };
}

async function* generate(): AsyncGenerator<Passage> {
  for (let position = 0; position < COUNT; position++) yield passageAt(position);
}

test("100,000 pairs are packed, opened and read one by one within 300 MiB more than before", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pack-"));
  let most = 0;
  const before = process.memoryUsage().rss;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss - before);
  }, 50);
  try {
    await writePack(folder, generate(), () => ({ broken: [] }));
    const passages = await openPack(folder);
    expect(passages).toHaveLength(COUNT);
    expect((await readPackSummary(folder))!.count).toBe(COUNT);
    let wrong = 0;
    for (const [position, { id, text, image }] of passages.entries()) {
      if (id !== `p/${position}` || text !== `text ${position}` || image.data[17] !== position % 251) wrong++;
      if (position % 1000 === 0) await new Promise(setImmediate); // lets the watch look
    }
    expect(wrong).toBe(0);
    expect(most / MEBIBYTE).toBeLessThan(300);
  } finally {
    clearInterval(watch);
    rmSync(folder, { recursive: true });
  }
});
