import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import sharp, { type Metadata, type OutputInfo, type Sharp } from "sharp";
import type { RasterImage } from "../../base/types";
import { digestOfFile } from "../../store/files";

/** MD5 of a file as publishers print it, read in pieces. Names a file; it proves nothing. */
export const md5OfFile = (path: string): Promise<string> => digestOfFile(path, "md5");

/** Hash of a picture's size and pixels, 16 hexadecimal digits: equal for equal pictures. */
export function hashImage(image: RasterImage): string {
  const { width, height, channels, data } = image;
  return createHash("sha256").update(`${width}x${height}x${channels}:`).update(data).digest("hex").slice(0, 16);
}

const MOST_PIXELS = 64 * 2 ** 20;
const MOST_BYTES = 64 * 2 ** 20;

/** First bytes of the formats that are decoded; others (SVG, PDF …) could make the decoder open further files. */
const SIGNATURES = ["\xff\xd8\xff", "\x89PNG", "GIF8", "RIFF", "II*\0", "MM\0*"];

/** What is often met and not read, by its first bytes: a sound picture is not called damaged. */
const UNREAD: readonly (readonly [head: RegExp | string, name: string])[] = [
  [/^BM/, "a BMP picture"],
  [/^....jP {2}/s, "a JPEG 2000 picture"],
  [/^\xff\x4f\xff\x51/, "a JPEG 2000 picture"],
  [/^....ftyp/s, "an AVIF or HEIC picture"],
  [/^(II\+|MM.\+)/s, "a BigTIFF picture"],
  [/^%PDF/, "a PDF"],
  [/^\s*(<\?xml[^>]*>\s*)?<svg/i, "an SVG drawing"],
  [/^.{128}DICM/s, "a DICOM file"],
  [/^P[1-7]\s/, "a PNM picture"],
  [/^.{40} EMF/s, "a Windows metafile"],
  ["\0\0\x01\0", "an icon"],
  ["\xff\x0a", "a JPEG XL picture"],
  ["\0\0\0\x0cJXL ", "a JPEG XL picture"],
  ["8BPS", "a Photoshop picture"],
  ["%!PS", "a PostScript drawing"],
  ["\x1f\x8b", "a gzip file"],
  ["PK\x03\x04", "a ZIP archive"],
  ["\x93NUMPY", "a NumPy array"],
  ["\x89HDF", "an HDF5 file"],
];

/** A picture that may well be sound and is not read: its format or the form of its samples is named. */
export class UnreadPicture extends Error {
  override readonly name = "UnreadPicture";
}

async function readPicture(path: string): Promise<Uint8Array> {
  const found = await stat(path);
  if (!found.isFile()) throw new Error("no file");
  if (found.size > MOST_BYTES) throw new UnreadPicture(`${found.size} bytes; at most ${MOST_BYTES} are read`);
  return readFile(path);
}

/** @throws UnreadPicture for a known format that is not read; Error for anything else that is not decoded. */
function assertDecodable(bytes: Uint8Array): void {
  const head = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  if (SIGNATURES.some((signature) => head.startsWith(signature))) return;
  const known = UNREAD.find(([begin]) => (typeof begin === "string" ? head.startsWith(begin) : begin.test(head)));
  if (known !== undefined) throw new UnreadPicture(`${known[1]}; JPEG, PNG, GIF, WebP and TIFF are read`);
  if (/^\s*</.test(head)) throw new Error("a page of the web, as a login gives it");
  throw new Error("no JPEG, PNG, GIF, WebP or TIFF picture");
}

/** A picture as its samples, 8 bits each: grey or colour, with alpha or without. */
interface Samples {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
}

const open = (source: Uint8Array) => sharp(source, { limitInputPixels: MOST_PIXELS }).rotate();

/** Bits that hold the largest number of a picture of 16 bits: a film of 12 bits stays one when it is saved in 16. At least 8. */
function bitsUsed(values: Uint16Array, { channels, colours }: { channels: number; colours: number }): number {
  let largest = 0;
  for (let at = 0; at < values.length; at += channels)
    for (let c = 0; c < colours; c++) if (values[at + c]! > largest) largest = values[at + c]!;
  return Math.max(8, 32 - Math.clz32(largest));
}

/** A picture of 16 bits that uses fewer, spread over all greys by the bits it uses; null where it uses all. */
async function spreadBits(source: Uint8Array, { hasAlpha, space }: Metadata): Promise<Samples | null> {
  const raw = open(source).toColourspace(space).raw({ depth: "ushort" }); // else a grey one comes as 8 bits in three channels
  const { data, info } = await raw.toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const channels = info.channels as Samples["channels"];
  const values = new Uint16Array(Uint8Array.from(data).buffer);
  const colours = hasAlpha ? channels - 1 : channels;
  const bits = bitsUsed(values, { channels, colours });
  if (bits === 16) return null;
  const white = 2 ** bits - 1;
  const bytes = Uint8Array.from(values, (value, at) =>
    Math.round((255 * value) / (at % channels < colours ? white : 65_535)),
  );
  return { data: bytes, width, height, channels };
}

