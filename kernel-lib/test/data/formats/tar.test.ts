import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BLOCK, formatTar, formatTarHeader, readTar, type TarLimits } from "../../../src/data/formats/tar";
import { refusal } from "../helpers";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tar-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const END = new Uint8Array(2 * BLOCK);
const bytes = (text: string) => Buffer.from(text);

/** A member with its padding. */
function member(name: string, content: Uint8Array, type = "0"): Uint8Array {
  const padding = new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK);
  return Buffer.concat([formatTarHeader(name, content.length, type), content, padding]);
}

async function read(content: Uint8Array, name = "a.tar", limits: TarLimits = {}): Promise<[string, string][]> {
  const path = join(folder, name);
  writeFileSync(path, content);
  const members: [string, string][] = [];
  for await (const { name: found, content: held } of readTar(path, limits)) {
    members.push([found, Buffer.from(held).toString("utf8")]);
  }
  return members;
}

test("an archive gives back what was put in, packed or not, whatever the sizes", async () => {
  const files: [string, string][] = [
    ["a.txt", "one"],
    ["deep/b.txt", ""],
    ["c.txt", "x".repeat(BLOCK)],
    ["d.txt", "y".repeat(70_000)],
  ];
  const archive = formatTar(files.map(([name, text]) => [name, bytes(text)] as const));
  expect(archive.length % BLOCK).toBe(0);
  expect(await read(archive)).toEqual(files);
  expect(await read(gzipSync(archive), "a.tar.gz")).toEqual(files);
  expect(await read(archive.subarray(0, -2 * BLOCK))).toEqual(files); // without its end
});

test("long names come from pax records, GNU headers and the ustar prefix; folders are passed over", async () => {
  const long = `${"p".repeat(120)}/x.jpg`;
  const record = ` path=${long}\n`;
  const length = record.length + String(record.length + 3).length;
  const pax = member("ignored", bytes(`${length}${record}`), "x");
  const gnu = member("././@LongLink", bytes(`${long}\0`), "L");
  const archive = Buffer.concat([
    member("folder/", bytes(""), "5"),
    pax,
    member("short", bytes("1")),
    gnu,
    member("cut", bytes("2")),
    END,
  ]);
  expect(await read(archive)).toEqual([
    [long, "1"],
    [long, "2"],
  ]);
});

test.each([
  ["../a", "0"],
  ["/etc/passwd", "0"],
  ["a/../../b", "0"],
  ["..\\a", "0"],
  ["C:/a", "0"],
])("a member named %s is refused", async (name, type) => {
  const error = await refusal(() => read(Buffer.concat([member(name, bytes("x"), type), END])));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(/a\.tar must hold names that stay in its folder; got "/);
});

test.each(["1", "2", "3", "6"])("a link or device (type %s) is refused", async (type) => {
  const error = await refusal(() => read(Buffer.concat([member("link", bytes(""), type), END])));
  expect(error.message).toMatch(/member link must be a file or a folder; got a link or device/);
});

test("damage is refused: no archive, a cut one, a wrong checksum, damaged pax records", async () => {
  const archive = formatTar([["a.txt", bytes("x".repeat(2000))]]);
  expect((await refusal(() => read(bytes("no archive")))).message).toMatch(/must consist of 512-byte blocks/);
  expect((await refusal(() => read(new Uint8Array(0)))).message).toMatch(/must consist of 512-byte blocks/);
  expect((await refusal(() => read(archive.subarray(0, 1000)))).message).toMatch(
    /member a\.txt must have its 2000 bytes/,
  );
  const wrong = Uint8Array.from(archive);
  wrong[0] = 0x62;
  expect((await refusal(() => read(wrong))).message).toMatch(
    /must be a tar archive; got a header with a wrong checksum/,
  );
  const pax = Buffer.concat([member("x", bytes("99 path=a\n"), "x"), END]);
  expect((await refusal(() => read(pax))).message).toMatch(/sound extended headers/);
  expect((await refusal(() => read(gzipSync(archive).subarray(0, 40), "b.tar.gz"))).message).toMatch(
    /readable archive/,
  );
});

test("a bomb is refused: a member above the limit, a gzip that unfolds too far", async () => {
  const big = formatTar([["a.txt", new Uint8Array(4096)]]);
  const error = await refusal(() => read(big, "a.tar", { maxMemberBytes: 4095 }));
  expect(error.message).toMatch(/must have at most 4095 bytes; got 4096/);
  const bomb = gzipSync(
    formatTar(Array.from({ length: 18 }, (_, i) => [`${i}.txt`, new Uint8Array(2 ** 20)] as const)),
  );
  expect(bomb.length).toBeLessThan(100_000);
  expect((await refusal(() => read(bomb, "bomb.tar.gz"))).message).toMatch(
    /must unfold at most 200 times; .* gzip bomb/,
  );
  const lying = member("a", bytes("")); // says 8 GiB, holds nothing
  const header = formatTarHeader("a", 8 * 2 ** 30 - 1);
  lying.set(header);
  expect((await refusal(() => read(lying))).message).toMatch(/at most 67108864 bytes/);
});
