import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

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

const MEBIBYTE = 2 ** 20;
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
  const sizeMb = file.byteLength / MEBIBYTE; // before it is gone
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
