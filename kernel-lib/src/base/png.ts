import { crc32, deflateSync } from "node:zlib";
import { ShapeError } from "./errors";
import type { RasterImage } from "./types";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function chunk(name: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, "latin1"), body]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(body.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), framed.length - 4);
  return framed;
}

/**
 * A picture as a `data:image/png` URI, every pixel repeated so that the longer side has at least `minSide` pixels:
 * viewers then show small medical images as sharp squares instead of a blur.
 *
 * @throws ShapeError when the data does not have width * height * channels bytes.
 */
export function pngUri(image: RasterImage, minSide = 168): string {
  const { width, height, channels, data } = image;
  if (data.length !== width * height * channels || data.length === 0) {
    throw new ShapeError(
      `pngUri: image.data must have width * height * channels = ${width * height * channels} bytes; got ${data.length}.`,
      { width, height, channels, length: data.length },
    );
  }
  const factor = Math.max(1, Math.ceil(minSide / Math.max(width, height)));
  const rowLength = 1 + width * factor * channels; // one filter byte (0: none) before each row
  const raw = Buffer.alloc(rowLength * height * factor);
  for (let y = 0; y < height * factor; y++) {
    for (let x = 0; x < width * factor; x++) {
      const from = (Math.floor(y / factor) * width + Math.floor(x / factor)) * channels;
      raw.set(data.subarray(from, from + channels), y * rowLength + 1 + x * channels);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width * factor, 0);
  header.writeUInt32BE(height * factor, 4);
  header.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8); // 8 bits, grey or RGB
  const body = [chunk("IHDR", header), chunk("IDAT", deflateSync(raw)), chunk("IEND", Buffer.alloc(0))];
  return `data:image/png;base64,${Buffer.concat([SIGNATURE, ...body]).toString("base64")}`;
}
