import { createRequire } from "node:module";
import sharp from "sharp";
import { expect, test } from "vitest";
import { createRandom } from "../../../src/base/random";
import { parseParquet } from "../../../src/data/formats/parquet";
import { allReaders, mutate, tryMutations } from "./mutations";

/** A small PNG with noise, so that most changed bytes matter. */
async function makePng(): Promise<Buffer> {
  const random = createRandom("png");
  const data = Buffer.from(Array.from({ length: 16 * 16 * 3 }, () => random.integer(256)));
  return sharp(data, { raw: { width: 16, height: 16, channels: 3 } })
    .png()
    .toBuffer();
}

test("5 mutated files of every reader are refused by name or read soundly", async () => {
  for (const reader of allReaders(await makePng())) {
    const outcome = await tryMutations(reader, 5);
    expect(outcome.faults, reader.name).toEqual([]);
    expect(outcome.refused, reader.name).toBeGreaterThan(0);
  }
});

test("a mutation depends on its seed alone and changes the file", () => {
  const sound = Buffer.from("a file that is long enough");
  expect(mutate(sound, createRandom(1))).toEqual(mutate(sound, createRandom(1)));
  const changed = Array.from({ length: 50 }, (_, k) => mutate(sound, createRandom(k))).filter(
    (bytes) => !bytes.equals(sound),
  );
  expect(changed.length).toBeGreaterThan(40);
});

test("a huge number anywhere in an unpacked page is refused or harmless, and never fills memory", async () => {
  const { parquetWriteBuffer } = createRequire(__filename)("hyparquet-writer") as {
    parquetWriteBuffer(options: object): ArrayBuffer;
  };
  const columnData = [
    { name: "a", data: ["x", "y", null, "x", "x", "y"] },
    { name: "b", data: [1, 2, 3, null, 5, 6] },
  ];
  const sound = Buffer.from(parquetWriteBuffer({ columnData, codec: "UNCOMPRESSED" }));
  const reasons: string[] = [];
  const before = process.memoryUsage().rss; // other test files share the process
  for (let at = 50; at < 110; at++) {
    const bytes = Buffer.from(sound);
    Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x07]).copy(bytes, at);
    await parseParquet(bytes, "a.parquet", ["a", "b"]).catch((error: Error) => reasons.push(error.message));
  }
  expect(reasons.filter((reason) => /^readParquet: a\.parquet/.test(reason))).toHaveLength(reasons.length);
  expect(reasons.some((reason) => /not extensible/.test(reason))).toBe(true);
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
});
