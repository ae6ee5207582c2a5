import { createRequire } from "node:module";
import { basename } from "node:path";
import { Worker } from "node:worker_threads";
import { isKernelError } from "../../base/errors";
import { AGAIN, assertParquet, GIBIBYTE, type ParquetLimits, refuseParquet } from "./parquet-checks";
import { readBytes } from "./text-file";

const { resolve } = createRequire(__filename);

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

const HEAP_MB = 512;
const LEAST_MS = 20_000;

/** What came of reading some rows: the rows, or why they could not be read. */
type WorkerOutcome = { readonly rows: Record<string, unknown>[] } | { readonly fault: string };

/** Reads rows of one file, one call after the other. */
interface ParquetReader {
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
function openInWorker(file: ArrayBuffer, columns: readonly string[]): ParquetReader {
  const sizeMb = file.byteLength / 2 ** 20; // before it is gone
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

type Rows = Record<string, unknown>[];

/** The rows of a file, group by group; the bytes, all of their buffer, are used up. */
async function* groupsOf(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  columns: readonly string[],
  limits: ParquetLimits,
): AsyncGenerator<Rows> {
  const unsound = (fault: string, cause?: unknown) =>
    refuseParquet(file, "be a sound parquet file", fault.slice(0, 120), AGAIN, cause);
  let counts: number[];
  try {
    counts = assertParquet(bytes, file, columns, limits);
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    return unsound((cause as Error).message, cause);
  }
  const reader = openInWorker(bytes.buffer, columns);
  try {
    let start = 0;
    for (const count of counts) {
      if (count === 0) continue;
      const outcome = await reader.read(start, start + count);
      if ("fault" in outcome) return unsound(outcome.fault);
      if (outcome.rows.length !== count)
        refuseParquet(file, `hold its declared ${count} rows`, String(outcome.rows.length), AGAIN);
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
