import type { RasterImage } from "../../base/types";
import type { DicomPicture } from "./dicom";
import type { DicomHeader, DicomLayout } from "./dicom-header";

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

/** Red, green and blue of brightness and colour differences, all 0 to 255 (DICOM PS3.3, C.7.6.3.1.2). In place. */
export function ybrToRgb(values: Int32Array): Int32Array {
  const byte = (value: number) => Math.min(255, Math.max(0, Math.floor(value + 0.5)));
  for (let at = 0; at < values.length; at += 3) {
    const [y, b, r] = [values[at]!, values[at + 1]! - 128, values[at + 2]! - 128];
    values[at] = byte(y + 1.402 * r);
    values[at + 1] = byte(y - ((0.114 * 1.772) / 0.587) * b - ((0.299 * 1.402) / 0.587) * r);
    values[at + 2] = byte(y + 1.772 * b);
  }
  return values;
}

/** Both pixels of a pair get its colour: Y Y Cb Cr to Y Cb Cr, Y Cb Cr. [height, width, 3] */
export function spreadPairs(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array((bytes.length / 4) * 6);
  for (let pair = 0; 4 * pair < bytes.length; pair++) {
    const [first, second, b, r] = bytes.subarray(4 * pair, 4 * pair + 4);
    out.set([first!, b!, r!, second!, b!, r!], 6 * pair);
  }
  return out;
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
export function applyPalette(
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
