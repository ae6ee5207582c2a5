import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDicom, renderDicom } from "../../../../src/data/formats/dicom/dicom";
import { decodeInWasm, decodeJpeg2000, decodeJpegLs } from "../../../../src/data/formats/dicom/wasm-codecs";
import { refusal } from "../../helpers";

const FOLDER = join(__dirname, "../../../reference/dicom");
interface Stored {
  readonly samples: number;
  readonly values: number[];
}
const { rows, columns, pictures } = JSON.parse(readFileSync(join(FOLDER, "reference.json"), "utf8")) as {
  rows: number;
  columns: number;
  pictures: Record<string, Stored>;
};
const fileOf = (name: string) => Buffer.from(readFileSync(join(FOLDER, `${name}.dcm`)));

/** Decoders of lossy pictures may differ by a level or two in rounding; everything else is bit for bit. */
const TOLERANCE: Readonly<Record<string, number>> = {
  "jpeg-12bit": 1,
  "jpeg-extended-8bit": 1,
  "jpeg-ybr": 2,
  "jpeg-rgb-unmarked": 1,
};

test.each(Object.entries(pictures).filter(([name]) => name !== "two-frames"))(
  "the pixels of %s",
  async (name, stored) => {
    const picture = await readDicom(fileOf(name), `${name}.dcm`);
    expect([picture.height, picture.width, picture.samples]).toEqual([rows, columns, stored.samples]);
    const tolerance = TOLERANCE[name] ?? 0;
    if (tolerance === 0) expect([...picture.values]).toEqual(stored.values);
    const farthest = picture.values.reduce((most, value, p) => Math.max(most, Math.abs(value - stored.values[p]!)), 0);
    expect(farthest).toBeLessThanOrEqual(tolerance);
    expect(picture.photometric).toMatch(stored.samples === 3 ? /^RGB$/ : /^MONOCHROME[12]$/);
    expect(renderDicom(picture).data).toHaveLength(rows * columns * stored.samples);
  },
);

/** The position of an element's value; `tag` as its four bytes in a little-endian file, with its VR. */
function place(bytes: Buffer, tag: readonly number[]): number {
  const at = bytes.indexOf(Buffer.from([...tag, 0x55, 0x53]));
  expect(at).toBeGreaterThan(0);
  return at + 8;
}

function withValue(name: string, tag: readonly number[], value: number): Buffer {
  const bytes = fileOf(name);
  bytes.writeUInt16LE(value, place(bytes, tag));
  return bytes;
}

/** The packed frame starts behind the empty offset table and its own item head. */
function withFrame(name: string, change: (frame: Buffer) => void): Buffer {
  const bytes = fileOf(name);
  const item = Buffer.from([0xfe, 0xff, 0x00, 0xe0]);
  const start = bytes.indexOf(item, bytes.indexOf(item) + 4) + 8;
  change(bytes.subarray(start, start + bytes.readUInt32LE(start - 4)));
  return bytes;
}

const ROWS = [0x28, 0, 0x10, 0];
const BITS_STORED = [0x28, 0, 1, 1];
const HIGH_BIT = [0x28, 0, 2, 1];
const SIGN = [0x28, 0, 3, 1];
const CODED = ["jpeg-lossless-1", "jpeg-12bit", "jpeg-extended-8bit", "jpeg-ls-12bit", "jpeg-2000-12bit"];

test.each(CODED)("a frame of another size than its header states is refused: %s", async (name) => {
  const { message, code } = await refusal(() => readDicom(withValue(name, ROWS, 20), "a.dcm"));
  expect(code).toBe("data");
  expect(message).toMatch(
    /^readDicom: a\.dcm, PixelData \(7FE0,0010\), must (be 18 x 20 x 1; got 18 x 21 x 1|hold a (sound )?JPEG)/,
  );
});

test.each(CODED)("a frame that ends early, or in zeros, is refused: %s", async (name) => {
  for (const keep of [4, 60, -12]) {
    const bytes = withFrame(name, (frame) => frame.fill(0, keep < 0 ? frame.length + keep : keep));
    const { message, code } = await refusal(() => readDicom(bytes, "a.dcm"));
    expect(code).toBe("data");
    expect(message).toMatch(/^readDicom: a\.dcm, (PixelData|data set)/);
  }
});

