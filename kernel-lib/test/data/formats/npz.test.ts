import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { isKernelError } from "../../../src/base/errors";
import { createRandom } from "../../../src/base/random";
import { type NpyArray, readNpy, writeNpy } from "../../../src/data/formats/npy";
import { formatNpz, readNpz } from "../../../src/data/formats/npz";
import { writeZip } from "../../../src/data/formats/zip";
import { bytesArray, refusal } from "../helpers";

/** The header numpy.save writes for numpy.array([[1, 2], [3, 4]], dtype="<i2"), typed by hand. */
function byHand(shape: string, descr = "<i2", order = "False"): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`.padEnd(117);
  const numbers = [1, 0, 2, 0, 3, 0, 4, 0];
  return Buffer.concat([
    Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"),
    Buffer.from(`${text}\n`),
    Buffer.from(numbers),
  ]);
}

test("readNpy reads a file typed by hand", () => {
  const array = readNpy(byHand("(2, 2)"), "x");
  expect(array.shape).toEqual([2, 2]);
  expect([...(array.data as Int16Array)]).toEqual([1, 2, 3, 4]);
});

test("writeNpy pads the header to 64 bytes and reads back, for every type", () => {
  const arrays: NpyArray[] = [
    bytesArray([3]),
    { type: "<f4", shape: [2, 1], data: Float32Array.of(0.5, -1) },
    { type: "<i8", shape: [1], data: BigInt64Array.of(-5n) },
    { type: "<f8", shape: [0, 4], data: new Float64Array(0) },
  ];
  for (const array of arrays) {
    const bytes = writeNpy(array);
    expect((bytes.length - array.data.byteLength) % 64).toBe(0);
    expect(readNpy(bytes, "x")).toEqual(array);
  }
});

test.each([
  [byHand("(2, 2)", "<i2", "True"), /be in C order; got Fortran order/],
  [byHand("(2, 2)", ">i2"), /hold one of .*; got >i2/],
  [byHand("(2, 2)", "|O"), /got \|O/],
  [byHand("(2, 3)"), /must hold 12 bytes of numbers; got 8 bytes \(a truncated array\)/],
  [byHand("(3,)"), /must hold 6 bytes of numbers; got 8 bytes \(trailing bytes\)/],
  [byHand("(9999999999, 9999999999)"), /shape of at most 8 whole numbers/],
  [byHand("(2, -2)"), /plain header/],
  [byHand("(2, 2)").subarray(0, 60), /whole header/],
  [Buffer.from("no array"), /NumPy signature/],
])("readNpy refuses an unsound array (%#)", async (bytes, wording) => {
  const error = await refusal(() => readNpy(bytes, "a.npz, member b.npy"));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(wording);
  expect(error.message).toMatch(/^readNpy: a\.npz, member b\.npy must /);
});

const folder = mkdtempSync(join(tmpdir(), "npz-"));
afterAll(() => rmSync(folder, { recursive: true }));
const FILE = join(folder, "a.npz");

/** Reads bytes as a file. */
function read(bytes: Uint8Array, limits?: Parameters<typeof readNpz>[1]): ReturnType<typeof readNpz> {
  writeFileSync(FILE, bytes);
  return readNpz(FILE, limits);
}

const SMALL = new Map([
  ["images", bytesArray([6, 4, 4])],
  ["labels", bytesArray([6, 1], (i) => i % 2)],
]);

test.each(["stored", "deflated"] as const)("an archive with %s members reads back", async (packing) => {
  const bytes = formatNpz(SMALL, packing);
  expect(await read(bytes)).toEqual(SMALL);
  expect(Buffer.from(formatNpz(SMALL, packing)).equals(bytes)).toBe(true);
});

test.each(["stored", "deflated"] as const)("300 mutations of a %s archive are refused or harmless", async (packing) => {
  const random = createRandom(`mutations/${packing}`);
  const sound = Buffer.from(formatNpz(SMALL, packing));
  const outcomes = { refused: 0, identical: 0 };
  for (let k = 0; k < 300; k++) {
    let bytes = Buffer.from(sound);
    const kind = random.integer(4);
    const at = random.integer(bytes.length);
    if (kind === 0) bytes[at]! ^= 1 << random.integer(8);
    else if (kind === 1) bytes = bytes.subarray(0, at);
    else if (kind === 2) bytes.fill(random.integer(256), at, at + 1 + random.integer(16));
    else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([random.integer(256)]), bytes.subarray(at)]);
    try {
      expect(await read(bytes)).toEqual(SMALL);
      outcomes.identical++;
    } catch (error) {
      if (!isKernelError(error, "data")) throw error;
      outcomes.refused++;
    }
  }
  expect(outcomes.refused + outcomes.identical).toBe(300);
  expect(outcomes.refused).toBeGreaterThan(200);
});

test("bytes behind or before the archive are refused, a comment too", async () => {
  const sound = Buffer.from(formatNpz(SMALL, "stored"));
  for (const bytes of [Buffer.concat([sound, Buffer.of(0)]), Buffer.concat([Buffer.of(0), sound])]) {
    expect((await refusal(() => read(bytes))).message).toMatch(/readZip: .*a\.npz must /);
  }
  sound.writeUInt16LE(1, sound.length - 2);
  const noted = Buffer.concat([sound, Buffer.from("!")]);
  expect((await refusal(() => read(noted))).message).toMatch(/must have a comment of at most 0 bytes; got 1/);
});

test("a member that declares more than the limit is refused before it is inflated", async () => {
  const zeros = writeZip(new Map([["a.npy", new Uint8Array(3 * 2 ** 20)]]), "deflated");
  const ratio = await refusal(() => read(zeros));
  expect(ratio.message).toMatch(/member a\.npy must unfold at most 200 times/);
  const total = await refusal(() => read(zeros, { maxBytes: 2 ** 20, maxRatio: 1e9 }));
  expect(total.message).toMatch(/must have at most 1048576 bytes; got 3145728/);
  const half = bytesArray([400_000]);
  const two = formatNpz(new Map(["a", "b"].map((name) => [name, half])), "deflated");
  const sum = await refusal(() => read(two, { maxBytes: 500_000 }));
  expect(sum.message).toMatch(/member b\.npy must keep the archive within 500000 bytes; got 800\d{3}/);
});

test("a member that lies about its size is cut off there", async () => {
  const packed = deflateRawSync(new Uint8Array(50 * 2 ** 20));
  const bytes = Buffer.from(writeZip(new Map([["a.npy", packed]]), "stored"));
  const directory = bytes.indexOf(Buffer.from("PK\x01\x02", "latin1"));
  bytes.writeUInt16LE(8, directory + 10);
  bytes.writeUInt32LE(100, directory + 24);
  const before = process.memoryUsage().arrayBuffers;
  const error = await refusal(() => read(bytes));
  expect(error.message).toMatch(/must unfold to its declared 100 bytes; got more than that/);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 2 ** 20);
});

test("a foreign member and a doubled member are refused", async () => {
  const foreign = writeZip(new Map([["readme.txt", Buffer.from("hello")]]), "stored");
  expect((await refusal(() => read(foreign))).message).toMatch(/\.npy members only, each once; got "readme\.txt"/);
  const doubled = Buffer.from(
    formatNpz(new Map([...SMALL].map(([n, a]) => [n === "images" ? "labell" : n, a])), "stored"),
  );
  for (let at = doubled.indexOf("labell"); at >= 0; at = doubled.indexOf("labell")) doubled.write("labels", at);
  expect((await refusal(() => read(doubled))).message).toMatch(
    /\.npy members only, each once; got "labels\.npy" twice/,
  );
});

test("readNpz refuses a missing file and one above the limit by name", async () => {
  const error = await refusal(() => read(formatNpz(SMALL, "stored"), { maxBytes: 10 }));
  expect(error.message).toMatch(/a\.npz must be a file of at most 10 bytes/);
  expect((await refusal(() => readNpz(join(folder, "none.npz")))).message).toMatch(/must name a readable file/);
});
