import { readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import type { RasterImage } from "../../../src/base/types";
import { decodePicture, isNearlyFlat } from "../../../src/data/formats/picture-file";

const FOLDER = join(__dirname, "../../reference/pictures");
const { pictures } = JSON.parse(readFileSync(join(FOLDER, "reference.json"), "utf8")) as {
  pictures: Record<string, { width: number; height: number; values: number[] }>;
};

/** Levels by which two decoders may differ: lossless files by rounding, lossy ones by a few. */
const toleranceOf = (name: string): number => (name.endsWith(".jpg") ? 4 : 1);

/** Red, green and blue of a picture, whatever its channels. */
const rgb = ({ channels, data }: RasterImage): number[] =>
  channels === 3 ? [...data] : [...data].flatMap((level) => [level, level, level]);

test.each(Object.entries(pictures))(
  "%s looks as Pillow shows it, white behind",
  async (name, { width, height, values }) => {
    const picture = await decodePicture(join(FOLDER, name), 64);
    expect([picture.width, picture.height]).toEqual([width, height]);
    const found = rgb(picture);
    const far = values.reduce((most, value, at) => Math.max(most, Math.abs(value - found[at]!)), 0);
    expect(far).toBeLessThanOrEqual(toleranceOf(name));
  },
);

test.each([
  ["fractions.tif", /^samples of type float; whole ones of 8 or 16 bits are read$/],
  ["whole-32.tif", /^samples of type int; whole ones/],
  ["windows.bmp", /^a BMP picture; JPEG, PNG, GIF, WebP and TIFF are read$/],
])("%s is not read, and not called damaged", async (name, wording) => {
  const refused = decodePicture(join(FOLDER, name), 64);
  await expect(refused).rejects.toMatchObject({ name: "UnreadPicture", message: expect.stringMatching(wording) });
});

test("a picture of colours that the decoder does not know is not called damaged", async () => {
  const raw = { width: 4, height: 4, channels: 3 as const };
  const tiff = await sharp(Buffer.alloc(48, 90), { raw }).tiff({ compression: "none" }).toBuffer();
  const photometric = tiff.indexOf(Buffer.from([0x06, 0x01, 3, 0, 1, 0, 0, 0, 2, 0])); // 2: RGB
  expect(photometric).toBeGreaterThan(0);
  tiff[photometric + 8] = 8; // CIE L*a*b*
  await expect(decodePicture(tiff, 64)).rejects.toMatchObject({ name: "UnreadPicture" });
});

test.each([
  ["P5 2 2 255 abcd", "a PNM picture"],
  ["\0\0\x01\0\x01\0", "an icon"],
  ["\x1f\x8b\x08", "a gzip file"],
  ["PK\x03\x04", "a ZIP archive"],
  ["\x93NUMPY\x01\0", "a NumPy array"],
  ["\xff\x0a", "a JPEG XL picture"],
])("%j is named, and not called damaged", async (head, name) => {
  const refused = decodePicture(Buffer.from(head.padEnd(400, "\0"), "latin1"), 64);
  await expect(refused).rejects.toMatchObject({ name: "UnreadPicture", message: expect.stringContaining(name) });
});

test("samples of a depth, and bytes of a packing, that the decoder does not know are not called damaged", async () => {
  const raw = { width: 4, height: 4, channels: 3 as const };
  const jpeg = await sharp(Buffer.alloc(48, 90), { raw }).jpeg().toBuffer();
  jpeg[jpeg.indexOf(Buffer.from([0xff, 0xc0])) + 4] = 12; // bits of a sample
  await expect(decodePicture(jpeg, 64)).rejects.toMatchObject({ name: "UnreadPicture" });
  const tiff = await sharp(Buffer.alloc(48, 90), { raw }).tiff({ compression: "none" }).toBuffer();
  const compression = tiff.indexOf(Buffer.from([0x03, 0x01, 3, 0, 1, 0, 0, 0, 1, 0]));
  expect(compression).toBeGreaterThan(0);
  tiff.writeUInt16LE(34_712, compression + 8); // JPEG 2000
  await expect(decodePicture(tiff, 64)).rejects.toMatchObject({ name: "UnreadPicture" });
});

test("a further sample of a TIFF that does not say how much shows is no part of the picture, as for Pillow", async () => {
  const raw = { width: 2, height: 1, channels: 4 as const };
  const tiff = await sharp(Buffer.from([10, 20, 30, 0, 40, 50, 60, 255]), { raw })
    .tiff({ compression: "none" })
    .toBuffer();
  expect(rgb(await decodePicture(tiff, 64))).toEqual([255, 255, 255, 40, 50, 60]);
  const kind = tiff.indexOf(Buffer.from([0x52, 0x01, 3, 0, 1, 0, 0, 0])); // ExtraSamples
  expect(kind).toBeGreaterThan(0);
  tiff.writeUInt16LE(0, kind + 8); // unspecified
  expect(rgb(await decodePicture(tiff, 64))).toEqual([10, 20, 30, 40, 50, 60]);
});

test("a page that a login gives in place of a picture is called what it is", async () => {
  await expect(decodePicture(Buffer.from("<html><title>Log in"), 64)).rejects.toThrow("a page of the web");
});

const grey = (levels: readonly number[]): RasterImage => ({
  width: levels.length,
  height: 1,
  channels: 1,
  data: Uint8Array.from(levels),
});

test("a picture of nearly one value is one whose levels lie within eight of each other, but for one in a thousand", () => {
  expect(isNearlyFlat(grey([100, 104, 108]))).toBe(true);
  expect(isNearlyFlat(grey([100, 104, 109]))).toBe(false);
  const large = Array.from({ length: 4000 }, () => 7);
  expect(isNearlyFlat(grey([...large, 255, 255, 0, 0]))).toBe(true);
  expect(isNearlyFlat(grey([...large, 255, 255, 255, 255, 255]))).toBe(false);
});

test("a picture of colours is nearly one value only where every channel is", () => {
  const data = Uint8Array.from({ length: 30 }, (_, at) => (at % 3 === 2 ? 8 * at : 50));
  expect(isNearlyFlat({ width: 10, height: 1, channels: 3, data })).toBe(false);
  expect(isNearlyFlat({ width: 10, height: 1, channels: 3, data: data.map((v, at) => (at % 3 === 2 ? 90 : v)) })).toBe(
    true,
  );
});
