import { DataError } from "../../base/errors";

const TYPES = {
  "|u1": Uint8Array,
  "|b1": Uint8Array,
  "|i1": Int8Array,
  "<u2": Uint16Array,
  "<i2": Int16Array,
  "<u4": Uint32Array,
  "<i4": Int32Array,
  "<i8": BigInt64Array,
  "<f4": Float32Array,
  "<f8": Float64Array,
} as const;

/** NumPy's name of a number type this reader knows. */
export type NpyType = keyof typeof TYPES;

/** One array of an .npy file, row-major. */
export interface NpyArray {
  readonly type: NpyType;
  readonly shape: readonly number[];
  readonly data: InstanceType<(typeof TYPES)[NpyType]>;
}

const MAGIC = Buffer.from("\x93NUMPY", "latin1");
const HEADER = /^\{'descr': '([^']{1,8})', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\),? ?\} *\n$/;
const LONGEST_HEADER = 65_536;
const MOST_AXES = 8;

function refuse(place: string, rule: string, got: string, next: string): never {
  throw new DataError(`readNpy: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got });
}

/** The header's text and where the numbers begin. */
function readHeader(bytes: Uint8Array, place: string): { text: string; start: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 10 || !buffer.subarray(0, 6).equals(MAGIC)) {
    refuse(place, "begin with the NumPy signature", `${buffer.length} bytes without it`, "Download the file again.");
  }
  const major = buffer[6]!;
  if (major < 1 || major > 3) refuse(place, "have format version 1 to 3", String(major), "Save it with numpy.save.");
  const start = major === 1 ? 10 : 12;
  if (buffer.length < start) refuse(place, "hold its whole header", "a truncated file", "Download the file again.");
  const length = major === 1 ? buffer.readUInt16LE(8) : buffer.readUInt32LE(8);
  if (length > LONGEST_HEADER || start + length > buffer.length) {
    refuse(place, "hold its whole header", `a header of ${length} bytes`, "Download the file again.");
  }
  return { text: buffer.toString("latin1", start, start + length), start: start + length };
}

function parseShape(list: string, place: string): number[] {
  const parts = list.split(",").map((part) => part.trim());
  if (parts.at(-1) === "") parts.pop();
  const shape = parts.map(Number);
  const sound = parts.every((part) => /^\d{1,10}$/.test(part)) && shape.length <= MOST_AXES;
  if (sound && Number.isSafeInteger(shape.reduce((product, n) => product * n, 8))) return shape;
  return refuse(place, `have a shape of at most ${MOST_AXES} whole numbers`, `(${list})`, "Save it with numpy.save.");
}

/** What the header of an .npy array says. */
export interface NpyHead {
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** Bytes of the header. */
  readonly start: number;
  /** Bytes of the numbers that must follow it. */
  readonly size: number;
}

/**
 * Reads the header of an .npy array: little-endian numbers in C order. More bytes than the header may be given.
 *
 * @throws DataError naming the broken rule.
 */
export function readNpyHead(bytes: Uint8Array, place: string): NpyHead {
  const { text, start } = readHeader(bytes, place);
  const match = HEADER.exec(text);
  if (match === null) {
    return refuse(place, "have a plain header", JSON.stringify(text.slice(0, 80)), "Save it with numpy.save.");
  }
  const [, descr = "", order, list = ""] = match;
  if (!Object.hasOwn(TYPES, descr)) {
    refuse(place, `hold one of ${Object.keys(TYPES).join(", ")}`, descr, "Convert it with astype and save it again.");
  }
  if (order === "True") {
    refuse(place, "be in C order", "Fortran order", "Save numpy.ascontiguousarray of it.");
  }
  const type = descr as NpyType;
  const shape = parseShape(list, place);
  const size = shape.reduce((product, n) => product * n, 1) * TYPES[type].BYTES_PER_ELEMENT;
  return { type, shape, start, size };
}

/** Throws DataError unless an array has as many bytes of numbers as its header states. */
export function assertNpySize({ size }: NpyHead, found: number, place: string): void {
  if (found === size) return;
  const what = found < size ? "a truncated array" : "trailing bytes";
  refuse(place, `hold ${size} bytes of numbers`, `${found} bytes (${what})`, "Download the file again.");
}

/**
 * Reads one .npy array strictly: little-endian numbers in C order and nothing behind them.
 *
 * @param place what to call the array in an error, e.g. "breastmnist.npz, member train_images.npy".
 * @throws DataError naming the broken rule.
 */
export function readNpy(bytes: Uint8Array, place: string): NpyArray {
  const head = readNpyHead(bytes, place);
  assertNpySize(head, bytes.length - head.start, place);
  const { type, shape, start } = head;
  // a copy: the view would have to begin at a multiple of the number's size
  const data = new TYPES[type](Uint8Array.from(bytes.subarray(start)).buffer);
  return { type, shape, data };
}

/** The bytes of an .npy file (format 1.0, header padded to 64 bytes). */
export function writeNpy(array: NpyArray): Uint8Array {
  const list = array.shape.length === 1 ? `${array.shape[0]},` : array.shape.join(", ");
  const text = `{'descr': '${array.type}', 'fortran_order': False, 'shape': (${list}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const head = Buffer.alloc(10);
  MAGIC.copy(head);
  head[6] = 1;
  head.writeUInt16LE(length, 8);
  const { buffer, byteOffset, byteLength } = array.data;
  const numbers = new Uint8Array(buffer, byteOffset, byteLength);
  return Buffer.concat([head, Buffer.from(`${text.padEnd(length - 1)}\n`, "latin1"), numbers]);
}
