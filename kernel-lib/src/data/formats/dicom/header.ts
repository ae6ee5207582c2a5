import type { DataSet } from "dicom-parser";
import type { PictureShape } from "./codec";
import { AGAIN, readDataSet, refuseDicom } from "./data-set";

/** What the header of a DICOM file says of its picture: packing, layout and colours, every field checked. */

/** Reads checked fields of one file. */
export class DicomHeader {
  readonly data: DataSet;

  /** @throws DataError when the bytes are no sound DICOM file. */
  constructor(
    bytes: Uint8Array,
    readonly file: string,
  ) {
    this.data = readDataSet(bytes, file);
  }

  refuse(field: string, rule: string, got: unknown, next?: string): never {
    return refuseDicom(this.file, { field, rule, got: String(got ?? "none").slice(0, 80), next });
  }

  /** A whole number that is one of the choices, or within a range written as [low, high, "to"]. */
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

  /** The bytes of an element as they stand, or null where there is none. */
  bytes(tag: string, field: string): Uint8Array | null {
    const element = this.data.elements[tag];
    if (element === undefined) return null;
    const { byteArray } = this.data;
    const end = element.dataOffset + element.length;
    if (end > byteArray.length) this.refuse(field, "be whole", "a truncated file", AGAIN);
    return byteArray.subarray(element.dataOffset, end);
  }
}

/** How the pixels of a file are packed. */
export type Packing = "native" | "bigEndian" | "rle" | "jpeg" | "jpegExtended" | "jpegLossless" | "jpegLs" | "jpeg2000";

/** Transfer syntaxes by their UID (DICOM PS3.6), and how they are read. */
const SYNTAXES: Readonly<Record<string, readonly [name: string, packing: Packing]>> = {
  "1.2.840.10008.1.2": ["Implicit VR Little Endian", "native"],
  "1.2.840.10008.1.2.1": ["Explicit VR Little Endian", "native"],
  "1.2.840.10008.1.2.1.99": ["Deflated Explicit VR Little Endian", "native"],
  "1.2.840.10008.1.2.2": ["Explicit VR Big Endian", "bigEndian"],
  "1.2.840.10008.1.2.5": ["RLE Lossless", "rle"],
  "1.2.840.10008.1.2.4.50": ["JPEG Baseline", "jpeg"],
  "1.2.840.10008.1.2.4.51": ["JPEG Extended", "jpegExtended"],
  "1.2.840.10008.1.2.4.57": ["JPEG Lossless", "jpegLossless"],
  "1.2.840.10008.1.2.4.70": ["JPEG Lossless, first-order prediction", "jpegLossless"],
  "1.2.840.10008.1.2.4.80": ["JPEG-LS Lossless", "jpegLs"],
  "1.2.840.10008.1.2.4.81": ["JPEG-LS Near-lossless", "jpegLs"],
  "1.2.840.10008.1.2.4.90": ["JPEG 2000 Lossless", "jpeg2000"],
  "1.2.840.10008.1.2.4.91": ["JPEG 2000", "jpeg2000"],
};

/** What is often met and not read, by its name. */
const UNREAD: Readonly<Record<string, string>> = {
  "1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000 Lossless",
  "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
  "1.2.840.10008.1.2.4.100": "MPEG2",
  "1.2.840.10008.1.2.4.102": "MPEG-4",
};

/** How pixels are packed. @throws DataError naming a transfer syntax that is not read. */
export function readPacking(header: DicomHeader): Packing {
  const uid = header.data.string("x00020010")?.trim() ?? "";
  const known = SYNTAXES[uid];
  if (known !== undefined) return known[1];
  const names = Object.values(SYNTAXES).map(([name]) => name);
  const next = "Convert it, e.g. with dcmconv or gdcmconv --raw, or export it as PNG.";
  const got = `${UNREAD[uid] ?? "unknown"} (${uid})`;
  return header.refuse("TransferSyntaxUID (0002,0010)", `be one of ${names.join(", ")}`, got, next);
}

