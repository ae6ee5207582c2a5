import { inflateRawSync } from "node:zlib";
import { type DataSet, type Element, parseDicom } from "dicom-parser";
import { DataError, isKernelError } from "../../base/errors";
import { decodeDicomJpeg, decodeDicomRle } from "./dicom-packed";

/** The stored values of a DICOM picture and what is needed to show them. */
export interface DicomPicture {
  readonly width: number;
  readonly height: number;
  readonly samples: 1 | 3;
  /** Stored values, [height, width, samples], before rescaling. */
  readonly values: Int32Array;
  readonly photometric: Photometric;
  readonly slope: number;
  readonly intercept: number;
  /** The first window of the file, in rescaled values; null where it names none. */
  readonly window: { readonly center: number; readonly width: number; readonly shape: WindowShape } | null;
  /** Stored value of pixels outside the picture; null where the file names none. */
  readonly padding: number | null;
}

const PHOTOMETRIC = ["MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422"] as const;
type Photometric = (typeof PHOTOMETRIC)[number];
const WINDOW_SHAPES = ["LINEAR", "LINEAR_EXACT"] as const;
type WindowShape = (typeof WINDOW_SHAPES)[number];

type Packing = "native" | "rle" | "jpeg";

/** Transfer syntaxes by their UID (DICOM PS3.6): how they are read, or null where they are known but not read. */
const SYNTAXES: Readonly<Record<string, readonly [string, Packing | null]>> = {
  "1.2.840.10008.1.2": ["Implicit VR Little Endian", "native"],
  "1.2.840.10008.1.2.1": ["Explicit VR Little Endian", "native"],
  "1.2.840.10008.1.2.1.99": ["Deflated Explicit VR Little Endian", "native"],
  "1.2.840.10008.1.2.5": ["RLE Lossless", "rle"],
  "1.2.840.10008.1.2.4.50": ["JPEG Baseline", "jpeg"],
  "1.2.840.10008.1.2.2": ["Explicit VR Big Endian", null],
  "1.2.840.10008.1.2.4.51": ["JPEG Extended, 12 bits", null],
  "1.2.840.10008.1.2.4.57": ["JPEG Lossless", null],
  "1.2.840.10008.1.2.4.70": ["JPEG Lossless, first-order prediction", null],
  "1.2.840.10008.1.2.4.80": ["JPEG-LS Lossless", null],
  "1.2.840.10008.1.2.4.81": ["JPEG-LS Near-lossless", null],
  "1.2.840.10008.1.2.4.90": ["JPEG 2000 Lossless", null],
  "1.2.840.10008.1.2.4.91": ["JPEG 2000", null],
};

const MOST_PIXELS = 64 * 2 ** 20;
const MOST_INFLATED = 512 * 2 ** 20;
const AGAIN = "Download the file again.";

function refuse(file: string, field: string, rule: string, got: string, next = AGAIN, cause?: unknown): never {
  const details = { file, field, rule, got };
  throw new DataError(`readDicom: ${file}, ${field}, must ${rule}; got ${got}. ${next}`, details, cause);
}

/** dicom-parser's way to unfold a deflated data set: the head as it stands, then the rest unfolded. */
function inflater(bytes: Uint8Array, position: number): Uint8Array {
  const rest = inflateRawSync(bytes.subarray(position), { maxOutputLength: MOST_INFLATED });
  return Buffer.concat([bytes.subarray(0, position), rest]);
}

function parse(bytes: Uint8Array, file: string): DataSet {
  const magic = Buffer.from(bytes.subarray(128, 132)).toString("latin1");
  if (magic !== "DICM")
    refuse(file, "preamble", "end with DICM", "another format", "Only DICOM Part 10 files are read.");
  try {
    return parseDicom(bytes, { inflater } as object);
  } catch (cause) {
    const { message, exception } = cause as { message?: string; exception?: unknown };
    const reason = String(exception ?? message ?? cause).slice(0, 120);
    return refuse(file, "data set", "be sound DICOM", reason, AGAIN, cause);
  }
}

/** Reads checked header fields of one file. */
class Header {
  constructor(
    readonly data: DataSet,
    readonly file: string,
  ) {}

  refuse(field: string, rule: string, got: unknown, next?: string): never {
    return refuse(this.file, field, rule, String(got ?? "none").slice(0, 80), next);
  }

