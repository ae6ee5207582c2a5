import { createRequire } from "node:module";
import { basename } from "node:path";
import { DataError, isKernelError } from "../../base/errors";
import { findPageFault, openInWorker } from "./parquet-pages";
import { readBytes } from "./text-file";

/** What is used of hyparquet here. The package is an ES module; Node loads it by require, the compiler does not type that. */
interface Hyparquet {
  parquetMetadata(bytes: ArrayBuffer): { readonly num_rows: bigint; readonly row_groups: readonly RowGroup[] };
  parquetSchema(metadata: object): SchemaNode;
}

/** A column, or a group of columns. */
interface SchemaNode {
  readonly children: readonly SchemaNode[];
  readonly element: { readonly name: string; readonly repetition_type?: string };
}

const hasList = ({ children, element }: SchemaNode): boolean =>
  element.repetition_type === "REPEATED" || children.some(hasList);

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

const hyparquet = createRequire(__filename)("hyparquet") as Hyparquet;

/** How much a parquet file may hold. */
export interface ParquetLimits {
  /** Most bytes of the file, and of the wanted columns unfolded. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Most bytes out per byte in of a column above 1 MiB. Default 1,000: dictionaries and run lengths fold well. */
  readonly maxRatio?: number;
  /** Most rows. Default 5 million. */
  readonly maxRows?: number;
}

const GIBIBYTE = 2 ** 30;
const MEBIBYTE = 2 ** 20;
const AGAIN = "Download the file again.";

function refuse(file: string, rule: string, got: string, next: string, cause?: unknown): never {
  throw new DataError(`readParquet: ${file} must ${rule}; got ${got}. ${next}`, { file, rule, got }, cause);
}

const CODECS = ["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD"];

/** A limit's words. */
const SUSPECT = "If you trust the file, raise the limit; it may be a bomb.";

/** Codec, declared sizes and page headers of one column, before anything is unpacked. @returns its unfolded size. */
function assertColumn(column: ColumnSizes, numRows: number, source: Source): number {
  const { file, buffer, limits } = source;
  const place = `${file}, column ${column.path_in_schema.join(".")}`;
  if (!CODECS.includes(column.codec)) {
    refuse(place, `be packed as one of ${CODECS.join(", ")}`, column.codec, "Save it with another codec.");
  }
  const [size, packed] = [Number(column.total_uncompressed_size), Number(column.total_compressed_size)];
  if (size > MEBIBYTE && size > limits.maxRatio * packed) {
    refuse(place, `unfold at most ${limits.maxRatio} times`, `${packed} to ${size} bytes`, SUSPECT);
  }
  if (Number(column.num_values) !== numRows) {
    refuse(place, "hold one value a row", `${column.num_values} for ${numRows} rows`, "Lists are not read.");
  }
  const first = Number(column.data_page_offset);
  const dictionary = Number(column.dictionary_page_offset ?? 0);
  const start = dictionary > 0 && dictionary < first ? dictionary : first;
  const span = { start, length: packed, numValues: numRows, maxRatio: limits.maxRatio };
  const fault = findPageFault(buffer, span);
  if (fault !== null) refuse(place, "have sound pages", fault, AGAIN);
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
    refuse(file, `hold at most ${limits.maxRows} rows`, String(numRows), SUSPECT);
  const sum = groups.reduce((total, group) => total + Number(group.num_rows), 0);
  if (sum !== numRows) refuse(file, `hold its declared ${numRows} rows`, String(sum), AGAIN);
  let total = 0;
  for (const [i, group] of groups.entries()) {
    const held = new Set(group.columns.map((column) => column.meta_data?.path_in_schema[0]));
    const missing = columns.filter((name) => !held.has(name));
    if (missing.length > 0) refuse(`${file}, row group ${i}`, `hold the column ${missing.join(", ")}`, "none", AGAIN);
    for (const { meta_data: column } of group.columns) {
      if (column === undefined) refuse(file, "describe every column", "one without", AGAIN);
      if (!columns.includes(column.path_in_schema[0] ?? "")) continue;
      total += assertColumn(column, Number(group.num_rows), source);
      if (total > limits.maxBytes)
        refuse(file, `unfold to at most ${limits.maxBytes} bytes`, `${total} declared`, SUSPECT);
    }
  }
}

type Rows = Record<string, unknown>[];

