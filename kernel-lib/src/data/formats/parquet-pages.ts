import { createRequire } from "node:module";
import { crc32 } from "node:zlib";

/** What is used of hyparquet's Thrift reader; see parquet.ts. */
interface Thrift {
  deserializeTCompactProtocol(reader: { view: DataView; offset: number }): Readonly<Record<string, unknown>>;
}

const thrift = createRequire(__filename)("hyparquet/src/thrift.js") as Thrift;

/** Where a column's pages lie and what they must add up to. */
export interface PageSpan {
  readonly start: number;
  readonly length: number;
  readonly numValues: number;
  /** Most bytes out per byte in, for pages above 1 MiB. */
  readonly maxRatio: number;
}

const MEBIBYTE = 2 ** 20;
const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;
const DATA_PAGE_V2 = 3;

interface PageHeader {
  readonly type: number;
  readonly size: number;
  readonly packed: number;
  readonly crc: number | undefined;
  readonly values: number;
  /** Pages of version 2 only: missing values, and the bytes of both kinds of levels, which stand unpacked. */
  readonly nulls: number;
  readonly levelBytes: readonly [number, number];
}

function readHeader(reader: { view: DataView; offset: number }): PageHeader {
  const fields = thrift.deserializeTCompactProtocol(reader);
  const detail = (name: string) => (fields[name] ?? {}) as Readonly<Record<string, unknown>>;
  const type = Number(fields["field_1"]);
  const values = detail(type === DATA_PAGE ? "field_5" : type === DATA_PAGE_V2 ? "field_8" : "field_7")["field_1"];
  const crc = fields["field_4"];
  const version2 = detail("field_8");
  return {
    type,
    size: Number(fields["field_2"]),
    packed: Number(fields["field_3"]),
    crc: typeof crc === "number" ? crc >>> 0 : undefined,
    values: Number(values),
    nulls: type === DATA_PAGE_V2 ? Number(version2["field_2"]) : 0,
    levelBytes: type === DATA_PAGE_V2 ? [Number(version2["field_5"]), Number(version2["field_6"])] : [0, 0],
  };
}

/** Why a page is not sound, or null. A value takes a bit at least in run-length pages, so counts are held to the column's. */
function faultOf(page: PageHeader, bytes: Uint8Array, span: PageSpan): string | null {
  const { size, packed, values, nulls, levelBytes, crc } = page;
  if (!(size >= 0 && packed >= 0 && packed <= bytes.length)) return "a page beyond its column";
  if (size > MEBIBYTE && size > span.maxRatio * packed) return `a page of ${packed} bytes that declares ${size}`;
  if (!(values >= 0 && values <= span.numValues)) return `a page of ${values} values in a column of ${span.numValues}`;
  if (!(nulls >= 0 && nulls <= values)) return `a page with ${nulls} of ${values} values missing`;
  const levels = levelBytes[0] + levelBytes[1];
  if (!(Math.min(...levelBytes) >= 0 && levels <= Math.min(packed, size))) return "a page with levels beyond its end";
  if (crc !== undefined && crc32(bytes.subarray(0, packed)) !== crc) return "a page that does not match its checksum";
  return null;
}

/**
 * Looks through a column's page headers before anything is unpacked: sizes, numbers of values, checksums where there are some.
 *
 * @returns why the column is not sound, or null.
 */
export function findPageFault(file: ArrayBuffer, span: PageSpan): string | null {
  const { start, length, numValues } = span;
  if (!(start >= 4 && length >= 0 && start + length <= file.byteLength)) return "a column beyond the file";
  const reader = { view: new DataView(file, start, length), offset: 0 };
  let found = 0;
  while (found < numValues && reader.offset < length) {
    const page = readHeader(reader);
    const fault = faultOf(page, new Uint8Array(file, start + reader.offset, length - reader.offset), span);
    if (fault !== null) return fault;
    reader.offset += page.packed;
    if (page.type === DATA_PAGE || page.type === DATA_PAGE_V2) found += page.values;
    else if (page.type !== DICTIONARY_PAGE && page.type !== 1) return `a page of unknown type ${page.type}`;
  }
  return found === numValues ? null : `${found} values where ${numValues} are declared`;
}
