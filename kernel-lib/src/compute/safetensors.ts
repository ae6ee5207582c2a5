import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { isObject } from "../base/check";
import { DataError, ShapeError } from "../base/errors";
import type { Matrix } from "../base/types";
import { writePartsAtomic } from "../store/files";
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from "./half-floats";

const MAX_HEADER_BYTES = 100_000_000;
/** Read and widened at once. */
const BLOCK_BYTES = 2 ** 20;
const OPEN_BRACE = "{".charCodeAt(0);

/** Element types that are read and written. */
export type SafetensorsDtype = "F32" | "F16" | "BF16" | "I64" | "I32";

/** Bytes per element. */
const WIDTH: Readonly<Record<SafetensorsDtype, number>> = { F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4 };

/** Bits per element of the format's other types: such tensors may stand in a file, and are refused only when they are read. */
const OTHER_BITS: Readonly<Record<string, number>> = {
  ...{ BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
  ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6, I16: 16, U16: 16, U32: 32, F64: 64, U64: 64, C64: 64 },
};

/** One tensor of a file. F32, F16 and BF16 are Float32Array in memory, I64 is BigInt64Array, I32 is Int32Array. `data` may be made anew each time it is asked for. */
export interface StoredTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array | Int32Array;
}

/** What a safetensors file holds. */
export interface SafetensorsFile {
  readonly tensors: Map<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A checked file whose tensors are read one by one. */
export interface SafetensorsIndex {
  /** Type, which need not be one that is read, and shape per name, in the order of the file. */
  readonly entries: ReadonlyMap<string, { readonly dtype: string; readonly shape: readonly number[] }>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Reads one tensor. @throws DataError when there is none of this name, it is of a type that is not read, or the file was changed since. */
  read(name: string): StoredTensor;
}

/**
 * Opens a safetensors file, refusing anything the format does not allow: a header larger than the file or 100 MB,
 * sizes that do not fit type and shape, overlaps, gaps, bytes behind the last tensor.
 *
 * Memory: the header. Each `read` takes the tensor and, for half precision, one block more. No file stays open.
 *
 * @throws DataError naming file and tensor.
 */
export function openSafetensors(file: string): SafetensorsIndex {
  const { entries, metadata, start, size } = withFile(file, (handle) => readHeader(handle, file));
  const byName = new Map(entries.map((entry) => [entry.name, entry] as const));
  return {
    entries: new Map(entries.map(({ name, dtype, shape }) => [name, { dtype, shape }])),
    metadata,
    read: (name) => {
      const entry = byName.get(name);
      if (entry === undefined) throw refuse(file, `it holds no tensor ${name}`, name);
      const { dtype } = entry;
      if (!isRead(dtype)) throw unsupported(file, entry);
      const data = withFile(file, (handle) => {
        if (fstatSync(handle).size !== size) throw refuse(file, "it has another size than when it was opened", name);
        return readTensor(handle, { ...entry, dtype }, { file, start });
      });
      return { dtype, shape: entry.shape, data };
    },
  };
}

/**
 * Reads a whole safetensors file, as strictly as `openSafetensors`.
 *
 * @throws DataError naming file and tensor; where a tensor is of a type that is not read, naming the type.
 */
export function readSafetensors(file: string): SafetensorsFile {
  const { entries, metadata, read } = openSafetensors(file);
  return { tensors: new Map([...entries.keys()].map((name) => [name, read(name)] as const)), metadata };
}

/**
 * Writes a safetensors file atomically; the same tensors give the same bytes, whatever their order.
 *
 * Memory: a tensor's `data` is asked for when its turn comes, and only one is encoded at a time.
 *
 * @param metadata strings for the header. Default {format: "pt"}, which Python's loaders ask for.
 * @throws ShapeError when a tensor's data does not fit its shape; then no file is written.
 */
export function writeSafetensors(
  file: string,
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): void {
  // widest type first, then by name: every tensor starts at a multiple of its width
  const sorted = [...tensors].sort(([a, x], [b, y]) => WIDTH[y.dtype] - WIDTH[x.dtype] || (a < b ? -1 : Number(a > b)));
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { dtype, shape }] of sorted) {
    const end = offset + storedBytes({ dtype, shape });
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  writePartsAtomic(file, partsOf(header, sorted));
}

