import sharp from "sharp";
import { CodecFault, type CodedSamples, codecFault, type PictureShape } from "./codec-fault";
import { type Packing, refuseDicom } from "./dicom-header";
import { decodeJpegExtended } from "./jpeg-extended";
import { decodeJpegLossless } from "./jpeg-lossless";
import { jpegHead, readJpegFrame } from "./jpeg-markers";
import { decodeJpeg2000, decodeJpegLs } from "./wasm-codec";

/** Packings that a codec of pictures unpacks. */
export type CodedPacking = Exclude<Packing, "native" | "bigEndian" | "rle">;

const refuse = (file: string, rule: string, got: string, cause?: unknown): never =>
  refuseDicom(file, { field: "PixelData (7FE0,0010)", rule, got }, cause);

/** Unpacks one run-length segment (PackBits) to exactly `size` bytes. A single byte may pad the end. */
function unpackBits(bytes: Uint8Array, size: number, file: string): Uint8Array {
  const out = new Uint8Array(size);
  let [at, done] = [0, 0];
  while (at < bytes.length && done < size) {
    const head = bytes[at++]!;
    if (head === 128) continue;
    const count = head < 128 ? head + 1 : 257 - head;
    const taken = head < 128 ? count : 1;
    if (at + taken > bytes.length || done + count > size) refuse(file, "hold whole run lengths", "a damaged segment");
    if (head < 128) out.set(bytes.subarray(at, at + count), done);
    else out.fill(bytes[at]!, done, done + count);
    at += taken;
    done += count;
  }
  if (done < size) refuse(file, `unfold to ${size} bytes a segment`, String(done));
  return out;
}

/**
 * Unpacks an RLE Lossless frame (DICOM PS3.5, annex G): one segment per byte of a sample, the high byte first.
 *
 * @returns little-endian bytes, plane by plane: [samples, height, width].
 */
export function decodeDicomRle(bytes: Uint8Array, layout: PictureShape & { readonly file: string }): Uint8Array {
  const { file, width, height, samples, bitsAllocated } = layout;
  const perSample = bitsAllocated / 8;
  const pixels = width * height;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wanted = samples * perSample;
  if (bytes.length < 64 || view.getUint32(0, true) !== wanted) {
    refuse(file, `have ${wanted} segments`, bytes.length < 64 ? "a truncated header" : String(view.getUint32(0, true)));
  }
  const starts = Array.from({ length: wanted }, (_, k) => view.getUint32(4 + 4 * k, true));
  const out = new Uint8Array(pixels * wanted);
  for (const [k, start] of starts.entries()) {
    const end = starts[k + 1] ?? bytes.length;
    if (start < 64 || end < start || end > bytes.length) refuse(file, "have segments in order", "a damaged header");
    const plane = unpackBits(bytes.subarray(start, end), pixels, file);
    const sample = Math.floor(k / perSample);
    const place = perSample - 1 - (k % perSample);
    for (let p = 0; p < pixels; p++) out[(sample * pixels + p) * perSample + place] = plane[p]!;
  }
  return out;
}

/** Decodes a JPEG frame of 8 bits. @returns [height, width, samples], colour as RGB. */
async function decodeJpeg(bytes: Uint8Array, { width, height, samples }: PictureShape): Promise<CodedSamples> {
  const picture = sharp(bytes, { limitInputPixels: width * height }).toColourspace(samples === 1 ? "b-w" : "srgb");
  const { data, info } = await picture
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: Error) => codecFault("hold a sound JPEG", cause.message.slice(0, 80)));
  const found = `${info.width} x ${info.height} x ${info.channels}`;
  const wanted = `${width} x ${height} x ${samples}`;
  return found === wanted ? { values: data, precision: 8 } : codecFault(`hold a JPEG of ${wanted}`, found);
}

/** How a frame is coded, and what of it its header decides. */
export interface PackedLayout extends PictureShape {
  readonly file: string;
  readonly isSigned: boolean;
  /** What three samples are. */
  readonly colours: "rgb" | "ybr";
}

function decode(bytes: Uint8Array, packing: CodedPacking, layout: PackedLayout): CodedSamples | Promise<CodedSamples> {
  if (packing === "jpegLossless") return decodeJpegLossless(bytes, layout);
  if (packing === "jpegLs") return decodeJpegLs(bytes, layout);
  if (packing === "jpeg2000") return decodeJpeg2000(bytes, layout, layout.isSigned);
  const precision = readJpegFrame(bytes)?.precision;
  if (packing === "jpegExtended" && precision !== 8) return decodeJpegExtended(bytes, layout);
  if (layout.bitsAllocated !== 8 || layout.isSigned) codecFault("stand in 8 bits without sign", layout.bitsAllocated);
  return decodeJpeg(withColours(bytes, layout.colours), layout);
}

/**
 * Decodes a coded frame.
 *
 * @returns [height, width, samples]; colours of JPEG (8 bits) and JPEG 2000 as RGB, of the others as they were coded.
 * @throws DataError for a damaged frame, or one of another size or form than the header states.
 */
export async function decodeDicomFrame(
  bytes: Uint8Array,
  packing: CodedPacking,
  layout: PackedLayout,
): Promise<CodedSamples> {
  try {
    return await decode(bytes, packing, layout);
  } catch (cause) {
    if (cause instanceof CodecFault) return refuse(layout.file, cause.rule, cause.got, cause);
    throw cause;
  }
}

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
