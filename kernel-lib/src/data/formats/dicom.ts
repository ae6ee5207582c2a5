import type { Element } from "dicom-parser";
import { isKernelError } from "../../base/errors";
import type { CodedSamples } from "./codec-fault";
import {
  assertNoBomb,
  DicomHeader,
  type DicomLayout,
  type Packing,
  readLayout,
  readPacking,
  refuseDicom,
} from "./dicom-header";
import { decodeDicomFrame, decodeDicomRle } from "./dicom-packed";
import { applyPalette, spreadPairs, ybrToRgb } from "./dicom-picture";

const PIXEL_DATA = "PixelData (7FE0,0010)";

/** The bytes of a picture that is not packed, little-endian. */
export function nativeBytes(header: DicomHeader, element: Element, size: number, order: "little" | "big"): Uint8Array {
  const found = element.length;
  // an odd number of bytes is padded to an even one
  if (found !== size && found !== size + (size % 2)) header.refuse(PIXEL_DATA, `hold ${size} bytes`, `${found} bytes`);
  const { byteArray } = header.data;
  if (element.dataOffset + size > byteArray.length) header.refuse(PIXEL_DATA, "be whole", "a truncated file");
  if (order === "little" || element.vr === "OB") {
    return byteArray.subarray(element.dataOffset, element.dataOffset + size);
  }
  // words of two bytes, whatever a sample is
  return Buffer.from(byteArray.subarray(element.dataOffset, element.dataOffset + found))
    .swap16()
    .subarray(0, size);
}

/** Stored numbers from little-endian bytes: bits outside BitsStored cut off, the sign extended. [height, width, samples] */
export function toValues(bytes: Uint8Array, layout: DicomLayout): Int32Array {
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

/**
 * Stored numbers from what a codec gives: two's complement of its precision, or signed already.
 *
 * @throws DataError when a number does not fit into BitsStored.
 */
export function fitValues(header: DicomHeader, { values, precision }: CodedSamples, layout: DicomLayout): Int32Array {
  const { bitsStored, isSigned } = layout;
  const shift = 32 - precision;
  const mustExtend = isSigned && !(values instanceof Int16Array);
  const [low, high] = isSigned ? [-(2 ** (bitsStored - 1)), 2 ** (bitsStored - 1) - 1] : [0, 2 ** bitsStored - 1];
  const out = new Int32Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value = mustExtend ? (values[at]! << shift) >> shift : values[at]!;
    if (value < low || value > high)
      header.refuse(PIXEL_DATA, `hold values from ${low} to ${high} (BitsStored)`, value);
    out[at] = value;
  }
  return out;
}

/** The stored values of a DICOM picture and what is needed to show them. */
export interface DicomPicture {
  readonly width: number;
  readonly height: number;
  readonly samples: 1 | 3;
  /** Stored values, [height, width, samples], before rescaling; colour as red, green and blue from 0 to 255. */
  readonly values: Int32Array;
  readonly photometric: "MONOCHROME1" | "MONOCHROME2" | "RGB";
  readonly slope: number;
  readonly intercept: number;
  /** The first window of the file, in rescaled values; null where it names none. */
  readonly window: { readonly center: number; readonly width: number; readonly shape: WindowShape } | null;
  /** Stored value of pixels outside the picture; null where the file names none. */
  readonly padding: number | null;
}

const PHOTOMETRIC = [
  "MONOCHROME1",
  "MONOCHROME2",
  "PALETTE COLOR",
  "RGB",
  "YBR_FULL",
  "YBR_FULL_422",
  "YBR_RCT",
  "YBR_ICT",
] as const;
type Photometric = (typeof PHOTOMETRIC)[number];
const WINDOW_SHAPES = ["LINEAR", "LINEAR_EXACT"] as const;
type WindowShape = (typeof WINDOW_SHAPES)[number];

/** Packings that each colour form may stand in; all others any. */
const ONLY_IN: Readonly<Partial<Record<Photometric, readonly Packing[]>>> = {
  YBR_FULL_422: ["native", "bigEndian", "jpeg", "jpegExtended"],
  YBR_RCT: ["jpeg2000"],
  YBR_ICT: ["jpeg2000"],
};

/** What is read of a file before its pixels. */
interface Reading {
  readonly header: DicomHeader;
  readonly packing: Packing;
  readonly layout: DicomLayout;
  readonly photometric: Photometric;
}

function readPhotometric(header: DicomHeader, packing: Packing, layout: DicomLayout): Photometric {
  const field = "PhotometricInterpretation (0028,0004)";
  const photometric = header.word("x00280004", field, PHOTOMETRIC);
  const isColour = !photometric.startsWith("MONOCHROME") && photometric !== "PALETTE COLOR";
  const fits = (ONLY_IN[photometric] ?? [packing]).includes(packing);
  if (isColour !== (layout.samples === 3) || !fits) header.refuse(field, "fit samples and packing", photometric);
  if (isColour && (layout.bitsStored !== 8 || layout.isSigned)) {
    header.refuse("BitsStored (0028,0101)", "be 8, without sign, for colour", layout.bitsStored);
  }
  return photometric;
}

