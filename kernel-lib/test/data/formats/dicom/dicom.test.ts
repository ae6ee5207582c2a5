import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type DicomPicture, readDicom, renderDicom } from "../../../../src/data/formats/dicom/dicom";
import { formatDicom } from "../../../../src/phantoms/tasks/vindr";
import { refusal } from "../../helpers";

const FOLDER = join(__dirname, "../../../reference/data");
const { dicom: REFERENCE } = JSON.parse(readFileSync(join(FOLDER, "reference.json"), "utf8")) as {
  dicom: Record<string, number[]>;
};
const fileOf = (name: string) => Buffer.from(readFileSync(join(FOLDER, `${name}.dcm`)));
const read = (name: string) => readDicom(fileOf(name), `${name}.dcm`);

test.each(Object.keys(REFERENCE))("the stored values of a file of pydicom: %s", async (name) => {
  const picture = await read(name);
  expect([picture.height, picture.width]).toEqual([6, 7]);
  if (name === "jpeg-baseline") {
    // two JPEG decoders may differ by one level in rounding
    picture.values.forEach((value, p) => {
      expect(Math.abs(value - REFERENCE[name]![p]!)).toBeLessThanOrEqual(1);
    });
  } else expect([...picture.values]).toEqual(REFERENCE[name]);
});

test("what decides how a picture is shown is read from the header", async () => {
  expect(await read("explicit-12bit")).toMatchObject({
    photometric: "MONOCHROME2",
    slope: 1,
    intercept: 0,
    window: { center: 2048, width: 3000, shape: "LINEAR" },
    padding: null,
  });
  expect(await read("signed-rescaled")).toMatchObject({
    slope: 2,
    intercept: -100,
    window: { center: 40, width: 1500, shape: "LINEAR" },
  });
  expect((await read("implicit-12bit-inverted")).photometric).toBe("MONOCHROME1");
});

const picture = (values: number[], rest: Partial<DicomPicture> = {}): DicomPicture => ({
  width: values.length,
  height: 1,
  samples: 1,
  values: Int32Array.from(values),
  photometric: "MONOCHROME2",
  slope: 1,
  intercept: 0,
  modalityTable: null,
  voiTable: null,
  window: null,
  padding: null,
  ...rest,
});

test("renderDicom without a window shows the whole range, padding left out", () => {
  expect([...renderDicom(picture([100, 150, 200])).data]).toEqual([0, Math.round(255 / 2), 255]);
  expect([...renderDicom(picture([-2000, 100, 150, 200], { padding: [-2000, -2000] })).data]).toEqual([0, 0, 128, 255]);
  expect([...renderDicom(picture([7, 7])).data]).toEqual([0, 0]);
});

test("renderDicom windows by the formula of the standard, after rescaling", () => {
  const window = { center: 0, width: 101, shape: "LINEAR" as const };
  // y = ((x - (c - 0.5)) / (w - 1) + 0.5) * 255 with x = 2 v - 10
  const level = (v: number) => Math.round(((2 * v - 10 + 0.5) / 100 + 0.5) * 255);
  const shown = renderDicom(picture([-100, 0, 5, 20, 100], { slope: 2, intercept: -10, window }));
  expect([...shown.data]).toEqual([0, level(0), level(5), level(20), 255]);
});

test("MONOCHROME1 is turned round; a window of width 1 is a threshold; colour stays", () => {
  expect([...renderDicom(picture([0, 255], { photometric: "MONOCHROME1" })).data]).toEqual([255, 0]);
  const threshold = { center: 10, width: 1, shape: "LINEAR" as const };
  expect([...renderDicom(picture([9, 10, 11], { window: threshold })).data]).toEqual([0, 255, 255]);
  const colour = picture([1, 2, 3], { width: 1, samples: 3, photometric: "RGB" });
  expect(renderDicom(colour)).toEqual({ width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) });
});

/** A file with one element's value written over; `tag` as its four bytes in the file. */
function withValue(name: string, tag: readonly number[], value: number): Buffer {
  const bytes = fileOf(name);
  const at = bytes.indexOf(Buffer.from(tag));
  expect(at).toBeGreaterThan(0);
  bytes.writeUInt16LE(value, at + 8);
  return bytes;
}

test.each([
  ["another format", () => Buffer.from("not DICOM at all"), /preamble, must end with DICM/],
  ["JPEG 2000", () => fileOf("jpeg-2000"), /PixelData .* must be 7 x 6 x 1; got 0 x 0 x 0/],
  ["truncated pixels", () => fileOf("explicit-12bit").subarray(0, -20), /truncated|sound DICOM|must hold 84 bytes/],
  [
    "more rows than pixels",
    () => withValue("explicit-12bit", [0x28, 0, 0x10, 0, 0x55, 0x53], 7),
    /PixelData .* must hold 98 bytes; got 84/,
  ],
  [
    "no rows",
    () => withValue("explicit-12bit", [0x28, 0, 0x10, 0, 0x55, 0x53], 0),
    /Rows \(0028,0010\), must be from 1 to 16384; got 0/,
  ],
  [
    "no bits",
    () => withValue("explicit-12bit", [0x28, 0, 1, 1, 0x55, 0x53], 0),
    /BitsStored \(0028,0101\), must be from 1 to 16; got 0/,
  ],
  [
    "32 bits",
    () => withValue("explicit-12bit", [0x28, 0, 0, 1, 0x55, 0x53], 32),
    /BitsAllocated \(0028,0100\), must be 8 or 16; got 32/,
  ],
  [
    "a high bit below its bits",
    () => withValue("explicit-12bit", [0x28, 0, 2, 1, 0x55, 0x53], 10),
    /HighBit .* must be from 11 to 15; got 10/,
  ],
  ["RLE with a segment too few", () => withValue("rle-12bit", [0x28, 0, 0, 1, 0x55, 0x53], 8), /BitsStored|segments/],
  [
    "RLE of another size",
    () => withValue("rle-8bit", [0x28, 0, 0x10, 0, 0x55, 0x53], 9),
    /must unfold to 63 bytes a segment; got 42/,
  ],
  [
    "a JPEG of another size",
    () => withValue("jpeg-baseline", [0x28, 0, 0x10, 0, 0x55, 0x53], 9),
    /must hold a (sound )?JPEG/,
  ],
])("a file with %s is refused by field", async (_, make, wording) => {
  const error = await refusal(() => readDicom(make(), "a.dcm"));
  expect(error.code).toBe("data");
  expect(error.message).toMatch(/^readDicom: a\.dcm, /);
  expect(error.message).toMatch(wording);
});

test("formatDicom reads back", async () => {
  const values = Uint16Array.from({ length: 12 }, (_, i) => 300 * i);
  const window = { center: 1000, width: 500 };
  const bytes = formatDicom({
    width: 4,
    height: 3,
    values,
    bitsStored: 12,
    photometric: "MONOCHROME1",
    window,
    id: "x1",
  });
  const found = await readDicom(bytes, "x");
  expect([...found.values]).toEqual([...values]);
  expect(found).toMatchObject({
    width: 4,
    height: 3,
    photometric: "MONOCHROME1",
    window: { ...window, shape: "LINEAR" },
  });
});
