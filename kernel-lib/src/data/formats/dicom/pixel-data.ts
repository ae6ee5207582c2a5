import type { Element } from "dicom-parser";
import sharp from "sharp";
import { CodecFault, type CodedSamples, codecFault, codecLimit, type PictureShape } from "./codec";
import { AGAIN, EXPORT, refuseDicom } from "./data-set";
import type { DicomHeader, DicomLayout, DicomReading, Packing } from "./header";
import { decodeJpegExtended, decodeJpegLossless } from "./jpeg-decoders";
import { jpegHead, readJpegFrame } from "./jpeg-scan";
import { decodeJpeg2000, decodeJpegLs } from "./wasm-codecs";

/** The pixels of a DICOM file, however they are packed, as the whole numbers that were stored. */

const FIELD = "PixelData (7FE0,0010)";

/** Refuses pixels that are cut off or do not unpack. */
function refuse(header: DicomHeader, rule: string, got: string | number, cause?: unknown): never {
  return refuseDicom(header.file, { field: FIELD, rule, got: String(got), next: AGAIN }, cause);
}

/**
 * The bytes of a picture that is not packed, little-endian. Some programs pad the end by more than the one byte that makes the
 * number even: what stands behind the picture is left alone, unless it is long enough for another one.
 */
function nativeBytes(header: DicomHeader, element: Element, size: number, order: "little" | "big"): Uint8Array {
  const found = element.length;
  const { byteArray } = header.data;
  if (element.fragments !== undefined || element.hadUndefinedLength === true) {
    header.refuse("TransferSyntaxUID (0002,0010)", "name the packing of packed pixels", "none that does");
  }
  if (found < size) refuse(header, `hold ${size} bytes`, `${found} bytes`);
  if (element.dataOffset + size > byteArray.length) refuse(header, "be whole", "a truncated file");
  if (found >= 2 * size && size > 1) {
    header.refuse(FIELD, `hold one frame of ${size} bytes`, `${found} bytes`, "Export the frame you want.");
  }
  if (order === "little" || element.vr === "OB") {
    return byteArray.subarray(element.dataOffset, element.dataOffset + size);
  }
  // words of two bytes, whatever a sample is
  const words = byteArray.subarray(element.dataOffset, element.dataOffset + size + (size % 2));
  return Buffer.from(words).swap16().subarray(0, size);
}

/** Stored numbers from little-endian bytes: bits outside BitsStored cut off, the sign extended. [height, width, samples] */
function toValues(bytes: Uint8Array, layout: DicomLayout): Int32Array {
  const { bitsAllocated, bitsStored, lowBit, isSigned, isPlanar, samples, width, height } = layout;
  const pixels = width * height;
  const shift = 32 - bitsStored;
  const values = new Int32Array(pixels * samples);
  for (let p = 0; p < pixels; p++) {
    for (let s = 0; s < samples; s++) {
      const at = isPlanar ? s * pixels + p : p * samples + s;
      const raw = bitsAllocated === 8 ? bytes[at]! : bytes[2 * at]! | (bytes[2 * at + 1]! << 8);
      const bits = (raw >> lowBit) << shift;
      values[p * samples + s] = isSigned ? bits >> shift : bits >>> shift;
    }
  }
  return values;
}

/** Both pixels of a pair get its colour: Y Y Cb Cr to Y Cb Cr, Y Cb Cr. [height, width, 3] */
function spreadPairs(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array((bytes.length / 4) * 6);
  for (let pair = 0; 4 * pair < bytes.length; pair++) {
    const [first, second, b, r] = bytes.subarray(4 * pair, 4 * pair + 4);
    out.set([first!, b!, r!, second!, b!, r!], 6 * pair);
  }
  return out;
}

function readNative(
  { header, layout, photometric }: DicomReading,
  element: Element,
  order: "little" | "big",
): Int32Array {
  const { width, height, samples, bitsAllocated } = layout;
  if (photometric !== "YBR_FULL_422") {
    return toValues(nativeBytes(header, element, (width * height * samples * bitsAllocated) / 8, order), layout);
  }
  if (width % 2 !== 0 || bitsAllocated !== 8) {
    header.refuse("Columns (0028,0011)", "be even, in 8 bits, for YBR_FULL_422", width);
  }
  if (element.length >= 3 * width * height) {
    header.refuse(
      FIELD,
      `hold ${2 * width * height} bytes for YBR_FULL_422`,
      `${element.length} bytes, as YBR_FULL has`,
    );
  }
  return toValues(spreadPairs(nativeBytes(header, element, width * height * 2, order)), { ...layout, isPlanar: false });
}