  whole(
    tag: string,
    field: string,
    choices: readonly number[] | readonly [number, number, "to"],
    missing?: number,
  ): number {
    const value = this.data.elements[tag] === undefined ? missing : this.data.uint16(tag);
    const [low, high] = choices as readonly number[];
    const inside =
      value !== undefined &&
      (choices[2] === "to" ? value >= low! && value <= high! : (choices as readonly number[]).includes(value));
    if (inside) return value;
    const rule = choices[2] === "to" ? `be from ${low} to ${high}` : `be ${choices.join(" or ")}`;
    return this.refuse(field, rule, value);
  }

  word<T extends string>(tag: string, field: string, choices: readonly T[], missing?: T): T {
    const value = this.data.string(tag)?.trim() || missing;
    if (choices.includes(value as T)) return value as T;
    return this.refuse(field, `be one of ${choices.join(", ")}`, value);
  }

  /** The first of the numbers in a text element; null where there is none. */
  decimal(tag: string, field: string): number | null {
    const text = this.data.string(tag)?.split("\\")[0]?.trim() ?? "";
    if (text === "") return null;
    const value = Number(text);
    return Number.isFinite(value) ? value : this.refuse(field, "be a number", text);
  }
}

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly samples: 1 | 3;
  readonly bitsAllocated: 8 | 16;
  readonly bitsStored: number;
  readonly isSigned: boolean;
  readonly isPlanar: boolean;
}

function readLayout(header: Header): Layout {
  const height = header.whole("x00280010", "Rows (0028,0010)", [1, 16_384, "to"]);
  const width = header.whole("x00280011", "Columns (0028,0011)", [1, 16_384, "to"]);
  if (height * width > MOST_PIXELS)
    header.refuse("Rows (0028,0010)", `keep within ${MOST_PIXELS} pixels`, height * width);
  const frames = header.decimal("x00280008", "NumberOfFrames (0028,0008)") ?? 1;
  if (frames !== 1) header.refuse("NumberOfFrames (0028,0008)", "be 1", frames, "Export the frame you want.");
  const bitsAllocated = header.whole("x00280100", "BitsAllocated (0028,0100)", [8, 16]) as 8 | 16;
  const bitsStored = header.whole("x00280101", "BitsStored (0028,0101)", [8, bitsAllocated, "to"]);
  header.whole("x00280102", "HighBit (0028,0102)", [bitsStored - 1], bitsStored - 1);
  return {
    height,
    width,
    samples: header.whole("x00280002", "SamplesPerPixel (0028,0002)", [1, 3], 1) as 1 | 3,
    bitsAllocated,
    bitsStored,
    isSigned: header.whole("x00280103", "PixelRepresentation (0028,0103)", [0, 1], 0) === 1,
    isPlanar: header.whole("x00280006", "PlanarConfiguration (0028,0006)", [0, 1], 0) === 1,
  };
}

const sizeOf = ({ width, height, samples, bitsAllocated }: Layout) => (width * height * samples * bitsAllocated) / 8;

function nativeBytes(header: Header, element: Element, layout: Layout): Uint8Array {
  const size = sizeOf(layout);
  const found = element.length;
  // an odd number of bytes is padded to an even one
  if (found !== size && found !== size + (size % 2)) {
    header.refuse("PixelData (7FE0,0010)", `hold ${size} bytes`, `${found} bytes`);
  }
  const { byteArray } = header.data;
  if (element.dataOffset + size > byteArray.length)
    header.refuse("PixelData (7FE0,0010)", "be whole", "a truncated file");
  return byteArray.subarray(element.dataOffset, element.dataOffset + size);
}

/** The bytes of a packed picture: its fragments, one after the other. */
function packedBytes(header: Header, element: Element): Uint8Array {
  const fragments = element.fragments ?? [];
  if (fragments.length === 0) header.refuse("PixelData (7FE0,0010)", "hold a packed picture", "no fragment");
  const { byteArray } = header.data;
  return Buffer.concat(fragments.map(({ position, length }) => byteArray.subarray(position, position + length)));
}

