import { jpegHead } from "./jpeg-markers";

const ADOBE = 0xee;
const JFIF = 0xe0;

/** Adobe's segment: version 100, no flags, and which colours the three components are. */
const adobeSegment = (transform: 0 | 1): Buffer =>
  Buffer.from([0xff, ADOBE, 0, 14, ...Buffer.from("Adobe"), 0, 100, 0, 0, 0, 0, transform]);

/**
 * A JPEG picture that says which colours it holds, as the header around it does. Decoders guess where nothing is said, and take
 * the red, green and blue of a medical archive for brightness and colour differences.
 *
 * @throws CodecFault for damaged segments.
 */
export function withColours(bytes: Uint8Array, colours: "rgb" | "ybr"): Uint8Array {
  for (const { marker } of jpegHead(bytes)) if (marker === ADOBE || marker === JFIF) return bytes;
  return Buffer.concat([bytes.subarray(0, 2), adobeSegment(colours === "rgb" ? 0 : 1), bytes.subarray(2)]);
}
