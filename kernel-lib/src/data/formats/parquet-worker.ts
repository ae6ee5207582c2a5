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
const { parquetReadObjects } = require(workerData.paths.hyparquet);
const { decompress } = require(workerData.paths.fzstd);
const most = (length) => ({ maxOutputLength: Math.max(1, length) });
const compressors = {
  GZIP: (input, length) => gunzipSync(input, most(length)),
  BROTLI: (input, length) => brotliDecompressSync(input, most(length)),
  ZSTD: (input, length) => decompress(input, new Uint8Array(length)),
};
const { file, columns } = workerData;
parquetReadObjects({ file, columns, compressors, utf8: false }).then(
  (rows) => parentPort.postMessage({ rows }),
  (error) => parentPort.postMessage({ fault: String(error.message) }),
);
`;

const MEBIBYTE = 2 ** 20;
const HEAP_MB = 512;
const LEAST_MS = 20_000;

/** What came of reading a file: its rows, or why it could not be read. */
export type WorkerOutcome = { readonly rows: Record<string, unknown>[] } | { readonly fault: string };

/**
 * Reads columns of a parquet file in a thread of its own, with bounds on its lists and its time: see PROGRAM.
 *
 * @param file goes to the thread: it is empty here afterwards.
 */
export function readInWorker(file: ArrayBuffer, columns: readonly string[]): Promise<WorkerOutcome> {
  const sizeMb = file.byteLength / MEBIBYTE; // before it is gone
  const paths = { hyparquet: resolve("hyparquet"), fzstd: resolve("fzstd") };
  const worker = new Worker(PROGRAM, {
    eval: true,
    workerData: { file, columns, paths },
    transferList: [file],
    resourceLimits: { maxOldGenerationSizeMb: Math.round(HEAP_MB + 4 * sizeMb) },
  });
  return new Promise((done) => {
    const limitMs = LEAST_MS + 1000 * sizeMb;
    const timer = setTimeout(() => end({ fault: `no end within ${Math.round(limitMs / 1000)} s` }), limitMs);
    const end = (outcome: WorkerOutcome) => {
      clearTimeout(timer);
      void worker.terminate();
      done(outcome);
    };
    worker.on("message", end);
    worker.on("error", (error) => end({ fault: error.message }));
    worker.on("exit", (code) => end({ fault: `the reading thread ended with ${code}` }));
  });
}
