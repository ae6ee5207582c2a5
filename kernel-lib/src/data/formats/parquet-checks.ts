import { createRequire } from "node:module";
import { crc32 } from "node:zlib";
import { DataError } from "../../base/errors";

/** What is looked at in a parquet file before anything of it is unpacked. */

/** What is used of hyparquet here. The package is an ES module; Node loads it by require, the compiler does not type that. */
interface Hyparquet {
  parquetMetadata(bytes: ArrayBuffer): { readonly num_rows: bigint; readonly row_groups: readonly RowGroup[] };
  parquetSchema(metadata: object): SchemaNode;
}

/** A column, or a group of columns. */
interface SchemaNode {
  readonly children: readonly SchemaNode[];
  readonly element: {
    readonly name: string;
    readonly repetition_type?: string;
    readonly converted_type?: string;
    readonly logical_type?: { readonly type: string };
  };
}

const hasList = ({ children, element }: SchemaNode): boolean =>
  element.repetition_type === "REPEATED" || children.some(hasList);

const hasDecimals = ({ children, element }: SchemaNode): boolean =>
  element.converted_type === "DECIMAL" || element.logical_type?.type === "DECIMAL" || children.some(hasDecimals);

interface RowGroup {
  readonly num_rows: bigint;
  readonly columns: readonly { readonly meta_data?: ColumnSizes }[];
}

interface ColumnSizes {
  readonly codec: string;
  readonly path_in_schema: readonly string[];
  readonly total_uncompressed_size: bigint;
  readonly total_compressed_size: bigint;
  readonly num_values: bigint;
  readonly data_page_offset: bigint;
  readonly dictionary_page_offset?: bigint;
}

/** What is used of its Thrift reader. */
interface Thrift {
  deserializeTCompactProtocol(reader: { view: DataView; offset: number }): Readonly<Record<string, unknown>>;
}

const load = createRequire(__filename);
const hyparquet = load("hyparquet") as Hyparquet;
const thrift = load("hyparquet/src/thrift.js") as Thrift;

/** How much a parquet file may hold. */
export interface ParquetLimits {
  /** Most bytes of the file, and of the wanted columns unfolded. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Most bytes out per byte in of a column above 1 MiB. Default 1,000: dictionaries and run lengths fold well. */
  readonly maxRatio?: number;
  /** Most rows. Default 5 million. */
  readonly maxRows?: number;
}

export const GIBIBYTE = 2 ** 30;
const MEBIBYTE = 2 ** 20;
export const AGAIN = "Download the file again.";

/** @throws DataError naming file, rule and what was found, always. */
export function refuseParquet(file: string, rule: string, got: string, next: string, cause?: unknown): never {
  throw new DataError(`readParquet: ${file} must ${rule}; got ${got}. ${next}`, { file, rule, got }, cause);
}