/** Writes matrices by name into one safetensors file. */
export function writeMatrices(file: string, matrices: Readonly<Record<string, Matrix>>): void {
  const tensors = Object.entries(matrices).map(
    ([name, { data, rows, cols }]) => [name, { dtype: "F32", shape: [rows, cols], data } as const] as const,
  );
  writeSafetensors(file, tensors);
}

/** Reads matrices by name. @throws DataError when one is missing or no matrix of floats. */
export function readMatrices<K extends string>(file: string, names: readonly K[]): Record<K, Matrix> {
  const { tensors } = readSafetensors(file);
  const entries = names.map((name) => {
    const found = tensors.get(name);
    if (found?.shape.length !== 2 || !(found.data instanceof Float32Array)) {
      throw new DataError(
        `readMatrices: ${file} must hold a matrix ${name}; got ${found === undefined ? "nothing" : `${found.dtype} [${found.shape.join(", ")}]`}. Delete the artifact's folder to compute it again.`,
        { file, name },
      );
    }
    return [name, { data: found.data, rows: found.shape[0]!, cols: found.shape[1]! }] as const;
  });
  return Object.fromEntries(entries) as Record<K, Matrix>;
}

/** Bytes a tensor takes in a file, its header entry left out. */
export function storedBytes({ dtype, shape }: Pick<StoredTensor, "dtype" | "shape">): number {
  return shape.reduce((product, n) => product * n, WIDTH[dtype]);
}

function* partsOf(
  header: Readonly<Record<string, unknown>>,
  sorted: readonly (readonly [string, StoredTensor])[],
): Generator<Uint8Array> {
  const text = Buffer.from(JSON.stringify(header), "utf8");
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, " ");
  text.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  yield length;
  yield padded;
  for (const [name, tensor] of sorted) yield encode(name, tensor);
}

function withFile<T>(file: string, use: (handle: number) => T): T {
  let handle: number;
  try {
    handle = openSync(file, "r");
  } catch (cause) {
    throw new DataError(`readSafetensors: ${file} cannot be opened. Check the path.`, { file }, cause);
  }
  try {
    return use(handle);
  } finally {
    closeSync(handle);
  }
}

/** Where a tensor lies behind the header. */
interface HeaderEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Makes the error for a problem; the reader adds the file's name. */
type Refuse = (problem: string, tensor?: string) => Error;

/** Parses and checks a header (a text that begins with "{") against the number of bytes that follow it. */
function parseHeader(
  text: string,
  bodySize: number,
  refuse: Refuse,
): { entries: HeaderEntry[]; metadata: Record<string, string> } {
  const header = parseObject(text, refuse);
  const metadata = header["__metadata__"] ?? {};
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== "string"))
    throw refuse("__metadata__ must hold strings only");
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => parseEntry(name, value, refuse))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);

  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position)
      throw refuse(`tensor ${name} must start at byte ${position}, where the one before it ends; got ${begin}`, name);
    position = end;
  }
  if (position !== bodySize) throw refuse(`its tensors must fill ${bodySize} bytes; they take ${position}`);
  return { entries, metadata: metadata as Record<string, string> };
}

function parseObject(text: string, refuse: Refuse): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`its header must be JSON (${(error as Error).message.split("\n")[0]})`);
  }
  if (!isObject(value)) throw refuse("its header must be a JSON object");
  return value;
}

function parseEntry(name: string, value: unknown, refuse: Refuse): HeaderEntry {
  const { dtype, shape, data_offsets: offsets } = (isObject(value) ? value : {}) as Record<string, unknown>;
  if (typeof dtype !== "string") throw refuse(`tensor ${name} must name its dtype; got ${JSON.stringify(dtype)}`, name);
  if (!isCounts(shape)) throw refuse(`tensor ${name} must have a shape of whole numbers`, name);
  if (!isCounts(offsets) || offsets.length !== 2)
    throw refuse(`tensor ${name} must have two data_offsets of whole numbers`, name);
  const [begin, end] = offsets as [number, number];
  const size = bitsOf(dtype) === null ? end - begin : shape.reduce((product, n) => product * n, bitsOf(dtype)! / 8);
  if (end - begin !== size || end < begin)
    throw refuse(`tensor ${name} must have ${size} bytes for ${dtype} [${shape.join(", ")}]; got ${end - begin}`, name);
  return { name, dtype, shape, begin, end };
}

function isRead(dtype: string): dtype is SafetensorsDtype {
  return Object.hasOwn(WIDTH, dtype);
}

