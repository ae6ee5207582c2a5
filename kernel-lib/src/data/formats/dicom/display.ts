import type { DataSet } from "dicom-parser";
import type { RasterImage } from "../../../base/types";
import type { DicomHeader, DicomReading } from "./header";
import { type LookupTable, lookUp, readLookupTable } from "./lookup-table";

/**
 * From stored values to what a viewer shows, in the order of the standard (DICOM PS3.3, C.11.1 and C.11.2, PS3.4, N.2): modality table or
 * rescaling; VOI table, else window, else the whole range; MONOCHROME1 turned round last. As pydicom's apply_modality_lut and apply_voi_lut.
 */

const WINDOW_SHAPES = ["LINEAR", "LINEAR_EXACT", "SIGMOID"] as const;

/** Which values are shown from black to white, in rescaled values. */
interface DicomWindow {
  readonly center: number;
  readonly width: number;
  readonly shape: (typeof WINDOW_SHAPES)[number];
}

/** What a file says about how its grey values are shown. */
export interface DicomDisplay {
  readonly slope: number;
  readonly intercept: number;
  /** In place of slope and intercept, where the file has one. */
  readonly modalityTable: LookupTable | null;
  /** The first of the file; it goes before the window. */
  readonly voiTable: LookupTable | null;
  /** The first window of the file; null where it names none. */
  readonly window: DicomWindow | null;
  /** Lowest and highest stored value of pixels outside the picture; null where the file names none. */
  readonly padding: readonly [low: number, high: number] | null;
}

function readWindow(header: DicomHeader): DicomWindow | null {
  const center = header.decimal("x00281050", "WindowCenter (0028,1050)");
  const width = header.decimal("x00281051", "WindowWidth (0028,1051)");
  if (center === null || width === null) return null;
  const shape = header.word("x00281056", "VOILUTFunction (0028,1056)", WINDOW_SHAPES, "LINEAR");
  const least = shape === "LINEAR" ? 1 : Number.MIN_VALUE;
  const rule = shape === "LINEAR" ? "be at least 1" : `be above 0 for ${shape}`;
  if (width < least) header.refuse("WindowWidth (0028,1051)", rule, width);
  return { center, width, shape };
}

/** Padding is one value, or a range from it to a limit on either side. */
function readPadding({ header, layout }: DicomReading): DicomDisplay["padding"] {
  const read = layout.isSigned ? "int16" : "uint16";
  const [value, limit] = ["x00280120", "x00280121"].map((tag) =>
    header.data.elements[tag] === undefined ? undefined : header.data[read](tag),
  );
  if (value === undefined) return null;
  return [Math.min(value, limit ?? value), Math.max(value, limit ?? value)];
}

const DESCRIPTOR = "x00283002";
const TABLE = "x00283006";
const MODALITY_DEPTHS = [8, 16];
const VOI_DEPTHS = [8, 10, 11, 12, 13, 14, 15, 16];

/** The first item of a sequence; null where there is none. */
const firstItem = (header: DicomHeader, tag: string): DataSet | null =>
  header.data.elements[tag]?.items?.[0]?.dataSet ?? null;

function readTable(
  { header, layout, packing }: DicomReading,
  sequence: string,
  table: { readonly name: string; readonly depths: readonly number[]; readonly isSigned?: boolean },
): LookupTable | null {
  const data = firstItem(header, sequence);
  if (data === null) return null;
  const order = packing === "bigEndian" ? "big" : "little";
  const isSigned = table.isSigned ?? layout.isSigned;
  return readLookupTable(header, { ...table, data, descriptor: DESCRIPTOR, table: TABLE, order, isSigned });
}

/** Of colour nothing is said: it is shown as it is. */
const AS_IT_IS: DicomDisplay = {
  slope: 1,
  intercept: 0,
  modalityTable: null,
  voiTable: null,
  window: null,
  padding: null,
};

/** @throws DataError naming file, field, rule and value, for a window or a table that cannot be followed. */
export function readDisplay(reading: DicomReading): DicomDisplay {
  const { header, layout, photometric } = reading;
  if (!photometric.startsWith("MONOCHROME")) return AS_IT_IS;
  const slope = header.decimal("x00281053", "RescaleSlope (0028,1053)") ?? 1;
  const intercept = header.decimal("x00281052", "RescaleIntercept (0028,1052)") ?? 0;
  const modalityTable = readTable(reading, "x00283000", { name: "ModalityLUT", depths: MODALITY_DEPTHS });
  // what a modality table gives has no sign
  const isSigned = modalityTable === null && (layout.isSigned || intercept < 0);
  const voiTable = readTable(reading, "x00283010", { name: "VOILUT", depths: VOI_DEPTHS, isSigned });
  const window = voiTable === null ? readWindow(header) : null;
  return { slope, intercept, modalityTable, voiTable, window, padding: readPadding(reading) };
}

/** Grey values of a picture, and how they are shown. */
interface GreyPicture extends DicomDisplay {
  readonly values: Int32Array;
}

type Curve = (value: number) => number;

/** The first step: what a stored value means, e.g. in Hounsfield units. */
function modalityOf({ slope, intercept, modalityTable }: DicomDisplay): Curve {
  if (modalityTable !== null) return (value) => lookUp(modalityTable, value);
  return (value) => slope * value + intercept;
}

/** Lowest and highest rescaled value inside the picture; padding is left out. */
function rangeOf({ values, padding }: GreyPicture, modality: Curve): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const [from, to] = padding ?? [1, 0];
  for (const value of values) {
    if (value >= from && value <= to) continue;
    const rescaled = modality(value);
    if (rescaled < low) low = rescaled;
    if (rescaled > high) high = rescaled;
  }
  return low <= high ? [low, high] : [0, 0];
}

/** Where black and white lie, in rescaled values (DICOM PS3.3, C.11.2.1.2 and C.11.2.1.3). */
function edgesOf({ center, width, shape }: DicomWindow): [number, number] {
  if (shape === "LINEAR_EXACT") return [center - width / 2, center + width / 2];
  return [center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2];
}

/** The second step: the level, 0 to 255, at which a rescaled value is shown. */
function voiOf(picture: GreyPicture, modality: Curve): Curve {
  const { voiTable, window } = picture;
  if (voiTable !== null) {
    const white = 2 ** voiTable.bits - 1;
    return (value) => (lookUp(voiTable, value) * 255) / white;
  }
  if (window?.shape === "SIGMOID") {
    return (value) => 255 / (1 + Math.exp((-4 * (value - window.center)) / window.width));
  }
  const [black, white] = window === null ? rangeOf(picture, modality) : edgesOf(window);
  const range = white - black;
  // a window of width 1 is a threshold: everything above black is white
  return (value) => (range > 0 ? ((value - black) * 255) / range : value > black ? 255 : 0);
}

/**
 * Grey values as they are shown.
 *
 * @returns bytes, 0 to 255, one a value.
 */
export function renderGrey(picture: GreyPicture, photometric: "MONOCHROME1" | "MONOCHROME2"): RasterImage["data"] {
  const { values } = picture;
  const modality = modalityOf(picture);
  const voi = voiOf(picture, modality);
  const data = new Uint8Array(values.length);
  for (let p = 0; p < values.length; p++) {
    const byte = Math.round(Math.min(255, Math.max(0, voi(modality(values[p]!)))));
    data[p] = photometric === "MONOCHROME1" ? 255 - byte : byte;
  }
  return data;
}