test.each([
  ["two frames", () => fileOf("two-frames"), /NumberOfFrames \(0028,0008\), must be 1; got 2\. Export the frame/],
  [
    "values beyond its depth",
    () => withValue("jpeg-lossless-16bit", BITS_STORED, 12),
    /HighBit .* must be from 11 to 11/,
  ],
  [
    "a codec of more bits than stored",
    () => {
      const bytes = withValue("jpeg-ls-16bit", BITS_STORED, 12);
      bytes.writeUInt16LE(11, place(bytes, HIGH_BIT));
      return bytes;
    },
    /PixelData .* must hold values from 0 to 4095 \(BitsStored\); got \d{4,5}/,
  ],
  ["a sign that its JPEG 2000 has not", () => withValue("jpeg-2000-16bit", SIGN, 1), /must be signed; got the other/],
  ["colours with a sign", () => withValue("jpeg-ls-rgb", SIGN, 1), /BitsStored .* must be 8, without sign, for colour/],
  [
    "a packing that is not read",
    () => {
      const bytes = fileOf("jpeg-2000-12bit");
      bytes.write("9", bytes.indexOf("1.2.840.10008.1.2.4.90") + 21, "latin1");
      return bytes;
    },
    /TransferSyntaxUID \(0002,0010\), must be one of .*JPEG 2000; got unknown \(1\.2\.840\.10008\.1\.2\.4\.99\)\. Convert it/,
  ],
  [
    "a .jp2 in place of a codestream",
    () => withFrame("jpeg-2000-12bit", (frame) => Buffer.from("0000000c6a502020", "hex").copy(frame)),
    /must be a JPEG 2000 codestream; got a \.jp2 file/,
  ],
  [
    "a palette without its tables",
    () => {
      const bytes = fileOf("palette-8bit");
      bytes.writeUInt16LE(0x1299, bytes.indexOf(Buffer.from([0x28, 0, 1, 0x12, 0x4f, 0x57])) + 2);
      return bytes;
    },
    /RedPaletteColorLookupTableData, must be there; got none|sound DICOM/,
  ],
  [
    "a JPEG 2000 of thousands of tiles",
    () =>
      withFrame("jpeg-2000-12bit", (frame) => {
        frame.writeUInt32BE(0, 24);
      }),
    /must have 1 to 4096 tiles; got Infinity/,
  ],
  [
    "a few bytes that state a huge picture",
    () => {
      const bytes = withValue("jpeg-2000-16bit", ROWS, 4000);
      bytes.writeUInt16LE(4000, place(bytes, [0x28, 0, 0x11, 0]));
      return bytes;
    },
    /PixelData .* must unfold at most 2000 times; got \d+ to 32000000 bytes/,
  ],
])("a file with %s is refused by field", async (_, make, wording) => {
  const { message, code } = await refusal(() => readDicom(make(), "a.dcm"));
  expect(code).toBe("data");
  expect(message).toMatch(/^readDicom: a\.dcm, /);
  expect(message).toMatch(wording);
});

test("several pictures at once are decoded one after the other, and a broken one harms none", async () => {
  const broken = withFrame("jpeg-2000-12bit", (frame) => frame.fill(0, frame.length - 60));
  const names = ["jpeg-2000-12bit", "jpeg-ls-12bit", null, "jpeg-2000-16bit", "jpeg-ls-16bit"];
  const outcomes = await Promise.allSettled(
    names.map((name) => readDicom(name === null ? broken : fileOf(name), "a.dcm")),
  );
  for (const [k, outcome] of outcomes.entries()) {
    expect(outcome.status).toBe(names[k] === null ? "rejected" : "fulfilled");
    if (outcome.status === "fulfilled") expect([...outcome.value.values]).toEqual(pictures[names[k]!]!.values);
  }
});

const shape = { width: 16_000, height: 16_000, samples: 1, bitsAllocated: 8 } as const;

test("a few bytes that unfold to 256 million samples are refused before they are unfolded, and by the decoder's memory", async () => {
  const [j2k, jls] = ["bomb.j2k", "bomb.jls"].map((name) => readFileSync(join(FOLDER, name)));
  expect(j2k!.length + jls!.length).toBeLessThan(4000);
  const [before, memoryBefore] = [performance.now(), process.memoryUsage().rss];
  const outcome = await decodeInWasm("openjpeg", j2k!);
  expect(outcome).toEqual({ fault: expect.stringMatching(/Size of tile data exceeds system limits/) });
  await expect(decodeJpeg2000(j2k!, { ...shape, width: 18, isSigned: false })).rejects.toThrow(
    /must be 18 x 16000 x 1/,
  );
  await expect(decodeJpegLs(jls!, { ...shape, width: 18 })).rejects.toThrow(/must be 18 x 16000 x 1/);
  expect(performance.now() - before).toBeLessThan(5000);
  expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(2 ** 28); // less than a byte a sample; the process may hold what other tests left
});

test("a file that states 0 frames is taken for one of one frame, as by pydicom", async () => {
  const bytes = fileOf("two-frames");
  const stated = bytes.indexOf(Buffer.from([0x28, 0, 0x08, 0, 0x49, 0x53])) + 8;
  expect(bytes.toString("latin1", stated, stated + 1)).toBe("2");
  bytes.write("0", stated, "latin1");
  const { message } = await refusal(() => readDicom(bytes, "a.dcm"));
  expect(message).toMatch(/PixelData .* must hold one frame of \d+ bytes; got \d+ bytes/); // it holds two, and no longer says so
});

test("an object that holds no picture is called so, whatever else it leaves out", async () => {
  const bytes = fileOf("two-frames");
  bytes.writeUInt16LE(0x7fe1, bytes.lastIndexOf(Buffer.from([0xe0, 0x7f, 0x10, 0])));
  bytes.writeUInt16LE(0x0029, bytes.indexOf(Buffer.from([0x28, 0, 0x10, 0, 0x55, 0x53])));
  const { message } = await refusal(() => readDicom(bytes, "a.dcm"));
  expect(message).toMatch(/PixelData \(7FE0,0010\), must be there; got none .* The object is no picture/);
});