/** Looks through the whole file before anything is unpacked. @returns rows of each group. */
function assertFile(bytes: Uint8Array<ArrayBuffer>, file: string, columns: readonly string[], limits: ParquetLimits) {
  const { maxBytes = GIBIBYTE, maxRatio = 1000, maxRows = 5_000_000 } = limits;
  const ends = [bytes.subarray(0, 4), bytes.subarray(-4)].map((end) => Buffer.from(end).toString("latin1"));
  if (bytes.length < 12 || ends.some((end) => end !== "PAR1")) {
    refuse(file, "begin and end with PAR1", "a truncated file or another format", AGAIN);
  }
  const { buffer } = bytes;
  const metadata = hyparquet.parquetMetadata(buffer);
  const fields = hyparquet.parquetSchema(metadata).children;
  const names = fields.map(({ element }) => element.name);
  const missing = columns.filter((name) => !names.includes(name));
  if (missing.length > 0) refuse(file, `hold the column ${missing.join(", ")}`, names.join(", "), "Check the file.");
  const list = fields.find((field) => columns.includes(field.element.name) && hasList(field));
  if (list !== undefined) {
    refuse(`${file}, column ${list.element.name}`, "hold one value a row", "lists", "Lists are not read.");
  }
  const source = { file, buffer, limits: { maxBytes, maxRatio, maxRows } };
  assertSound(metadata.row_groups, Number(metadata.num_rows), columns, source);
  return metadata.row_groups.map((group) => Number(group.num_rows));
}

/** The rows of a file, group by group; the bytes, all of their buffer, are used up. */
async function* groupsOf(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  columns: readonly string[],
  limits: ParquetLimits,
): AsyncGenerator<Rows> {
  const unsound = (fault: string, cause?: unknown) =>
    refuse(file, "be a sound parquet file", fault.slice(0, 120), AGAIN, cause);
  let counts: number[];
  try {
    counts = assertFile(bytes, file, columns, limits);
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    return unsound((cause as Error).message, cause);
  }
  const reader = openInWorker(bytes.buffer, columns);
  try {
    let start = 0;
    for (const count of counts) {
      const outcome = await reader.read(start, start + count);
      if ("fault" in outcome) return unsound(outcome.fault);
      if (outcome.rows.length !== count)
        refuse(file, `hold its declared ${count} rows`, String(outcome.rows.length), AGAIN);
      yield outcome.rows;
      start += count;
    }
  } finally {
    reader.close();
  }
}

/**
 * Parses these columns of a parquet file held in memory. Groups come as objects, bytes as Uint8Array, annotated text as
 * string, 64-bit whole numbers as bigint. Lists are not read.
 *
 * @param file what to call it in an error.
 * @throws DataError for a damaged file, a missing column, an unknown codec, or one beyond the limits.
 */
export async function parseParquet(
  bytes: Uint8Array,
  file: string,
  columns: readonly string[],
  limits: ParquetLimits = {},
): Promise<Rows> {
  const rows: Rows = [];
  for await (const group of groupsOf(Uint8Array.from(bytes), file, columns, limits))
    for (const row of group) rows.push(row);
  return rows;
}

/**
 * Reads these columns of a parquet file, a group of rows at a time: memory holds the packed file and one group.
 *
 * @throws DataError as parseParquet, and for a missing or too large file.
 */
export async function* readParquetGroups(
  path: string,
  columns: readonly string[],
  limits: ParquetLimits = {},
): AsyncGenerator<Rows> {
  const bytes = await readBytes(path, { maxBytes: limits.maxBytes ?? GIBIBYTE });
  // a large file has a buffer of its own: no second copy of it is made
  const isAlone = bytes.byteOffset === 0 && bytes.buffer.byteLength === bytes.length;
  const owned = isAlone ? new Uint8Array(bytes.buffer as ArrayBuffer) : Uint8Array.from(bytes);
  yield* groupsOf(owned, basename(path), columns, limits);
}

/** Reads these columns of a parquet file. @throws DataError as parseParquet, and for a missing or too large file. */
export async function readParquet(path: string, columns: readonly string[], limits: ParquetLimits = {}): Promise<Rows> {
  const rows: Rows = [];
  for await (const group of readParquetGroups(path, columns, limits)) for (const row of group) rows.push(row);
  return rows;
}
