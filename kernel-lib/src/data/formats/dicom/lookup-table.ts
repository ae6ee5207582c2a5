import type { DataSet } from "dicom-parser";
import type { DicomHeader, DicomLayout } from "./header";

/** Tables that values are looked up in: colours of a palette, and the steps of display that a formula does not give. */

/** Values below `first` take the first entry, those behind the last the last (DICOM PS3.3, C.7.6.3.1.5 and C.11.1.1.1). */
export interface LookupTable {
  readonly first: number;
  /** Bits of an entry, 8 to 16. */
  readonly bits: number;
  readonly entries: Uint16Array;
}

export type ByteOrder = "little" | "big";

/** Where a table stands, and how its numbers are written. */
interface TablePlace {
  /** The file's elements, or those of a sequence's item. */
  readonly data: DataSet;
  readonly descriptor: string;
  readonly table: string;
  /** What to call it in an error, e.g. "VOILUT". */
  readonly name: string;
  /** Depths of an entry that are read. */
  readonly depths: readonly number[];
  readonly order: ByteOrder;
  /** Whether values before the table have a sign. */
  readonly isSigned: boolean;
}

/** The entry of a value; of one between two whole numbers, the lower one's. */
export function lookUp({ first, entries }: LookupTable, value: number): number {
  return entries[Math.min(entries.length - 1, Math.max(0, Math.floor(value - first)))]!;
}

/** Count, first value and bits of an entry. The first value has a sign where its type says so, or, without types, where the pixels have one. */
function readDescriptor(header: DicomHeader, place: TablePlace): Omit<LookupTable, "entries"> & { count: number } {
  const { data, descriptor, name, depths, isSigned } = place;
  const element = data.elements[descriptor];
  const isWhole = element?.length === 6;
  const takesSign = element?.vr === undefined ? isSigned : element.vr === "SS";
  const [stated, bits] = isWhole ? [data.uint16(descriptor, 0), data.uint16(descriptor, 2)] : [undefined, undefined];
  const first = isWhole ? data[takesSign ? "int16" : "uint16"](descriptor, 1) : undefined;
  if (stated === undefined || first === undefined || bits === undefined || !depths.includes(bits)) {
    const rule = `state a count, a first value and ${depths.length > 2 ? `${depths[0]}, 10 to 16` : depths.join(" or ")} bits`;
    return header.refuse(`${name}Descriptor`, rule, isWhole ? bits : undefined);
  }
  return { count: stated === 0 ? 2 ** 16 : stated, first, bits };
}

/**
 * A table as it stands: entries in words of two bytes, those of 8 bits also one byte each.
 *
 * @throws DataError for a table that is missing, too short or of another depth.
 */
export function readLookupTable(header: DicomHeader, place: TablePlace): LookupTable {
  const { data, table, name, order } = place;
  const { count, first, bits } = readDescriptor(header, place);
  const element = data.elements[table];
  if (element === undefined) {
    return header.refuse(`${name}Data`, "be there", "none", "Segmented tables are not read; export it as PNG.");
  }
  const { byteArray } = data;
  const bytes = byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
  const [packed, words] = [count + (count % 2), 2 * count];
  const isPacked = bits === 8 && bytes.length === packed && packed !== words;
  if (!isPacked && bytes.length < words) header.refuse(`${name}Data`, `hold ${count} entries`, `${bytes.length} bytes`);
  const [low, high, swap] = order === "little" ? [0, 1, 0] : [1, 0, 1];
  const entries = Uint16Array.from({ length: count }, (_, k) =>
    isPacked ? bytes[k ^ swap]! : bytes[2 * k + low]! | (bits === 8 ? 0 : bytes[2 * k + high]! << 8),
  );
  return { first, bits, entries };
}

const CHANNELS = [
  ["x00281101", "x00281201", "Red"],
  ["x00281102", "x00281202", "Green"],
  ["x00281103", "x00281203", "Blue"],
] as const;

/**
 * Colours of a picture of numbers in tables (PALETTE COLOR); tables of 16 bits keep their upper 8.
 *
 * @returns [height, width, 3].
 * @throws DataError for missing or unsound tables, or numbers with a sign.
 */
export function applyPalette(
  header: DicomHeader,
  values: Int32Array,
  { isSigned }: DicomLayout,
  order: ByteOrder,
): Int32Array {
  if (isSigned) header.refuse("PixelRepresentation (0028,0103)", "be 0 with a palette", 1);
  const channels = CHANNELS.map(([descriptor, table, colour]) => {
    const name = `${colour}PaletteColorLookupTable`;
    return readLookupTable(header, { data: header.data, descriptor, table, name, depths: [8, 16], order, isSigned });
  });
  const out = new Int32Array(3 * values.length);
  for (let p = 0; p < values.length; p++) {
    for (const [c, table] of channels.entries()) out[3 * p + c] = lookUp(table, values[p]!) >> (table.bits - 8);
  }
  return out;
}