/** The bytes of a packed picture: its fragments, one after the other. */
function packedBytes({ header, layout }: Reading, element: Element): Uint8Array {
  const fragments = element.fragments ?? [];
  if (fragments.length === 0) header.refuse("PixelData (7FE0,0010)", "hold a packed picture", "no fragment");
  const { byteArray } = header.data;
  const bytes = Buffer.concat(fragments.map(({ position, length }) => byteArray.subarray(position, position + length)));
  assertNoBomb(header, bytes.length, layout);
  return bytes;
}

function readNative({ header, layout, photometric }: Reading, element: Element, order: "little" | "big"): Int32Array {
  const { width, height, samples, bitsAllocated } = layout;
  if (photometric !== "YBR_FULL_422") {
    return toValues(nativeBytes(header, element, (width * height * samples * bitsAllocated) / 8, order), layout);
  }
  if (width % 2 !== 0 || bitsAllocated !== 8) {
    header.refuse("Columns (0028,0011)", "be even, in 8 bits, for YBR_FULL_422", width);
  }
  return toValues(spreadPairs(nativeBytes(header, element, width * height * 2, order)), { ...layout, isPlanar: false });
}

/** Stored values as they were coded. [height, width, samples] */
async function readValues(reading: Reading): Promise<Int32Array> {
  const { header, packing, layout, photometric } = reading;
  const { file } = header;
  const element = header.data.elements["x7fe00010"];
  if (element === undefined) return header.refuse("PixelData (7FE0,0010)", "be there", "none");
  if (packing === "native") return readNative(reading, element, "little");
  if (packing === "bigEndian") return readNative(reading, element, "big");
  const bytes = packedBytes(reading, element);
  if (packing === "rle") {
    // unpacked plane by plane, whatever PlanarConfiguration says
    return toValues(decodeDicomRle(bytes, { ...layout, file }), { ...layout, isPlanar: true });
  }
  const colours = photometric === "RGB" ? "rgb" : "ybr";
  return fitValues(header, await decodeDicomFrame(bytes, packing, { ...layout, file, colours }), layout);
}

/** Values and form in which they are shown: grey, or red, green and blue. */
async function readShown(reading: Reading): Promise<Pick<DicomPicture, "values" | "samples" | "photometric">> {
  const { header, packing, layout, photometric } = reading;
  const values = await readValues(reading);
  if (photometric === "MONOCHROME1" || photometric === "MONOCHROME2") return { values, samples: 1, photometric };
  const colour = { samples: 3, photometric: "RGB" } as const;
  if (photometric === "PALETTE COLOR") {
    return { values: applyPalette(header, values, layout, packing === "bigEndian" ? "big" : "little"), ...colour };
  }
  const isStillYbr = photometric.startsWith("YBR_FULL") && packing !== "jpeg" && packing !== "jpegExtended";
  return { values: isStillYbr ? ybrToRgb(values) : values, ...colour };
}

function readWindow(header: DicomHeader): DicomPicture["window"] {
  const center = header.decimal("x00281050", "WindowCenter (0028,1050)");
  const width = header.decimal("x00281051", "WindowWidth (0028,1051)");
  if (center === null || width === null) return null;
  const shape = header.word("x00281056", "VOILUTFunction (0028,1056)", WINDOW_SHAPES, "LINEAR");
  const least = shape === "LINEAR" ? 1 : Number.MIN_VALUE;
  if (width < least) header.refuse("WindowWidth (0028,1051)", "be at least 1", width);
  return { center, width, shape };
}

function readPadding({ header, layout }: Reading): number | null {
  if (header.data.elements["x00280120"] === undefined) return null;
  return header.data[layout.isSigned ? "int16" : "uint16"]("x00280120") ?? null;
}

/**
 * Reads the picture of a DICOM file: one frame, 1 to 16 bits, grey, RGB, brightness with colour differences, or a palette; as it is,
 * deflated, big-endian, or packed as RLE, JPEG (8 and 12 bits, lossless), JPEG-LS or JPEG 2000.
 *
 * @param file what to call it in an error.
 * @throws DataError naming file, field, rule and value; a transfer syntax that is not read is named.
 */
export async function readDicom(bytes: Uint8Array, file: string): Promise<DicomPicture> {
  try {
    const header = new DicomHeader(bytes, file);
    const packing = readPacking(header);
    if (header.data.elements["x00283000"] !== undefined) {
      header.refuse("ModalityLUTSequence (0028,3000)", "not be there", "a lookup table", "Export it as PNG.");
    }
    const layout = readLayout(header, packing);
    const reading = { header, packing, layout, photometric: readPhotometric(header, packing, layout) };
    return {
      width: layout.width,
      height: layout.height,
      ...(await readShown(reading)),
      slope: header.decimal("x00281053", "RescaleSlope (0028,1053)") ?? 1,
      intercept: header.decimal("x00281052", "RescaleIntercept (0028,1052)") ?? 0,
      window: readWindow(header),
      padding: readPadding(reading),
    };
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    const got = String((cause as Error).message ?? cause).slice(0, 120);
    return refuseDicom(file, { field: "data set", rule: "be sound DICOM", got }, cause);
  }
}
