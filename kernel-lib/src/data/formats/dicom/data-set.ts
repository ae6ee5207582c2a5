import { inflateRawSync } from "node:zlib";
import { type DataSet, parseDicom } from "dicom-parser";
import { DataError, isKernelError } from "../../../base/errors";

/**
 * From the bytes of a DICOM file to its elements, and how such a file is refused.
 *
 * Files as archives and older programs leave them are read too, as pydicom does with force=True: without the 128 bytes and DICM in
 * front, without group 2, or with a group 2 that names no transfer syntax or the wrong one of the plain ones.
 */

/** Advice for bytes that are cut off or do not unpack. */
export const AGAIN = "Download the file again.";
/** Advice for what is not read, or not as DICOM says: the file may well be sound. */
export const EXPORT = "Where a viewer shows it, export it as PNG under the same name.";

/** What is wrong with a file, and what to do. */
interface DicomFault {
  readonly field: string;
  readonly rule: string;
  readonly got: string;
  /** Default EXPORT. */
  readonly next?: string | undefined;
}

/** @throws DataError naming file, field, rule and value, always. */
export function refuseDicom(file: string, { field, rule, got, next = EXPORT }: DicomFault, cause?: unknown): never {
  const details = { file, field, rule, got };
  throw new DataError(`readDicom: ${file}, ${field}, must ${rule}; got ${got}. ${next}`, details, cause);
}

const MOST_INFLATED = 512 * 2 ** 20;

const IMPLICIT = "1.2.840.10008.1.2";
const EXPLICIT = "1.2.840.10008.1.2.1";
const EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2";
const DEFLATED = "1.2.840.10008.1.2.1.99";

const PREAMBLE = 128;
const MAGIC = "DICM";
const LONG_FORM = "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(" ");
const SHORT_FORM = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(" ");

const isVr = (word: string): boolean => LONG_FORM.includes(word) || SHORT_FORM.includes(word);
const vrAt = (bytes: Buffer, at: number): string => bytes.toString("latin1", at + 4, at + 6);

/** Where group 2 ends, from `start` on, and the transfer syntax that it names. */
function readMeta(bytes: Buffer, start: number): { readonly end: number; readonly syntax: string | null } {
  let [at, syntax]: [number, string | null] = [start, null];
  while (at + 12 <= bytes.length && bytes.readUInt16LE(at) === 2 && isVr(vrAt(bytes, at))) {
    const isLong = LONG_FORM.includes(vrAt(bytes, at));
    const [head, length] = isLong ? [12, bytes.readUInt32LE(at + 8)] : [8, bytes.readUInt16LE(at + 6)];
    if (bytes.readUInt16LE(at + 2) === 0x10) {
      const value = bytes.toString("latin1", at + head, at + head + length);
      syntax = value.replace(/[\0 ]+$/, "") || null;
    }
    at += head + length;
  }
  return { end: Math.min(at, bytes.length), syntax };
}

/** The transfer syntax of a data set that begins at `at`, by the form of its first element; null when it is no data set. */
function guessSyntax(bytes: Buffer, at: number): string | null {
  if (at + 8 > bytes.length) return null;
  const [little, big] = [bytes.readUInt16LE(at), bytes.readUInt16BE(at)];
  if (isVr(vrAt(bytes, at))) {
    if (little <= 0x7fe0 && little % 2 === 0 && little < 0x400) return EXPLICIT;
    return big <= 0x28 ? EXPLICIT_BIG_ENDIAN : null;
  }
  return little <= 0x28 && little % 2 === 0 && bytes.readUInt32LE(at + 4) <= bytes.length ? IMPLICIT : null;
}

/** Group 2's element for a transfer syntax. */
function syntaxElement(syntax: string): Buffer {
  const value = Buffer.from(syntax.length % 2 === 0 ? syntax : `${syntax}\0`, "latin1");
  return Buffer.concat([Buffer.from([2, 0, 0x10, 0, 0x55, 0x49, value.length, 0]), value]);
}

