import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
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

const resolve = createRequire(__filename).resolve;

/**
 * The program of the worker, in plain JavaScript: it has to run from the sources and from the built library alike.
 *
 * hyparquet makes an array for a page's values and fills it by the run lengths in the page; a damaged length would let it grow
 * until the whole process dies, which no limit of a thread prevents. So arrays made with a length cannot grow here.
 * No unpacker gives more than the page declares; snappy is hyparquet's own, which does the same.
 */
const PROGRAM = `
const MOST_VALUES = 2 ** 25;
const PlainArray = Array;
globalThis.Array = new Proxy(PlainArray, {
  construct(target, parts, newTarget) {
    const [length] = parts;
    if (parts.length !== 1 || typeof length !== "number" || newTarget !== globalThis.Array) {
      return Reflect.construct(target, parts, newTarget);
    }
    if (length > MOST_VALUES) throw new RangeError("a list of " + length + " values");
    return Object.preventExtensions(new PlainArray(length).fill(undefined));
  },
});
const { parentPort, workerData } = require("node:worker_threads");
const { brotliDecompressSync, gunzipSync } = require("node:zlib");
const { parquetMetadata, parquetReadObjects } = require(workerData.paths.hyparquet);
const { decompress } = require(workerData.paths.fzstd);
const most = (length) => ({ maxOutputLength: Math.max(1, length) });
const compressors = {
  GZIP: (input, length) => gunzipSync(input, most(length)),
  BROTLI: (input, length) => brotliDecompressSync(input, most(length)),
  ZSTD: (input, length) => decompress(input, new Uint8Array(length)),
};
const { file, columns } = workerData;
const metadata = parquetMetadata(file);
parentPort.on("message", ([rowStart, rowEnd]) => {
  parquetReadObjects({ file, metadata, columns, compressors, utf8: false, rowStart, rowEnd }).then(
    (rows) => parentPort.postMessage({ rows }),
    (error) => parentPort.postMessage({ fault: String(error.message) }),
  );
});
`;

const WORKER_MEBIBYTE = 2 ** 20;
const HEAP_MB = 512;
const LEAST_MS = 20_000;

/** What came of reading some rows: the rows, or why they could not be read. */
export type WorkerOutcome = { readonly rows: Record<string, unknown>[] } | { readonly fault: string };

/** Reads rows of one file, one call after the other. */
export interface ParquetReader {
  /** Rows from `start` up to, not including, `end`. After a fault nothing more can be read. */
  read(start: number, end: number): Promise<WorkerOutcome>;
  /** Ends the thread. */
  close(): void;
}

/**
 * Opens a parquet file in a thread of its own, with bounds on its lists and its time: see PROGRAM.
 *
 * @param file goes to the thread: it is empty here afterwards.
 */
export function openInWorker(file: ArrayBuffer, columns: readonly string[]): ParquetReader {
  const sizeMb = file.byteLength / WORKER_MEBIBYTE; // before it is gone
  const paths = { hyparquet: resolve("hyparquet"), fzstd: resolve("fzstd") };
  const worker = new Worker(PROGRAM, {
    eval: true,
    workerData: { file, columns, paths },
    transferList: [file],
    resourceLimits: { maxOldGenerationSizeMb: Math.round(HEAP_MB + 4 * sizeMb) },
  });
  let answer: (outcome: WorkerOutcome) => void = () => {};
  worker.on("message", (outcome: WorkerOutcome) => answer(outcome));
  worker.on("error", (error) => answer({ fault: error.message }));
  worker.on("exit", (code) => answer({ fault: `the reading thread ended with ${code}` }));
  const limitMs = LEAST_MS + 1000 * sizeMb;
  const read = (start: number, end: number) =>
    new Promise<WorkerOutcome>((done) => {
      const timer = setTimeout(() => answer({ fault: `no end within ${Math.round(limitMs / 1000)} s` }), limitMs);
      answer = (outcome) => {
        clearTimeout(timer);
        done(outcome);
      };
      worker.postMessage([start, end]);
    });
  return { read, close: () => void worker.terminate() };
}