/** CMYK without a profile of its own: light through four inks, as Pillow and browsers show it. */
async function mixInks(source: Uint8Array): Promise<Samples> {
  const inks = open(source).pipelineColourspace("cmyk").toColourspace("cmyk").raw();
  const { data, info } = await inks.toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const rgb = new Uint8Array(3 * width * height);
  for (let p = 0; p < width * height; p++) {
    const light = 255 - data[p * channels + 3]!;
    for (let c = 0; c < 3; c++) rgb[3 * p + c] = light - Math.round((data[p * channels + c]! * light) / 255);
  }
  return { data: rgb, width, height, channels: 3 };
}

const DEPTHS: readonly string[] = ["uchar", "ushort"];

/** What the decoder says of samples and colours that it does not know, in pictures that may be sound. */
const NOT_KNOWN =
  /\blabq\b|not supported|not configured|not implemented|samples out of range|unsupported (?:jpeg (?:process|data precision)|colou?r|tiff|bit|depth|photometric)/i;

const EXTRA_SAMPLES = 338;
/** Kinds of a further sample that say how much of a pixel shows; others, and unsaid ones, are no part of the picture. */
const ALPHA_KINDS: readonly number[] = [1, 2];

/** Whether the further sample of each pixel of a TIFF says how much of it shows (first directory, TIFF 6.0, section 18). */
function statesAlpha(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === "I".charCodeAt(0);
  const start = view.getUint32(4, little);
  for (let k = 0; k < view.getUint16(start, little); k++) {
    const entry = start + 2 + 12 * k;
    if (view.getUint16(entry, little) === EXTRA_SAMPLES) return ALPHA_KINDS.includes(view.getUint16(entry + 8, little));
  }
  return false;
}

/** The upright picture, ready to be reduced; what the decoder would show otherwise than a viewer is turned into samples first. */
async function openUpright(bytes: Uint8Array): Promise<Sharp> {
  const metadata = await sharp(bytes, { limitInputPixels: MOST_PIXELS }).metadata();
  const { depth, space, hasProfile, format, hasAlpha, channels } = metadata;
  if (!DEPTHS.includes(depth)) throw new UnreadPicture(`samples of type ${depth}; whole ones of 8 or 16 bits are read`);
  if (channels > 4) throw new UnreadPicture(`${channels} samples a pixel`);
  const isPlainCmyk = space === "cmyk" && !hasProfile && depth === "uchar";
  const samples = depth === "ushort" ? await spreadBits(bytes, metadata) : isPlainCmyk ? await mixInks(bytes) : null;
  const picture = samples === null ? open(bytes) : fromSamples(samples);
  const hidesNothing = format === "tiff" && hasAlpha && !statesAlpha(bytes);
  return hidesNothing ? fromSamples(await samplesOf(picture.removeAlpha())) : picture;
}

const fromSamples = ({ data, ...raw }: Samples): Sharp => sharp(data, { raw });

async function samplesOf(picture: Sharp): Promise<Samples> {
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels as Samples["channels"] };
}

async function reduceTo(longestSide: number, bytes: Uint8Array): Promise<{ data: Buffer; info: OutputInfo }> {
  const upright = await openUpright(bytes);
  return upright
    .resize({ width: longestSide, height: longestSide, fit: "inside", withoutEnlargement: true })
    .flatten({ background: "#fff" })
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
}

/**
 * Decodes a picture file (JPEG, PNG, GIF, WebP, TIFF) as a viewer shows it, and reduces it to `longestSide` pixels at most: upright,
 * white behind what is transparent, 16 bits by the bits that are used, the first of several pictures.
 *
 * @param picture its path, or its bytes.
 * @throws UnreadPicture for a format or samples that are not read. Error when it is no picture, is damaged, or has more than 64
 * megapixels.
 */
export async function decodePicture(picture: string | Uint8Array, longestSide: number): Promise<RasterImage> {
  const bytes = typeof picture === "string" ? await readPicture(picture) : picture;
  assertDecodable(bytes);
  const { data, info } = await reduceTo(longestSide, bytes).catch((error: Error) => {
    throw NOT_KNOWN.test(error.message) ? new UnreadPicture(error.message, { cause: error }) : error;
  });
  if (info.channels !== 3 && info.channels !== 1) throw new UnreadPicture(`${info.channels} channels`);
  return { width: info.width, height: info.height, channels: info.channels, data: Uint8Array.from(data) };
}

/** Levels between the darkest and the brightest sample of a picture that shows nearly one value. */
const FLAT_LEVELS = 8;
/** Share of samples at either end that do not count: a marker or a few broken lines do not make a picture. */
const STRAY_SHARE = 0.001;

/** Whether a picture holds nearly one value: all of each channel but strays within 8 of 255 levels. */
export function isNearlyFlat({ data, channels }: RasterImage): boolean {
  for (let c = 0; c < channels; c++) {
    const counts = new Uint32Array(256);
    for (let at = c; at < data.length; at += channels) counts[data[at]!]!++;
    const stray = Math.floor((STRAY_SHARE * data.length) / channels);
    if (levelAt(counts, data.length / channels - stray) - levelAt(counts, stray + 1) > FLAT_LEVELS) return false;
  }
  return true;
}

/** The level of the sample at this place, counted from 1, when all are in order. */
function levelAt(counts: Uint32Array, place: number): number {
  let [level, seen] = [0, counts[0]!];
  while (seen < place) seen += counts[++level]!;
  return level;
}
