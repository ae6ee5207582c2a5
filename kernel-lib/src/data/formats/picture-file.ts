import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import sharp from "sharp";
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
const SIGNATURES: readonly (readonly [string, readonly number[]])[] = [
  ["JPEG", [0xff, 0xd8, 0xff]],
  ["PNG", [0x89, 0x50, 0x4e, 0x47]],
  ["GIF", [0x47, 0x49, 0x46, 0x38]],
  ["WebP", [0x52, 0x49, 0x46, 0x46]],
  ["TIFF", [0x49, 0x49, 0x2a, 0x00]],
  ["TIFF", [0x4d, 0x4d, 0x00, 0x2a]],
];

async function readPicture(path: string): Promise<Uint8Array> {
  const found = await stat(path);
  if (!found.isFile()) throw new Error("no file");
  if (found.size > MOST_BYTES) throw new Error(`${found.size} bytes; at most ${MOST_BYTES} are read`);
  return readFile(path);
}

/**
 * Decodes a picture file (JPEG, PNG, GIF, WebP, TIFF), upright, in three channels, and reduces it to `longestSide` pixels at most.
 *
 * @param picture its path, or its bytes.
 * @throws Error when it is no such picture, is damaged, or has more than 64 megapixels.
 */
export async function decodePicture(picture: string | Uint8Array, longestSide: number): Promise<RasterImage> {
  const bytes = typeof picture === "string" ? await readPicture(picture) : picture;
  const known = SIGNATURES.find(([, signature]) => signature.every((byte, i) => bytes[i] === byte));
  if (known === undefined) throw new Error("no JPEG, PNG, GIF, WebP or TIFF picture");
  const { data, info } = await sharp(bytes, { limitInputPixels: MOST_PIXELS })
    .rotate()
    .resize({ width: longestSide, height: longestSide, fit: "inside", withoutEnlargement: true })
    .flatten()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3 && info.channels !== 1) throw new Error(`${info.channels} channels`);
  return { width: info.width, height: info.height, channels: info.channels, data: Uint8Array.from(data) };
}