/** Where a column's pages lie and what they must add up to. */
interface PageSpan {
  readonly start: number;
  readonly length: number;
  readonly numValues: number;
  /** Most bytes out per byte in, for pages above 1 MiB. */
  readonly maxRatio: number;
}

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
  const { type, size, packed, values, nulls, levelBytes, crc } = page;
  if (!(size >= 0 && packed >= 0 && packed <= bytes.length)) return "a page beyond its column";
  if (size > MEBIBYTE && size > span.maxRatio * packed) return `a page of ${packed} bytes that declares ${size}`;
  // a dictionary may hold words that no row of this group has; each takes a byte at least
  const most = type === DICTIONARY_PAGE ? size : span.numValues;
  if (!(values >= 0 && values <= most)) return `a page of ${values} values in a column of ${most}`;
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
function findPageFault(file: ArrayBuffer, span: PageSpan): string | null {
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

const CODECS = ["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD"];

/** A limit's words. */
const SUSPECT = "If you trust the file, raise the limit; it may be a bomb.";

/** Codec, declared sizes and page headers of one column, before anything is unpacked. @returns its unfolded size. */
function assertColumn(column: ColumnSizes, numRows: number, source: Source): number {
  const { file, buffer, limits } = source;
  const place = `${file}, column ${column.path_in_schema.join(".")}`;
  if (!CODECS.includes(column.codec)) {
    refuseParquet(place, `be packed as one of ${CODECS.join(", ")}`, column.codec, "Save it with another codec.");
  }
  const [size, packed] = [Number(column.total_uncompressed_size), Number(column.total_compressed_size)];
  if (size > MEBIBYTE && size > limits.maxRatio * packed) {
    refuseParquet(place, `unfold at most ${limits.maxRatio} times`, `${packed} to ${size} bytes`, SUSPECT);
  }
  if (Number(column.num_values) !== numRows) {
    refuseParquet(place, "hold one value a row", `${column.num_values} for ${numRows} rows`, "Lists are not read.");
  }
  const first = Number(column.data_page_offset);
  const dictionary = Number(column.dictionary_page_offset ?? 0);
  const start = dictionary > 0 && dictionary < first ? dictionary : first;
  const span = { start, length: packed, numValues: numRows, maxRatio: limits.maxRatio };
  const fault = findPageFault(buffer, span);
  if (fault !== null) refuseParquet(place, "have sound pages", fault, AGAIN);
  return size;
}

interface Source {
  readonly file: string;
  readonly buffer: ArrayBuffer;
  readonly limits: Required<ParquetLimits>;
}

function assertSound(groups: readonly RowGroup[], numRows: number, columns: readonly string[], source: Source): void {
  const { file, limits } = source;
  if (!(numRows >= 0 && numRows <= limits.maxRows))
    refuseParquet(file, `hold at most ${limits.maxRows} rows`, String(numRows), SUSPECT);
  const sum = groups.reduce((total, group) => total + Number(group.num_rows), 0);
  if (sum !== numRows) refuseParquet(file, `hold its declared ${numRows} rows`, String(sum), AGAIN);
  let total = 0;
  for (const [i, group] of groups.entries()) {
    if (Number(group.num_rows) === 0) continue; // writers leave such groups, with any offsets: there is nothing to read
    const held = new Set(group.columns.map((column) => column.meta_data?.path_in_schema[0]));
    const missing = columns.filter((name) => !held.has(name));
    if (missing.length > 0)
      refuseParquet(`${file}, row group ${i}`, `hold the column ${missing.join(", ")}`, "none", AGAIN);
    for (const { meta_data: column } of group.columns) {
      if (column === undefined) refuseParquet(file, "describe every column", "one without", AGAIN);
      if (!columns.includes(column.path_in_schema[0] ?? "")) continue;
      total += assertColumn(column, Number(group.num_rows), source);
      if (total > limits.maxBytes)
        refuseParquet(file, `unfold to at most ${limits.maxBytes} bytes`, `${total} declared`, SUSPECT);
    }
  }
}

/** The wanted columns are there, and of forms that are read. Decimals are not: a binary number would have other digits. */
function assertColumns(fields: readonly SchemaNode[], columns: readonly string[], file: string): void {
  const names = fields.map(({ element }) => element.name);
  const missing = columns.filter((name) => !names.includes(name));
  if (missing.length > 0)
    refuseParquet(file, `hold the column ${missing.join(", ")}`, names.join(", "), "Check the file.");
  for (const field of fields.filter(({ element }) => columns.includes(element.name))) {
    const place = `${file}, column ${field.element.name}`;
    if (hasList(field)) refuseParquet(place, "hold one value a row", "lists", "Lists are not read.");
    if (hasDecimals(field))
      refuseParquet(place, "hold no decimals", "DECIMAL", "Cast the column to a text, a whole number or a double.");
  }
}

/**
 * Looks through a whole file before anything is unpacked: columns, codecs, declared sizes, page headers, checksums.
 *
 * @returns the number of rows of each group.
 * @throws DataError naming file, column and rule; a plain error of hyparquet where it cannot read the metadata.
 */
export function assertParquet(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  columns: readonly string[],
  limits: ParquetLimits,
): number[] {
  const { maxBytes = GIBIBYTE, maxRatio = 1000, maxRows = 5_000_000 } = limits;
  const ends = [bytes.subarray(0, 4), bytes.subarray(-4)].map((end) => Buffer.from(end).toString("latin1"));
  if (ends[1] === "PARE") {
    refuseParquet(file, "not be encrypted", "an encrypted footer", "Save it without encryption.");
  }
  if (bytes.length < 12 || ends.some((end) => end !== "PAR1")) {
    refuseParquet(file, "begin and end with PAR1", "a truncated file or another format", AGAIN);
  }
  const { buffer } = bytes;
  const metadata = hyparquet.parquetMetadata(buffer);
  const fields = hyparquet.parquetSchema(metadata).children;
  assertColumns(fields, columns, file);
  const source = { file, buffer, limits: { maxBytes, maxRatio, maxRows } };
  assertSound(metadata.row_groups, Number(metadata.num_rows), columns, source);
  return metadata.row_groups.map((group) => Number(group.num_rows));
}
