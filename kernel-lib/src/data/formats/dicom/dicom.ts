import { isKernelError } from "../../../base/errors";
import type { RasterImage } from "../../../base/types";
import {
  DicomHeader,
  type DicomLayout,
  type DicomReading,
  readLayout,
  readPacking,
  readPhotometric,
  refuseDicom,
} from "./header";
import { readStoredValues } from "./pixel-data";

const WINDOW_SHAPES = ["LINEAR", "LINEAR_EXACT"] as const;

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
  readonly window: {
    readonly center: number;
    readonly width: number;
    readonly shape: (typeof WINDOW_SHAPES)[number];
  } | null;
  /** Stored value of pixels outside the picture; null where the file names none. */
  readonly padding: number | null;
}

/** Red, green and blue of brightness and colour differences, all 0 to 255 (DICOM PS3.3, C.7.6.3.1.2). In place. */
function ybrToRgb(values: Int32Array): Int32Array {
  const byte = (value: number) => Math.min(255, Math.max(0, Math.floor(value + 0.5)));
  for (let at = 0; at < values.length; at += 3) {
    const [y, b, r] = [values[at]!, values[at + 1]! - 128, values[at + 2]! - 128];
    values[at] = byte(y + 1.402 * r);
    values[at + 1] = byte(y - ((0.114 * 1.772) / 0.587) * b - ((0.299 * 1.402) / 0.587) * r);
    values[at + 2] = byte(y + 1.772 * b);
  }
  return values;
}

interface PaletteChannel {
  readonly first: number;
  /** 0 to 255. */
  readonly levels: Uint8Array;
}

const CHANNELS = [
  ["x00281101", "x00281201", "Red"],
  ["x00281102", "x00281202", "Green"],
  ["x00281103", "x00281203", "Blue"],
] as const;

function readChannel(
  header: DicomHeader,
  [descriptor, table, name]: (typeof CHANNELS)[number],
  order: "little" | "big",
): PaletteChannel {
  const field = `${name}PaletteColorLookupTable`;
  const [stated, first, bits] = [0, 1, 2].map((k) =>
    header.data.elements[descriptor]?.length === 6 ? header.data.uint16(descriptor, k) : undefined,
  );
  if (stated === undefined || first === undefined || (bits !== 8 && bits !== 16)) {
    return header.refuse(`${field}Descriptor`, "state a count, a first value and 8 or 16 bits", bits);
  }
  const count = stated === 0 ? 2 ** 16 : stated;
  const bytes = header.bytes(table, `${field}Data`);
  if (bytes === null) return header.refuse(`${field}Data`, "be there", "none", "Segmented tables are not read.");
  const [packed, words] = [count + (count % 2), 2 * count];
  if (bytes.length !== words && !(bits === 8 && bytes.length === packed)) {
    header.refuse(`${field}Data`, `hold ${count} entries`, `${bytes.length} bytes`);
  }
  const isWords = bytes.length === words && !(bits === 8 && words === packed);
  const upper = order === "little" ? 1 : 0;
  const swap = order === "little" ? 0 : 1;
  const levels = Uint8Array.from({ length: count }, (_, k) =>
    isWords ? bytes[2 * k + (bits === 16 ? upper : 1 - upper)]! : bytes[k ^ swap]!,
  );
  return { first, levels };
}

/**
 * Colours of a picture of numbers in tables (PALETTE COLOR). Numbers below a table's first one have its first colour, those
 * above its last one its last (DICOM PS3.3, C.7.6.3.1.5); tables of 16 bits keep their upper 8.
 *
 * @returns [height, width, 3].
 * @throws DataError for missing or unsound tables, or numbers with a sign.
 */
function applyPalette(
  header: DicomHeader,
  values: Int32Array,
  layout: DicomLayout,
  order: "little" | "big",
): Int32Array {
  if (layout.isSigned) header.refuse("PixelRepresentation (0028,0103)", "be 0 with a palette", 1);
  const channels = CHANNELS.map((channel) => readChannel(header, channel, order));
  const out = new Int32Array(3 * values.length);
  for (let p = 0; p < values.length; p++) {
    for (const [c, { first, levels }] of channels.entries()) {
      out[3 * p + c] = levels[Math.min(levels.length - 1, Math.max(0, values[p]! - first))]!;
    }
  }
  return out;
}

/** Values and form in which they are shown: grey, or red, green and blue. */
async function readShown(reading: DicomReading): Promise<Pick<DicomPicture, "values" | "samples" | "photometric">> {
  const { header, packing, layout, photometric } = reading;
  const values = await readStoredValues(reading);
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

function readPadding({ header, layout }: DicomReading): number | null {
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
    const reading: DicomReading = { header, packing, layout, photometric: readPhotometric(header, packing, layout) };
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

/** Lowest and highest rescaled value inside the picture; padding is left out. */
function rangeOf({ values, slope, intercept, padding }: DicomPicture): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value === padding) continue;
    const rescaled = slope * value + intercept;
    if (rescaled < low) low = rescaled;
    if (rescaled > high) high = rescaled;
  }
  return low <= high ? [low, high] : [0, 0];
}

/** Where black and white lie, in rescaled values (DICOM PS3.3, C.11.2.1.2). */
function blackAndWhite(picture: DicomPicture): [number, number] {
  if (picture.window === null) return rangeOf(picture);
  const { center, width, shape } = picture.window;
  if (shape === "LINEAR_EXACT") return [center - width / 2, center + width / 2];
  return [center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2];
}

/**
 * A DICOM picture as it is shown: rescaled, windowed (the file's first window, else the whole range), MONOCHROME1 turned round.
 *
 * @returns bytes, 1 channel for grey, 3 for colour, which is not windowed.
 */
export function renderDicom(picture: DicomPicture): RasterImage {
  const { width, height, samples, values, photometric, slope, intercept } = picture;
  if (samples === 3) return { width, height, channels: 3, data: Uint8Array.from(values) };
  const [black, white] = blackAndWhite(picture);
  const range = white - black;
  const data = new Uint8Array(values.length);
  for (let p = 0; p < values.length; p++) {
    const rescaled = slope * values[p]! + intercept;
    // a window of width 1 is a threshold: everything above black is white
    const level = range > 0 ? ((rescaled - black) * 255) / range : rescaled > black ? 255 : 0;
    const byte = Math.round(Math.min(255, Math.max(0, level)));
    data[p] = photometric === "MONOCHROME1" ? 255 - byte : byte;
  }
  return { width, height, channels: 1, data };
}