/** Stored numbers from little-endian bytes: bits above BitsStored cut off, the sign extended. [height, width, samples] */
function toValues(bytes: Uint8Array, layout: Layout): Int32Array {
  const { bitsAllocated, bitsStored, isSigned, isPlanar, samples, width, height } = layout;
  const pixels = width * height;
  const shift = 32 - bitsStored;
  const values = new Int32Array(pixels * samples);
  for (let p = 0; p < pixels; p++) {
    for (let s = 0; s < samples; s++) {
      const at = isPlanar ? s * pixels + p : p * samples + s;
      const raw = bitsAllocated === 8 ? bytes[at]! : bytes[2 * at]! | (bytes[2 * at + 1]! << 8);
      values[p * samples + s] = isSigned ? (raw << shift) >> shift : (raw << shift) >>> shift;
    }
  }
  return values;
}

async function readValues(header: Header, packing: Packing, layout: Layout): Promise<Int32Array> {
  const element = header.data.elements["x7fe00010"];
  if (element === undefined) return header.refuse("PixelData (7FE0,0010)", "be there", "none");
  if (packing === "native") return toValues(nativeBytes(header, element, layout), layout);
  const bytes = packedBytes(header, element);
  if (packing === "rle") {
    // unpacked plane by plane, whatever PlanarConfiguration says
    return toValues(decodeDicomRle(bytes, { ...layout, file: header.file }), { ...layout, isPlanar: true });
  }
  if (layout.bitsAllocated !== 8 || layout.isSigned) {
    header.refuse("BitsAllocated (0028,0100)", "be 8, unsigned, for JPEG Baseline", layout.bitsAllocated);
  }
  return Int32Array.from(await decodeDicomJpeg(bytes, { ...layout, file: header.file }));
}

function readWindow(header: Header): DicomPicture["window"] {
  const center = header.decimal("x00281050", "WindowCenter (0028,1050)");
  const width = header.decimal("x00281051", "WindowWidth (0028,1051)");
  if (center === null || width === null) return null;
  const shape = header.word("x00281056", "VOILUTFunction (0028,1056)", WINDOW_SHAPES, "LINEAR");
  const least = shape === "LINEAR" ? 1 : Number.MIN_VALUE;
  if (width < least) header.refuse("WindowWidth (0028,1051)", "be at least 1", width);
  return { center, width, shape };
}

function readPacking(header: Header): Packing {
  const uid = header.data.string("x00020010")?.trim() ?? "";
  const [name, packing] = SYNTAXES[uid] ?? ["unknown", null];
  if (packing !== null) return packing;
  const known = Object.values(SYNTAXES).flatMap(([title, read]) => (read === null ? [] : [title]));
  const next = "Convert it, e.g. with dcmconv or gdcmconv --raw, or export it as PNG.";
  return header.refuse("TransferSyntaxUID (0002,0010)", `be one of ${known.join(", ")}`, `${name} (${uid})`, next);
}

/**
 * Reads the picture of a DICOM file: one frame, 8 to 16 bits, grey or RGB; uncompressed, deflated, RLE or JPEG Baseline.
 *
 * @param file what to call it in an error.
 * @throws DataError naming file, field, rule and value; a transfer syntax that is not read is named.
 */
export async function readDicom(bytes: Uint8Array, file: string): Promise<DicomPicture> {
  const header = new Header(parse(bytes, file), file);
  try {
    const packing = readPacking(header);
    if (header.data.elements["x00283000"] !== undefined) {
      header.refuse("ModalityLUTSequence (0028,3000)", "not be there", "a lookup table", "Export it as PNG.");
    }
    const layout = readLayout(header);
    const photometric = header.word("x00280004", "PhotometricInterpretation (0028,0004)", PHOTOMETRIC);
    const isColour = !photometric.startsWith("MONOCHROME");
    if (isColour !== (layout.samples === 3) || (photometric.startsWith("YBR") && packing !== "jpeg")) {
      header.refuse("PhotometricInterpretation (0028,0004)", "fit samples and packing", photometric);
    }
    const paddingTag = header.data.elements["x00280120"];
    const padding =
      paddingTag === undefined ? undefined : header.data[layout.isSigned ? "int16" : "uint16"]("x00280120");
    return {
      width: layout.width,
      height: layout.height,
      samples: layout.samples,
      values: await readValues(header, packing, layout),
      photometric,
      slope: header.decimal("x00281053", "RescaleSlope (0028,1053)") ?? 1,
      intercept: header.decimal("x00281052", "RescaleIntercept (0028,1052)") ?? 0,
      window: readWindow(header),
      padding: padding ?? null,
    };
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    return refuse(
      file,
      "data set",
      "be sound DICOM",
      String((cause as Error).message ?? cause).slice(0, 120),
      AGAIN,
      cause,
    );
  }
}
