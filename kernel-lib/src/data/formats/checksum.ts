import { createHash } from "node:crypto";
import { digestOfFile } from "../../base/file-digest";
import type { RasterImage } from "../../base/types";

/** MD5 of a file as publishers print it, read in pieces. Names a file; it proves nothing. */
export const md5OfFile = (path: string): Promise<string> => digestOfFile(path, "md5");

/** Hash of a picture's size and pixels, 16 hexadecimal digits: equal for equal pictures. */
export function hashImage(image: RasterImage): string {
  const { width, height, channels, data } = image;
  return createHash("sha256").update(`${width}x${height}x${channels}:`).update(data).digest("hex").slice(0, 16);
}