/** Unpacks one run-length segment (PackBits) to exactly `size` bytes. A single byte may pad the end. */
function unpackBits(bytes: Uint8Array, size: number, header: DicomHeader): Uint8Array {
  const out = new Uint8Array(size);
  let [at, done] = [0, 0];
  while (at < bytes.length && done < size) {
    const head = bytes[at++]!;
    if (head === 128) continue;
    const count = head < 128 ? head + 1 : 257 - head;
    const taken = head < 128 ? count : 1;
    if (at + taken > bytes.length || done + count > size) refuse(header, "hold whole run lengths", "a damaged segment");
    if (head < 128) out.set(bytes.subarray(at, at + count), done);
    else out.fill(bytes[at]!, done, done + count);
    at += taken;
    done += count;
  }
  if (done < size) refuse(header, `unfold to ${size} bytes a segment`, done);
  return out;
}

/**
 * Unpacks an RLE Lossless frame (DICOM PS3.5, annex G): one segment per byte of a sample, the high byte first.
 *
 * @returns little-endian bytes, plane by plane: [samples, height, width].
 */
function decodeRle(bytes: Uint8Array, header: DicomHeader, layout: DicomLayout): Uint8Array {
  const { width, height, samples, bitsAllocated } = layout;
  const perSample = bitsAllocated / 8;
  const pixels = width * height;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wanted = samples * perSample;
  if (bytes.length < 64 || view.getUint32(0, true) !== wanted) {
    refuse(header, `have ${wanted} segments`, bytes.length < 64 ? "a truncated header" : view.getUint32(0, true));
  }
  const starts = Array.from({ length: wanted }, (_, k) => view.getUint32(4 + 4 * k, true));
  const out = new Uint8Array(pixels * wanted);
  for (const [k, start] of starts.entries()) {
    const end = starts[k + 1] ?? bytes.length;
    if (start < 64 || end < start || end > bytes.length) refuse(header, "have segments in order", "a damaged header");
    const plane = unpackBits(bytes.subarray(start, end), pixels, header);
    const sample = Math.floor(k / perSample);
    const place = perSample - 1 - (k % perSample);
    for (let p = 0; p < pixels; p++) out[(sample * pixels + p) * perSample + place] = plane[p]!;
  }
  return out;
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
function withColours(bytes: Uint8Array, colours: "rgb" | "ybr"): Uint8Array {
  for (const { marker } of jpegHead(bytes)) if (marker === ADOBE || marker === JFIF) return bytes;
  return Buffer.concat([bytes.subarray(0, 2), adobeSegment(colours === "rgb" ? 0 : 1), bytes.subarray(2)]);
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
  return found === wanted ? { values: data, precision: 8 } : codecLimit(`hold a JPEG of ${wanted}`, found);
}

/** Packings that a codec of pictures unpacks. */
type CodedPacking = Exclude<Packing, "native" | "bigEndian" | "rle">;

/** How a frame is coded, and what of it its header decides. */
interface FrameLayout extends PictureShape {
  readonly header: DicomHeader;
  readonly isSigned: boolean;
  /** What three samples are. */
  readonly colours: "rgb" | "ybr";
}

function decode(bytes: Uint8Array, packing: CodedPacking, layout: FrameLayout): CodedSamples | Promise<CodedSamples> {
  if (packing === "jpegLossless") return decodeJpegLossless(bytes, layout);
  if (packing === "jpegLs") return decodeJpegLs(bytes, layout);
  if (packing === "jpeg2000") return decodeJpeg2000(bytes, layout);
  const precision = readJpegFrame(bytes)?.precision;
  if (packing === "jpegExtended" && precision !== 8) return decodeJpegExtended(bytes, layout);
  if (layout.bitsAllocated !== 8 || layout.isSigned) codecLimit("stand in 8 bits without sign", layout.bitsAllocated);
  return decodeJpeg(withColours(bytes, layout.colours), layout);
}

async function decodeFrame(bytes: Uint8Array, packing: CodedPacking, layout: FrameLayout): Promise<CodedSamples> {
  try {
    return await decode(bytes, packing, layout);
  } catch (cause) {
    if (!(cause instanceof CodecFault)) throw cause;
    const { kind, rule, got } = cause;
    const next = kind === "damaged" ? AGAIN : EXPORT;
    return refuseDicom(layout.header.file, { field: FIELD, rule, got, next }, cause);
  }
}

/**
 * Stored numbers from what a codec gives: two's complement of its precision, or signed already.
 *
 * @throws DataError when a number does not fit into BitsStored.
 */
function fitValues(header: DicomHeader, { values, precision }: CodedSamples, layout: DicomLayout): Int32Array {
  const { bitsStored, isSigned } = layout;
  const shift = 32 - precision;
  const mustExtend = isSigned && !(values instanceof Int16Array);
  const [low, high] = isSigned ? [-(2 ** (bitsStored - 1)), 2 ** (bitsStored - 1) - 1] : [0, 2 ** bitsStored - 1];
  const out = new Int32Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value = mustExtend ? (values[at]! << shift) >> shift : values[at]!;
    if (value < low || value > high) header.refuse(FIELD, `hold values from ${low} to ${high} (BitsStored)`, value);
    out[at] = value;
  }
  return out;
}

