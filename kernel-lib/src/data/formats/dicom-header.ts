import { inflateRawSync } from "node:zlib";
import { type DataSet, parseDicom } from "dicom-parser";
import { DataError } from "../../base/errors";

const MOST_INFLATED = 512 * 2 ** 20;
const AGAIN = "Download the file again.";

/** @throws DataError naming file, field, rule and value, always. */
export function refuseDicom(
  file: string,
  {
    field,
    rule,
    got,
    next = AGAIN,
  }: { readonly field: string; readonly rule: string; readonly got: string; readonly next?: string },
  cause?: unknown,
): never {
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
  if (magic !== "DICM") {
    const next = "Only DICOM Part 10 files are read.";
    refuseDicom(file, { field: "preamble", rule: "end with DICM", got: "another format", next });
  }
  try {
    return parseDicom(bytes, { inflater } as object);
  } catch (cause) {
    const { message, exception } = cause as { message?: string; exception?: unknown };
    const got = String(exception ?? message ?? cause).slice(0, 120);
    return refuseDicom(file, { field: "data set", rule: "be sound DICOM", got }, cause);
  }
}

/** Reads checked fields of one file. */
export class DicomHeader {
  readonly data: DataSet;

  /** @throws DataError when the bytes are no sound DICOM Part 10 file. */
  constructor(
    bytes: Uint8Array,
    readonly file: string,
  ) {
    this.data = parse(bytes, file);
  }

  refuse(field: string, rule: string, got: unknown, next?: string): never {
    const fault = { field, rule, got: String(got ?? "none").slice(0, 80) };
    return refuseDicom(this.file, next === undefined ? fault : { ...fault, next });
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
    if (end > byteArray.length) this.refuse(field, "be whole", "a truncated file");
    return byteArray.subarray(element.dataOffset, end);
  }
}