/** What a file without DICM in front is, as far as its first bytes say. */
function nameFormat(bytes: Buffer): string {
  const head = bytes.toString("latin1", 0, 16).trimStart().toLowerCase();
  if (head.startsWith("<")) return "a page of the web, as a login gives it";
  if (head.startsWith("\x89png") || head.startsWith("\xff\xd8")) return "a PNG or JPEG picture";
  if (head.startsWith("\x1f\x8b") || head.startsWith("pk\x03\x04")) return "an archive";
  return bytes.length === 0 ? "an empty file" : "another format";
}

/**
 * A whole DICOM file of 128 bytes, DICM, group 2 with a transfer syntax, and the data set, whatever of that stands in `bytes`. A deflated
 * data set is unfolded: dicom-parser reads one element behind group 2 before it looks at its number, and trips over packed bytes.
 */
function completed(bytes: Buffer, file: string): Buffer {
  const isWhole = bytes.toString("latin1", PREAMBLE, PREAMBLE + MAGIC.length) === MAGIC;
  const start = isWhole ? PREAMBLE + MAGIC.length : 0;
  const { end, syntax } = readMeta(bytes, start);
  const guess = guessSyntax(bytes, end);
  // a few writers name the explicit form and write the implicit one, or the other way round
  const isWrong = (syntax === EXPLICIT && guess === IMPLICIT) || (syntax === IMPLICIT && guess === EXPLICIT);
  const isRight = syntax !== null && !isWrong;
  if (isWhole && isRight && syntax !== DEFLATED) return bytes;
  const found = isRight ? syntax : guess;
  if (found === null) {
    const next = "Only DICOM files are read under this name; PNG and JPEG under .png and .jpg.";
    refuseDicom(file, { field: "preamble", rule: "end with DICM", got: nameFormat(bytes), next });
  }
  const front = Buffer.concat([Buffer.alloc(PREAMBLE), Buffer.from(MAGIC)]);
  const rest = bytes.subarray(end);
  const [named, data] =
    found === DEFLATED ? [EXPLICIT, inflateRawSync(rest, { maxOutputLength: MOST_INFLATED })] : [found, rest];
  return Buffer.concat([front, bytes.subarray(start, end), syntaxElement(named), data]);
}

const PIXELS = "x7fe00010";

/**
 * The file without zeros behind the pixels that are too few for an element, as pydicom passes them over; null where something else
 * is wrong. Zeros that fill whole elements are read as such.
 *
 * @param found what was read before the parser tripped.
 */
function withoutTail(bytes: Buffer, found: DataSet | undefined): Buffer | null {
  const elements = Object.values(found?.elements ?? {});
  if (found?.elements[PIXELS] === undefined) return null;
  const ends = elements.map(({ dataOffset, length }) => dataOffset + length); // marks of their ends included
  const rest = bytes.subarray(Math.max(...ends));
  return rest.length > 0 && rest.every((byte) => byte === 0) ? bytes.subarray(0, -rest.length) : null;
}

function parseWhole(bytes: Buffer): DataSet {
  try {
    return parseDicom(bytes);
  } catch (cause) {
    const sound = withoutTail(bytes, (cause as { dataSet?: DataSet }).dataSet);
    if (sound === null) throw cause;
    return parseDicom(sound);
  }
}

/**
 * The elements of a DICOM file, its transfer syntax among them.
 *
 * @param file what to call it in an error.
 * @throws DataError for another format, and for elements that do not follow each other.
 */
export function readDataSet(bytes: Uint8Array, file: string): DataSet {
  try {
    return parseWhole(completed(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), file));
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    const { message, exception } = cause as { message?: string; exception?: unknown };
    const got = String(exception ?? message ?? cause).slice(0, 120);
    return refuseDicom(file, { field: "data set", rule: "be sound DICOM", got, next: AGAIN }, cause);
  }
}
