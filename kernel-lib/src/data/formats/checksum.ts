import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { DataError } from "../../base/errors";
import type { RasterImage } from "../../base/types";

/** MD5 of a file as publishers print it, read in pieces. Names a file; it proves nothing. */
export async function md5OfFile(path: string): Promise<string> {
  const hash = createHash("md5");
  try {
    for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  } catch (cause) {
    throw new DataError(`md5OfFile: path must name a readable file; got ${path}. Check the folder.`, { path }, cause);
  }
  return hash.digest("hex");
}

/** Hash of a picture's size and pixels, 16 hexadecimal digits: equal for equal pictures. */
export function hashImage(image: RasterImage): string {
  const { width, height, channels, data } = image;
  return createHash("sha256").update(`${width}x${height}x${channels}:`).update(data).digest("hex").slice(0, 16);
}
