import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { DataError, ShapeError } from "../base/errors";
import { writeFileAtomic } from "../base/write-atomic";
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from "./half-float";
import { type HeaderEntry, parseHeader, type SafetensorsDtype, WIDTH } from "./safetensors-header";

/** One tensor of a file. F32, F16 and BF16 are Float32Array in memory, I64 is BigInt64Array, I32 is Int32Array. */
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

/**
 * Reads a safetensors file, refusing anything the format does not allow: a header larger than the file or 100 MB,
 * unknown types, sizes that do not fit their shape, overlaps, gaps, bytes behind the last tensor.
 *
 * Memory: nothing larger than the file is allocated before these checks.
 *
 * @throws DataError naming file and tensor.
 */
export function readSafetensors(file: string): SafetensorsFile {
  const handle = open(file);
  try {
    const size = fstatSync(handle).size;
    if (size < 8) throw refuse(file, `it must have at least 8 bytes; got ${size}`);
    const headerSize = Number(readBytes(handle, 0, 8, file).readBigUInt64LE());
    if (headerSize > Math.min(size - 8, 100_000_000))
      throw refuse(file, `its header must fit into ${size} bytes (and 100 MB); it claims ${headerSize}`);
    const text = readBytes(handle, 8, headerSize, file).toString("utf8");
    const header = parseHeader(text, size - 8 - headerSize, (problem, tensor) => refuse(file, problem, tensor));
    const body = readBytes(handle, 8 + headerSize, size - 8 - headerSize, file);
    const tensors = new Map(header.entries.map((entry) => [entry.name, decode(entry, body)] as const));
    return { tensors, metadata: header.metadata };
  } finally {
    closeSync(handle);
  }
}

/**
 * Writes a safetensors file atomically; the same tensors give the same bytes, whatever their order.
 *
 * @param metadata strings for the header. Default {format: "pt"}, which Python's loaders ask for.
 * @throws ShapeError when a tensor's data does not fit its shape.
 */
export function writeSafetensors(
  file: string,
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): void {
  // widest type first, then by name: every tensor starts at a multiple of its width
  const sorted = [...tensors].sort(([a, x], [b, y]) => WIDTH[y.dtype] - WIDTH[x.dtype] || (a < b ? -1 : Number(a > b)));
  const header: Record<string, unknown> = { __metadata__: metadata };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, tensor] of sorted) {
    const bytes = encode(name, tensor);
    header[name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, offset + bytes.length] };
    parts.push(bytes);
    offset += bytes.length;
  }
  const text = Buffer.from(JSON.stringify(header), "utf8");
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, " ");
  text.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileAtomic(file, length, padded, ...parts);
}

function open(file: string): number {
  try {
    return openSync(file, "r");
  } catch (cause) {
    throw new DataError(`readSafetensors: ${file} cannot be opened. Check the path.`, { file }, cause);
  }
}

function readBytes(handle: number, from: number, length: number, file: string): Buffer {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const count = readSync(handle, buffer, done, length - done, from + done);
    if (count === 0) throw refuse(file, `it ends after ${from + done} bytes`);
    done += count;
  }
  return buffer;
}

function refuse(file: string, problem: string, tensor?: string): DataError {
  return new DataError(`readSafetensors: ${file} is no valid safetensors file: ${problem}. Fetch or write it again.`, {
    file,
    ...(tensor === undefined ? {} : { tensor }),
  });
}

function decode(entry: HeaderEntry, body: Buffer): StoredTensor {
  // a copy of its own memory: aligned, and the file's buffer can be freed
  const bytes = Uint8Array.from(body.subarray(entry.begin, entry.end)).buffer;
  const read: Record<SafetensorsDtype, () => StoredTensor["data"]> = {
    F32: () => new Float32Array(bytes),
    F16: () => fromFloat16(new Uint16Array(bytes)),
    BF16: () => fromBfloat16(new Uint16Array(bytes)),
    I64: () => new BigInt64Array(bytes),
    I32: () => new Int32Array(bytes),
  };
  return { dtype: entry.dtype, shape: entry.shape, data: read[entry.dtype]() };
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
