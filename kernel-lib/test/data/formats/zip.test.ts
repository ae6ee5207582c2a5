import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isKernelError } from "../../../src/base/errors";
import { createRandom } from "../../../src/base/random";
import { readZip, writeZip, type ZipLimits } from "../../../src/data/formats/zip";
import { refusal } from "../helpers";
import { mutate } from "./mutations";

const folder = mkdtempSync(join(tmpdir(), "zip-file-"));
afterAll(() => rmSync(folder, { recursive: true }));
const FILE = join(folder, "a.zip");

const MEMBERS = new Map([
  ["a/one.txt", Buffer.from("one ".repeat(500))],
  ["two.bin", Buffer.from(Uint8Array.from({ length: 3000 }, (_, i) => (i * 31) % 256))],
]);

async function contents(bytes: Uint8Array, limits?: ZipLimits): Promise<Map<string, Uint8Array>> {
  writeFileSync(FILE, bytes);
  const found = new Map<string, Uint8Array>();
  for await (const { name, read, pieces } of readZip(FILE, limits)) {
    const whole = await read();
    const streamed: Buffer[] = [];
    for await (const piece of pieces()) streamed.push(piece);
    expect(Buffer.concat(streamed).equals(whole)).toBe(true);
    found.set(name, whole);
  }
  return found;
}
const zip = (names: readonly string[] = [...MEMBERS.keys()], packing: "stored" | "deflated" = "deflated") =>
  Buffer.from(
    writeZip(new Map(names.map((name) => [name, MEMBERS.get(name) ?? Buffer.from("x".repeat(200))])), packing),
  );

test("the members come in their order, checked, one at a time; a comment may follow", async () => {
  for (const packing of ["stored", "deflated"] as const) {
    const found = await contents(zip(undefined, packing));
    expect([...found.keys()]).toEqual([...MEMBERS.keys()]);
    for (const [name, content] of MEMBERS) expect(Buffer.from(found.get(name)!).equals(content)).toBe(true);
  }
  expect((await contents(withComment("made by hand"))).size).toBe(2);
});

function withComment(note: string): Buffer {
  const plain = zip();
  plain.writeUInt16LE(note.length, plain.length - 2);
  return Buffer.concat([plain, Buffer.from(note)]);
}

/** The same archive with the numbers of its directory in the records for archives above 4 GiB. */
function wide(plain: Buffer, recordAt?: bigint): Buffer {
  const end = plain.length - 22;
  const [count, size, offset] = [
    plain.readUInt16LE(end + 10),
    plain.readUInt32LE(end + 12),
    plain.readUInt32LE(end + 16),
  ];
  const entries: Buffer[] = [];
  for (let at = offset, k = 0; k < count; k++) {
    const nameEnd = at + 46 + plain.readUInt16LE(at + 28);
    const entry = Buffer.from(plain.subarray(at, nameEnd));
    const extra = Buffer.alloc(4 + 8);
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(8, 2);
    extra.writeBigUInt64LE(BigInt(plain.readUInt32LE(at + 42)), 4);
    entry.writeUInt32LE(0xffffffff, 42);
    entry.writeUInt16LE(extra.length, 30);
    entries.push(entry, extra);
    at = nameEnd;
  }
  const directory = Buffer.concat(entries);
  expect(size).toBe(end - offset);
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  for (const [at, value] of [
    [24, count],
    [32, count],
    [40, directory.length],
    [48, offset],
  ] as const)
    record.writeBigUInt64LE(BigInt(value), at);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(recordAt ?? BigInt(offset + directory.length), 8);
  locator.writeUInt32LE(1, 16);
  const last = Buffer.from(plain.subarray(end));
  last.writeUInt16LE(0xffff, 10);
  last.writeUInt32LE(0xffffffff, 12);
  last.writeUInt32LE(0xffffffff, 16);
  return Buffer.concat([plain.subarray(0, offset), directory, record, locator, last]);
}

test("an archive with the records for more than 4 GiB is read", async () => {
  const found = await contents(wide(zip()));
  for (const [name, content] of MEMBERS) expect(Buffer.from(found.get(name)!).equals(content)).toBe(true);
});

/** A sound archive with one number of its first directory entry, or of its end, written over. */
function withNumber(from: "entry" | "end", at: number, value: number, length: 2 | 4): Buffer {
  const bytes = zip();
  const start = from === "end" ? bytes.length - 22 : bytes.readUInt32LE(bytes.length - 6);
  bytes.writeUIntLE(value, start + at, length);
  return bytes;
}

/** A sound archive whose end declares another number of members. */
function withCount(count: number): Buffer {
  const bytes = zip();
  for (const field of [8, 10]) bytes.writeUInt16LE(count, bytes.length - 22 + field);
  return bytes;
}

