import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

const resolve = createRequire(__filename).resolve;

/** Codecs in WebAssembly: packages whose programs lie in their own folders. */
const PATHS = {
  openjpeg: "@cornerstonejs/codec-openjpeg/decodewasmjs",
  charls: "@cornerstonejs/codec-charls/decodewasmjs",
} as const;

export type WasmCodec = keyof typeof PATHS;

/** A picture as a codec gives it. */
export interface WasmPicture {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  /** Bits of a sample. */
  readonly precision: number;
  readonly isSigned: boolean;
  /** Plane by plane, not pixel by pixel. */
  readonly isPlanar: boolean;
  /** Little-endian; one byte a sample up to 8 bits, else two. */
  readonly bytes: Uint8Array;
}

const MEBIBYTE = 2 ** 20;
const MOST_MEMORY = 640 * MEBIBYTE;
const KEPT_MEMORY = 128 * MEBIBYTE;
const LEAST_MS = 4500;
const MS_PER_MEBIBYTE = 2000;

/**
 * The program of the worker, in plain JavaScript: it has to run from the sources and from the built library alike.
 *
 * A codec asks for memory as a damaged or hostile picture makes it; what WebAssembly may have is bounded here, since no limit of a
 * thread counts it. OpenJPEG tells its troubles in lines and gives an empty picture; CharLS throws the address of an exception.
 */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const grow = WebAssembly.Memory.prototype.grow;
WebAssembly.Memory.prototype.grow = function (pages) {
  if (this.buffer.byteLength + 65536 * pages > workerData.mostMemory) throw new RangeError("too much memory");
  return grow.call(this, pages);
};
const lines = [];
const opened = new Map();
const open = (codec) => {
  if (!opened.has(codec)) {
    const note = (line) => lines.push(String(line));
    opened.set(codec, require(workerData.paths[codec])({ print: note, printErr: note }));
  }
  return opened.get(codec);
};
const reason = (module, error) =>
  typeof error === "number" && module.getExceptionMessage ? module.getExceptionMessage(error).join(" ") : String(error.message ?? error);
parentPort.on("message", async ({ codec, bytes }) => {
  const module = await open(codec);
  lines.length = 0;
  try {
    const decoder = new module[codec === "openjpeg" ? "J2KDecoder" : "JpegLSDecoder"]();
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const trouble = lines.find((line) => /ERROR|WARNING/.test(line));
    if (trouble !== undefined) return parentPort.postMessage({ fault: trouble });
    const { width, height, componentCount: samples, bitsPerSample: precision, isSigned = false } = decoder.getFrameInfo();
    const isPlanar = codec === "charls" && samples > 1 && decoder.getInterleaveMode() === 0;
    const out = Uint8Array.from(decoder.getDecodedBuffer());
    decoder.delete();
    const memory = module.HEAPU8.length;
    const picture = { width, height, samples, precision, isSigned, isPlanar, bytes: out };
    parentPort.postMessage({ picture, memory }, [out.buffer]);
  } catch (error) {
    parentPort.postMessage({ fault: reason(module, error) });
  }
});
`;

type Answer = { readonly picture: WasmPicture; readonly memory: number } | { readonly fault: string };

/** What came of a picture: the picture, or why it could not be unpacked. */
export type WasmOutcome = { readonly picture: WasmPicture } | { readonly fault: string };

let idle: Worker | null = null;
let last: Promise<unknown> = Promise.resolve();

function takeWorker(): Worker {
  if (idle !== null) return idle;
  const paths = { openjpeg: resolve(PATHS.openjpeg), charls: resolve(PATHS.charls) };
  idle = new Worker(PROGRAM, {
    eval: true,
    workerData: { paths, mostMemory: MOST_MEMORY },
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  return idle;
}

function decodeNow(codec: WasmCodec, bytes: Uint8Array): Promise<WasmOutcome> {
  const worker = takeWorker();
  worker.ref();
  const limitMs = LEAST_MS + (MS_PER_MEBIBYTE * bytes.length) / MEBIBYTE;
  return new Promise((done) => {
    const end = (answer: Answer): void => {
      clearTimeout(timer);
      worker.off("message", end).off("error", onError).off("exit", onExit);
      // after a fault nobody knows in which state the codec is, and WebAssembly never gives memory back
      if ("fault" in answer || answer.memory > KEPT_MEMORY) {
        idle = null;
        void worker.terminate();
      } else worker.unref();
      done(answer);
    };
    const timer = setTimeout(() => end({ fault: `no end within ${(limitMs / 1000).toFixed(1)} s` }), limitMs);
    const onError = (error: Error): void => end({ fault: error.message });
    const onExit = (code: number): void => end({ fault: `the decoding thread ended with ${code}` });
    worker.on("message", end).on("error", onError).on("exit", onExit);
    worker.postMessage({ codec, bytes });
  });
}

/**
 * Decodes a picture in a thread of its own, one at a time, within 640 MiB and 4.5 s (2 s more for every MiB of its bytes).
 * The codec is loaded when the first picture needs it. Sizes that the picture declares should be checked before.
 */
export function decodeInWasm(codec: WasmCodec, bytes: Uint8Array): Promise<WasmOutcome> {
  const own = Uint8Array.from(bytes);
  const outcome = last.then(() => decodeNow(codec, own));
  last = outcome;
  return outcome;
}
