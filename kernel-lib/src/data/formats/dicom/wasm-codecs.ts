import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { assertSameSize, type CodedSamples, codecFault, codecLimit, type PictureShape } from "./codec";
import { readJpegFrame } from "./jpeg-scan";

const resolve = createRequire(__filename).resolve;

/** Codecs in WebAssembly: packages whose programs lie in their own folders, the code beside what opens it. */
const PATHS = {
  openjpeg: { opener: "@cornerstonejs/codec-openjpeg/decodewasmjs", code: "@cornerstonejs/codec-openjpeg/decodewasm" },
  charls: { opener: "@cornerstonejs/codec-charls/decodewasmjs", code: "@cornerstonejs/codec-charls/decodewasm" },
} as const;

type WasmCodec = keyof typeof PATHS;

/** A picture as a codec gives it. */
interface WasmPicture {
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
const open = (codec, code) => {
  if (!opened.has(codec)) {
    const note = (line) => lines.push(String(line));
    const instantiateWasm = (imports, receive) => receive(new WebAssembly.Instance(code, imports));
    opened.set(codec, require(workerData.paths[codec])({ print: note, printErr: note, instantiateWasm }));
  }
  return opened.get(codec);
};
const reason = (module, error) =>
  typeof error === "number" && module.getExceptionMessage ? module.getExceptionMessage(error).join(" ") : String(error.message ?? error);
parentPort.on("message", async ({ codec, bytes, code }) => {
  const module = await open(codec, code);
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
type WasmOutcome = { readonly picture: WasmPicture } | { readonly fault: string };

/** What this needs of WebAssembly, which the types of Node leave out. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: { compile(bytes: Uint8Array): Promise<object> };
};

/** The code of a codec, compiled once: every thread that a fault makes necessary begins with it. */
const compiled = new Map<WasmCodec, Promise<object>>();

function codeOf(codec: WasmCodec): Promise<object> {
  const found = compiled.get(codec) ?? readFile(resolve(PATHS[codec].code)).then((bytes) => WebAssembly.compile(bytes));
  compiled.set(codec, found);
  return found;
}

let idle: Worker | null = null;
let last: Promise<unknown> = Promise.resolve();

function takeWorker(): Worker {
  if (idle !== null) return idle;
  const paths = { openjpeg: resolve(PATHS.openjpeg.opener), charls: resolve(PATHS.charls.opener) };
  idle = new Worker(PROGRAM, {
    eval: true,
    workerData: { paths, mostMemory: MOST_MEMORY },
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  return idle;
}

async function decodeNow(codec: WasmCodec, bytes: Uint8Array): Promise<WasmOutcome> {
  const code = await codeOf(codec);
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
    worker.postMessage({ codec, bytes, code });
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

function viewOf({ bytes, precision, isSigned }: WasmPicture): CodedSamples["values"] {
  if (precision <= 8) return isSigned ? Int16Array.from(new Int8Array(bytes.buffer)) : bytes;
  return isSigned ? new Int16Array(bytes.buffer) : new Uint16Array(bytes.buffer);
}

/**
 * The samples of a decoded picture, pixel by pixel.
 *
 * @throws CodecFault when the codec failed or gives another size than the picture declares.
 */
function samplesOf(outcome: WasmOutcome, shape: PictureShape): CodedSamples {
  if ("fault" in outcome) return codecFault("be sound", outcome.fault.replace(/\s+/g, " ").trim().slice(0, 100));
  const { width, height, samples, precision, isPlanar, bytes } = outcome.picture;
  const pixels = shape.width * shape.height;
  const size = pixels * shape.samples * (precision <= 8 ? 1 : 2);
  const [found, wanted] = [
    `${width} x ${height} x ${samples}, ${bytes.length} bytes`,
    `${shape.width} x ${shape.height} x ${shape.samples}, ${size} bytes`,
  ];
  if (found !== wanted) codecLimit(`unfold to ${wanted}`, found);
  const values = viewOf(outcome.picture);
  if (!isPlanar) return { values, precision };
  const mixed = values.slice();
  for (let p = 0; p < pixels; p++) for (let s = 0; s < samples; s++) mixed[p * samples + s] = values[s * pixels + p]!;
  return { values: mixed, precision };
}

/** A picture whose head says whether its samples have a sign. */
interface SignedShape extends PictureShape {
  readonly isSigned: boolean;
}

const MOST_TILES = 4096;
const JP2 = "0000000c6a502020";
const HEAD = 40;

/** Sizes, tiles, and precision of all components from the SIZ segment (ISO 15444-1, A.5.1), before anything is decoded. */
function assertHead(bytes: Buffer, shape: SignedShape): void {
  const { bitsAllocated, isSigned } = shape;
  if (bytes.toString("hex", 0, 8) === JP2) codecLimit("be a JPEG 2000 codestream", "a .jp2 file around it");
  if (bytes.length < HEAD + 3 || bytes.toString("hex", 0, 4) !== "ff4fff51")
    codecFault("begin as a JPEG 2000", "other bytes");
  const [x, y, left, top, tileX, tileY, tileLeft, tileTop] = Array.from({ length: 8 }, (_, k) =>
    bytes.readUInt32BE(8 + 4 * k),
  ) as [number, number, number, number, number, number, number, number];
  const count = bytes.readUInt16BE(HEAD);
  assertSameSize({ width: x - left, height: y - top, samples: count }, shape);
  const tiles = Math.ceil((x - tileLeft) / tileX) * Math.ceil((y - tileTop) / tileY);
  if (!(tiles >= 1 && tiles <= MOST_TILES)) codecLimit(`have 1 to ${MOST_TILES} tiles`, tiles);
  if (bytes.length < HEAD + 2 + 3 * count) codecFault("hold a whole picture", "a truncated head");
  for (let k = 0; k < count; k++) {
    const [depth, across, down] = bytes.subarray(HEAD + 2 + 3 * k);
    if (across !== 1 || down !== 1) codecLimit("hold all components in full", "reduced ones");
    if ((depth! & 127) + 1 > bitsAllocated)
      codecLimit(`have at most ${bitsAllocated} bits a sample`, (depth! & 127) + 1);
    if (depth! >> 7 !== Number(isSigned)) codecLimit(`be ${isSigned ? "" : "un"}signed`, "the other");
  }
}

/**
 * Decodes a JPEG 2000 codestream (ISO 15444-1), reversible or not, by OpenJPEG in WebAssembly. A warning of the decoder counts as
 * damage: it would go on with a part of the picture.
 *
 * @throws CodecFault for another size, sign or precision, for damaged data, and for one that takes too much time or memory.
 */
export async function decodeJpeg2000(bytes: Uint8Array, shape: SignedShape): Promise<CodedSamples> {
  assertHead(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), shape);
  return samplesOf(await decodeInWasm("openjpeg", bytes), shape);
}

const JPEG_LS = 0xf7;

/**
 * Decodes a JPEG-LS picture (ITU-T T.87), lossless or nearly so, by CharLS in WebAssembly.
 *
 * @throws CodecFault for another size or precision, for damaged data, and for one that takes too much time or memory.
 */
export async function decodeJpegLs(bytes: Uint8Array, shape: PictureShape): Promise<CodedSamples> {
  const frame = readJpegFrame(bytes);
  if (frame?.marker !== JPEG_LS) return codecLimit("be a JPEG-LS picture", "another kind of JPEG");
  assertSameSize({ ...frame, samples: frame.components.length }, shape);
  const { precision } = frame;
  if (precision < 2 || precision > shape.bitsAllocated) {
    codecLimit(`have 2 to ${shape.bitsAllocated} bits a sample`, precision);
  }
  return samplesOf(await decodeInWasm("charls", bytes), shape);
}