/** Most bytes out per byte in of a picture above 16 MiB: no x-ray folds so well. */
const MOST_RATIO = 2000;
const SMALL_BYTES = 16 * 2 ** 20;

/** Refuses a few bytes that would unfold to a huge picture. */
function assertNoBomb(header: DicomHeader, packed: number, layout: DicomLayout): void {
  const size = (layout.width * layout.height * layout.samples * layout.bitsAllocated) / 8;
  if (size <= SMALL_BYTES || size <= MOST_RATIO * packed) return;
  header.refuse(FIELD, `unfold at most ${MOST_RATIO} times`, `${packed} to ${size} bytes`);
}

/** The bytes of a packed picture: its fragments, one after the other. */
function packedBytes({ header, layout }: DicomReading, element: Element): Uint8Array {
  const fragments = element.fragments ?? [];
  if (fragments.length === 0) refuse(header, "hold a packed picture", "no fragment");
  const { byteArray } = header.data;
  const bytes = Buffer.concat(fragments.map(({ position, length }) => byteArray.subarray(position, position + length)));
  assertNoBomb(header, bytes.length, layout);
  return bytes;
}

/** Numbers that are not whole, and objects that hold no picture (reports, structures, plans), are named. */
export function assertPixels(header: DicomHeader): void {
  const { elements } = header.data;
  if (elements["x7fe00010"] !== undefined) return;
  if (elements["x7fe00008"] !== undefined || elements["x7fe00009"] !== undefined) {
    header.refuse(FIELD, "hold whole numbers", "FloatPixelData");
  }
  const modality = header.data.string("x00080060")?.trim() || "none";
  const next = "The object is no picture, or was sent without it.";
  header.refuse(FIELD, "be there", `none (Modality ${modality})`, next);
}

/**
 * The stored values of a picture; colours of JPEG (8 bits) and JPEG 2000 as RGB, all others as they were stored.
 *
 * @returns [height, width, samples].
 * @param reading of a file with pixels: `assertPixels`.
 * @throws DataError for truncated or damaged pixels, and for coded ones of another size or form than the header states.
 */
export async function readStoredValues(reading: DicomReading): Promise<Int32Array> {
  const { header, packing, layout, photometric } = reading;
  const element = header.data.elements["x7fe00010"]!;
  if (packing === "native") return readNative(reading, element, "little");
  if (packing === "bigEndian") return readNative(reading, element, "big");
  const bytes = packedBytes(reading, element);
  if (packing === "rle") {
    // unpacked plane by plane, whatever PlanarConfiguration says
    return toValues(decodeRle(bytes, header, layout), { ...layout, isPlanar: true });
  }
  const colours = photometric === "RGB" ? "rgb" : "ybr";
  return fitValues(header, await decodeFrame(bytes, packing, { ...layout, header, colours }), layout);
}
