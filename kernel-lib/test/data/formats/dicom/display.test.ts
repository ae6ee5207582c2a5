import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDicom, renderDicom } from "../../../../src/data/formats/dicom/dicom";
import { refusal } from "../../helpers";

const FOLDER = join(__dirname, "../../../reference/dicom");
const { shown, rows, columns } = JSON.parse(readFileSync(join(FOLDER, "display.json"), "utf8")) as {
  rows: number;
  columns: number;
  shown: Record<string, number[]>;
};
const fileOf = (name: string) => Buffer.from(readFileSync(join(FOLDER, `${name}.dcm`)));

test.each(Object.entries(shown))("%s looks as pydicom shows it", async (name, levels) => {
  const picture = renderDicom(await readDicom(fileOf(name), `${name}.dcm`));
  expect([picture.height, picture.width, picture.channels]).toEqual([rows, columns, 1]);
  for (const [p, level] of levels.entries())
    expect(Math.abs(picture.data[p]! - level), `${p}`).toBeLessThanOrEqual(0.501);
});

/** A file in which one text stands in place of another of the same length. */
function withText(name: string, from: string, to: string): Buffer {
  const bytes = fileOf(name);
  const at = bytes.indexOf(from, 0, "latin1");
  expect(at).toBeGreaterThan(0);
  bytes.write(to, at, "latin1");
  return bytes;
}

/** A file with one element's number written over; `tag` as its four bytes in a file of explicit types. */
function withNumber(name: string, tag: readonly number[], value: number, offset = 0): Buffer {
  const bytes = fileOf(name);
  const at = bytes.indexOf(Buffer.from([...tag, 0x55, 0x53]));
  expect(at).toBeGreaterThan(0);
  bytes.writeUInt16LE(value, at + 8 + offset);
  return bytes;
}

const DESCRIPTOR = [0x28, 0, 2, 0x30];

/** A file with one more element of text, before its pixels; `tag` as its four bytes. */
function withElement(name: string, tag: readonly number[], type: string, text: string): Buffer {
  const bytes = fileOf(name);
  const at = bytes.indexOf(Buffer.from([0xe0, 0x7f, 0x10, 0]));
  expect(at).toBeGreaterThan(0);
  const padded = text.length % 2 === 0 ? text : `${text} `;
  const element = Buffer.from([...tag, 0, 0, padded.length, 0]);
  element.write(type, 4, "latin1");
  return Buffer.concat([bytes.subarray(0, at), element, Buffer.from(padded), bytes.subarray(at)]);
}

const [ASPECT, SPACING] = [[0x28, 0, 0x34, 0] as const, [0x28, 0, 0x30, 0] as const];

test("a picture whose pixels are as good as square is read", async () => {
  const bytes = withElement("shown-sigmoid-2", SPACING, "DS", "0.1430\\0.1435");
  const [plain, told] = [await readDicom(fileOf("shown-sigmoid-2"), "a.dcm"), await readDicom(bytes, "a.dcm")];
  expect(renderDicom(told)).toEqual(renderDicom(plain));
});

test.each([
  [
    "a function of another name",
    () => withText("shown-sigmoid-2", "SIGMOID ", "GAMMA   "),
    /VOILUTFunction .* must be one of LINEAR, LINEAR_EXACT, SIGMOID; got GAMMA/,
  ],
  [
    "pixels that are twice as wide as high",
    () => withElement("shown-sigmoid-2", ASPECT, "IS", "1\\2"),
    /PixelAspectRatio \(0028,0034\), must be the same down and across; got 1 and 2/,
  ],
  [
    "rows that are farther apart than columns",
    () => withElement("shown-sigmoid-2", SPACING, "DS", "0.3\\0.2"),
    /PixelSpacing \(0028,0030\), must be the same down and across; got 0.3 and 0.2/,
  ],
  [
    "a window without a width",
    () => withText("shown-sigmoid-2", "900 ", "0   "),
    /WindowWidth .* must be above 0 for SIGMOID; got 0/,
  ],
  [
    "a table of nine bits",
    () => withNumber("shown-voi-8bit", DESCRIPTOR, 9, 4),
    /VOILUTDescriptor, must state a count, a first value and 8, 10 to 16 bits; got 9/,
  ],
  [
    "a table that is too short",
    () => withNumber("shown-voi-8bit", DESCRIPTOR, 300),
    /VOILUTData, must hold 300 entries; got 512 bytes/,
  ],
  ["32 bits", () => withNumber("shown-linear-2", [0x28, 0, 0, 1], 32), /BitsAllocated .* must be 8 or 16; got 32/],
  [
    "several frames in one",
    () => withNumber("shown-linear-2", [0x28, 0, 0x10, 0], 3),
    /must hold one frame of 48 bytes; got 96 bytes/,
  ],
  [
    "a form of packing that is not read",
    () => withText("shown-linear-2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.9.9"),
    /TransferSyntaxUID .* got unknown/,
  ],
  [
    "numbers that are not whole",
    () => withText("shown-linear-2", "\xe0\x7f\x10\x00", "\xe0\x7f\x08\x00"),
    /must hold whole numbers; got FloatPixelData/,
  ],
])("%s is refused by name, and nobody is sent to download a sound file again", async (_, make, wording) => {
  const { message, code } = await refusal(() => readDicom(make(), "a.dcm"));
  expect(code).toBe("data");
  expect(message).toMatch(wording);
  expect(message).not.toMatch(/Download/);
});

test.each(["shown-linear-2", "shown-voi-implicit", "shown-voi-big-endian", "rle-12bit", "jpeg-lossless-1"])(
  "%s with any number of zeros behind it is read as without them",
  async (name) => {
    const folder = name.startsWith("rle") ? join(FOLDER, "../data") : FOLDER;
    const bytes = readFileSync(join(folder, `${name}.dcm`));
    const expected = await readDicom(bytes, "a.dcm");
    for (const count of [1, 2, 7, 8, 13, 512, 515]) {
      const padded = Buffer.concat([bytes, Buffer.alloc(count)]);
      expect((await readDicom(padded, "a.dcm")).values, `${count}`).toEqual(expected.values);
    }
  },
);

test("anything else behind the pixels is no sound file", async () => {
  const padded = Buffer.concat([fileOf("shown-linear-2"), Buffer.from([1, 2, 3])]);
  expect((await refusal(() => readDicom(padded, "a.dcm"))).message).toMatch(/must be sound DICOM/);
});

test("a file that is cut off is to be downloaded again", async () => {
  const { message } = await refusal(() => readDicom(fileOf("bare-explicit").subarray(0, -20), "a.dcm"));
  expect(message).toMatch(/Download the file again\.$/);
});

test.each([
  ["a page of the web", "<!DOCTYPE html><title>Log in</title>", /got a page of the web, as a login gives it/],
  ["a picture", "\x89PNG\r\n\x1a\n and more", /got a PNG or JPEG picture/],
  ["an archive", "\x1f\x8b\x08 and so on and on", /got an archive/],
  ["nothing", "", /got an empty file/],
])("%s under the name of a DICOM file is called what it is", async (_, text, wording) => {
  const { message } = await refusal(() => readDicom(Buffer.from(text, "latin1"), "a.dcm"));
  expect(message).toMatch(/^readDicom: a\.dcm, preamble, must end with DICM; /);
  expect(message).toMatch(wording);
});