/** Bits per element; null of a type that came after this was written. */
function bitsOf(dtype: string): number | null {
  if (isRead(dtype)) return 8 * WIDTH[dtype];
  return Object.hasOwn(OTHER_BITS, dtype) ? OTHER_BITS[dtype]! : null;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

interface ReadHeader extends ReturnType<typeof parseHeader> {
  /** Of the first tensor in the file. */
  readonly start: number;
  /** Of the whole file. */
  readonly size: number;
}

function readHeader(handle: number, file: string): ReadHeader {
  const size = fstatSync(handle).size;
  if (size < 8) throw refuse(file, `it must have at least 8 bytes; got ${size}`);
  const headerSize = Number(readBytes(handle, 0, Buffer.alloc(8), file).readBigUInt64LE());
  if (headerSize > Math.min(size - 8, MAX_HEADER_BYTES))
    throw refuse(file, `its header must fit into ${size} bytes (and 100 MB); it claims ${headerSize}`);
  const bytes = readBytes(handle, 8, Buffer.alloc(headerSize), file);
  if (bytes[0] !== OPEN_BRACE) throw refuse(file, "its header must be a JSON object, from its first byte on");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refuse(file, "its header must be UTF-8");
  }
  const start = 8 + headerSize;
  const header = parseHeader(text, size - start, (problem, tensor) => refuse(file, problem, tensor));
  return { ...header, start, size };
}

/** Fills `target` from a place in the file. */
function readBytes<T extends Uint8Array>(handle: number, from: number, target: T, file: string): T {
  for (let done = 0; done < target.length; ) {
    const count = readSync(handle, target, done, target.length - done, from + done);
    if (count === 0) throw refuse(file, `it ends after ${from + done} bytes`);
    done += count;
  }
  return target;
}

function refuse(file: string, problem: string, tensor?: string): DataError {
  return new DataError(`readSafetensors: ${file} is no valid safetensors file: ${problem}. Fetch or write it again.`, {
    file,
    ...(tensor === undefined ? {} : { tensor }),
  });
}

function unsupported(file: string, { name, dtype, shape }: HeaderEntry): DataError {
  const types = Object.keys(WIDTH).join(", ");
  return new DataError(
    `readSafetensors: tensor ${name} of ${file} must be one of ${types} to be read; got ${dtype} [${shape.join(", ")}], which is not supported. Convert the tensor, or leave it out.`,
    { file, tensor: name, dtype },
  );
}

function readTensor(
  handle: number,
  entry: HeaderEntry & { readonly dtype: SafetensorsDtype },
  { file, start }: { readonly file: string; readonly start: number },
): StoredTensor["data"] {
  const from = start + entry.begin;
  const length = entry.end - entry.begin;
  if (entry.dtype === "F16" || entry.dtype === "BF16") {
    const widen = entry.dtype === "F16" ? fromFloat16 : fromBfloat16;
    const wide = new Float32Array(length / 2);
    const block = new Uint16Array(Math.min(BLOCK_BYTES, length) / 2);
    for (let at = 0; at < length; at += BLOCK_BYTES) {
      const part = block.subarray(0, (length - at) / 2);
      readBytes(handle, from + at, new Uint8Array(part.buffer, 0, part.byteLength), file);
      widen(part, wide.subarray(at / 2));
    }
    return wide;
  }
  const bytes = readBytes(handle, from, new Uint8Array(length), file).buffer;
  if (entry.dtype === "F32") return new Float32Array(bytes);
  return entry.dtype === "I64" ? new BigInt64Array(bytes) : new Int32Array(bytes);
}

function encode(name: string, { dtype, shape, data }: StoredTensor): Uint8Array {
  const kinds = { F32: Float32Array, F16: Float32Array, BF16: Float32Array, I64: BigInt64Array, I32: Int32Array };
  const size = shape.reduce((product, n) => product * n, 1);
  if (!(data instanceof kinds[dtype]) || data.length !== size)
    throw new ShapeError(
      `writeSafetensors: ${name} must be a ${kinds[dtype].name} of ${size} values for ${dtype} [${shape.join(", ")}]; got a ${data.constructor.name} of ${data.length}.`,
      { name, dtype, shape },
    );
  if (dtype === "F16") return new Uint8Array(toFloat16(data as Float32Array).buffer);
  if (dtype === "BF16") return new Uint8Array(toBfloat16(data as Float32Array).buffer);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