const bomb = () => Buffer.from(writeZip(new Map([["zeros", Buffer.alloc(4 * 2 ** 20)]]), "deflated"));
/** Both members of the directory point to the first one's bytes. */
function overlapping(): Buffer {
  const bytes = zip(["two.bin", "two.bix"]);
  const directory = bytes.readUInt32LE(bytes.length - 6);
  bytes.writeUInt32LE(0, directory + 46 + 7 + 42);
  return bytes;
}

test.each([
  ["another format", () => Buffer.from("no zip at all, whatever its name says"), {}, /must end with a zip directory/],
  ["an end that is missing", () => zip().subarray(0, -30), {}, /must end with a zip directory/],
  [
    "a name that climbs out",
    () => zip(["../../etc/x"]),
    {},
    /must stay in the folder it is unpacked to; got "\.\.\/\.\.\/etc\/x"/,
  ],
  ["a name from the root", () => zip(["/etc/x"]), {}, /must stay in the folder/],
  ["a name with a drive", () => zip(["c:\\x"]), {}, /must stay in the folder/],
  ["a link", () => withNumber("entry", 40, 0o120777, 2), {}, /must stay in the folder/],
  ["encryption", () => withNumber("entry", 8, 1, 2), {}, /must not be encrypted/],
  ["an unknown packing", () => withNumber("entry", 10, 12, 2), {}, /must be stored or deflated; got method 12/],
  ["a checksum of something else", () => withNumber("entry", 16, 1, 4), {}, /must match its checksum/],
  ["a smaller size than its content", () => withNumber("entry", 24, 10, 4), {}, /must unfold to its declared 10 bytes/],
  ["a bomb", bomb, {}, /must unfold at most 200 times; got \d+ to 4194304 bytes\. Do not use it/],
  [
    "two names for one member",
    () => Buffer.from(zip().toString("latin1").replace("two.bin", "tow.bin"), "latin1"),
    {},
    /must have the same name in both headers; got "tow\.bin"/,
  ],
  ["a member too large", () => zip(), { maxMemberBytes: 1000 }, /must have at most 1000 bytes; got 2000/],
  ["too much in all", () => zip(), { maxBytes: 4000 }, /must keep the archive within 4000 bytes; got 5000/],
  ["members that share bytes", overlapping, {}, /must have bytes of its own/],
  ["more members than entries", () => withCount(3), {}, /must have one whole zip directory/],
  ["fewer members than entries", () => withCount(1), {}, /must have one whole zip directory; got more bytes/],
  ["a directory on another disk", () => withNumber("end", 10, 3, 2), {}, /one whole zip directory; got a part of one/],
  ["a directory of another size", () => withNumber("end", 12, 5, 4), {}, /must have one whole zip directory/],
  ["bytes before it", () => Buffer.concat([Buffer.of(0), zip()]), {}, /must have one whole zip directory/],
  [
    "bytes behind it",
    () => Buffer.concat([zip(), Buffer.of(0)]),
    {},
    /must end with a zip directory; got .*bytes behind/,
  ],
  [
    "a comment above the limit",
    () => withComment("note"),
    { maxCommentBytes: 3 },
    /a comment of at most 3 bytes; got 4/,
  ],
  [
    "a second record far away",
    () => wide(zip(), 2n ** 63n),
    {},
    /one whole zip directory; got one whose place is wrong/,
  ],
])("an archive with %s is refused", async (_, make, limits, wording) => {
  const { message, code } = await refusal(() => contents(make(), limits));
  expect(code).toBe("data");
  expect(message).toMatch(/^readZip: /);
  expect(message).toMatch(wording);
});

test("a member read piece by piece is held to size and checksum like one read whole", async () => {
  for (const [bytes, wording] of [
    [withNumber("entry", 16, 1, 4), /must match its checksum/],
    [withNumber("entry", 24, 10, 4), /must unfold to its declared 10 bytes/],
    [withNumber("entry", 24, 2001, 4), /must unfold to its declared 2001 bytes; got 2000/],
  ] as const) {
    writeFileSync(FILE, bytes);
    const error = await refusal(async () => {
      for await (const { pieces } of readZip(FILE))
        for await (const piece of pieces()) expect(piece.length).toBeGreaterThan(0);
    });
    expect(error.message).toMatch(wording);
  }
});

test("300 mutated archives are refused by name or read as they were", async () => {
  const sound = zip();
  for (let k = 0; k < 300; k++) {
    const bytes = mutate(sound, createRandom(`zip-file/${k}`));
    try {
      for (const [name, content] of await contents(bytes)) {
        const known = [...MEMBERS.values()].some((member) => member.equals(Buffer.from(content)));
        expect(known || name.length === 0, String(k)).toBe(true);
      }
    } catch (error) {
      if (!isKernelError(error, "data")) throw error;
    }
  }
});