/** Size and sample form of a picture, as its header states them. */
export interface DicomLayout extends PictureShape {
  readonly bitsStored: number;
  /** Bits below the stored ones in their 8 or 16. */
  readonly lowBit: number;
  readonly isSigned: boolean;
  readonly isPlanar: boolean;
}

const MOST_SAMPLES: Readonly<Record<"plain" | "coded", number>> = { plain: 64 * 2 ** 20, coded: 32 * 2 ** 20 };

/** Height and width of a pixel, where a file tells them. */
const PIXEL_SIZES = [
  ["x00280034", "PixelAspectRatio (0028,0034)"],
  ["x00280030", "PixelSpacing (0028,0030)"],
  ["x00181164", "ImagerPixelSpacing (0018,1164)"],
] as const;

/** Refuses pixels that are not square: a viewer stretches the picture, which is not done here. Up to a twentieth nobody sees it. */
function assertSquare(header: DicomHeader): void {
  for (const [tag, field] of PIXEL_SIZES) {
    const [height, width] = header.data.string(tag)?.split("\\").map(Number) ?? [];
    if (height === undefined || width === undefined || !(height > 0 && width > 0)) continue;
    if (Math.max(height / width, width / height) > 1.05)
      header.refuse(field, "be the same down and across", `${height} and ${width}`);
  }
}

/** @throws DataError for a size, a number of frames or a depth that is not read, and for pixels that are not square. */
export function readLayout(header: DicomHeader, packing: Packing): DicomLayout {
  assertSquare(header);
  const height = header.whole("x00280010", "Rows (0028,0010)", [1, 16_384, "to"]);
  const width = header.whole("x00280011", "Columns (0028,0011)", [1, 16_384, "to"]);
  const samples = header.whole("x00280002", "SamplesPerPixel (0028,0002)", [1, 3], 1) as 1 | 3;
  const isCoded = !["native", "bigEndian", "rle"].includes(packing);
  const most = MOST_SAMPLES[isCoded ? "coded" : "plain"];
  if (height * width * samples > most) {
    header.refuse("Rows (0028,0010)", `keep within ${most} samples`, height * width * samples);
  }
  const frames = header.decimal("x00280008", "NumberOfFrames (0028,0008)") || 1; // 0 stands for none said, as in pydicom
  if (frames !== 1) header.refuse("NumberOfFrames (0028,0008)", "be 1", frames, "Export the frame you want.");
  const bitsAllocated = header.whole("x00280100", "BitsAllocated (0028,0100)", [8, 16]) as 8 | 16;
  const bitsStored = header.whole("x00280101", "BitsStored (0028,0101)", [1, bitsAllocated, "to"]);
  const lowest = bitsStored - 1;
  const highest = isCoded ? lowest : bitsAllocated - 1;
  const highBit = header.whole("x00280102", "HighBit (0028,0102)", [lowest, highest, "to"], lowest);
  return {
    height,
    width,
    samples,
    bitsAllocated,
    bitsStored,
    lowBit: highBit - lowest,
    isSigned: header.whole("x00280103", "PixelRepresentation (0028,0103)", [0, 1], 0) === 1,
    isPlanar: header.whole("x00280006", "PlanarConfiguration (0028,0006)", [0, 1], 0) === 1,
  };
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

/** Packings that each colour form may stand in; all others any. */
const ONLY_IN: Readonly<Partial<Record<Photometric, readonly Packing[]>>> = {
  YBR_FULL_422: ["native", "bigEndian", "jpeg", "jpegExtended"],
  YBR_RCT: ["jpeg2000"],
  YBR_ICT: ["jpeg2000"],
};

/** What the samples are. @throws DataError for a colour form that samples, depth or packing do not allow. */
export function readPhotometric(header: DicomHeader, packing: Packing, layout: DicomLayout): Photometric {
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

/** A file's header, and what of it decides how its pixels are read. */
export interface DicomReading {
  readonly header: DicomHeader;
  readonly packing: Packing;
  readonly layout: DicomLayout;
  readonly photometric: Photometric;
}
