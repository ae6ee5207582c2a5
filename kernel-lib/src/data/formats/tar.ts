import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { DataError, isKernelError } from "../../base/errors";
import { plainPathWithin } from "../../base/paths";

/**
 * Tar archives: a reader that trusts nothing, and a writer that gives the same bytes for the same files.
 *
 * Its own reader, since `tar-stream` passes over damaged extended headers, takes an empty file and a header without a size for
 * archives, goes on behind the end, and does not read headers from before ustar.
 */

/** Bytes of one tar block: headers and contents are padded to it. */
export const BLOCK = 512;

/** What a tar header says of one member. */
interface TarHeader {
  readonly name: string;
  readonly size: number;
  /** "0" file, "5" folder, "1" and "2" links, "x" and "g" extended headers, "L" and "K" long names, others devices. */
  readonly type: string;
}

function textAt(block: Uint8Array, start: number, length: number): string {
  const field = Buffer.from(block.buffer, block.byteOffset + start, length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

/** A number in octal digits; NaN when it is none. GNU's base-256 form, for members above 8 GiB, is not read. */
function octalAt(block: Uint8Array, start: number, length: number): number {
  const digits = textAt(block, start, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** The sum of a header's bytes, its own checksum field counted as blanks. */
function sumOf(block: Uint8Array): number {
  return block.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 0x20 : byte), 0);
}

/** Reads a header block; null for the empty block that ends an archive, a reason when it is no sound header. */
function parseTarHeader(block: Uint8Array): TarHeader | null | { readonly fault: string } {
  if (block.every((byte) => byte === 0)) return null;
  if (octalAt(block, 148, 8) !== sumOf(block)) return { fault: "a header with a wrong checksum" };
  const size = octalAt(block, 124, 12);
  if (!Number.isSafeInteger(size)) return { fault: "a header without a size" };
  const prefix = textAt(block, 257, 5) === "ustar" && block[262] === 0 ? textAt(block, 345, 155) : "";
  const name = textAt(block, 0, 100);
  const type = String.fromCharCode(block[156] === 0 ? 0x30 : block[156]!);
  return { name: prefix === "" ? name : `${prefix}/${name}`, size, type };
}

/** A ustar header for a file; dates and owners are 0, so that the same content gives the same bytes. */
export function formatTarHeader(name: string, size: number, type = "0"): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100, "utf8");
  const octal = (value: number, start: number, digits: number) =>
    block.write(`${value.toString(8).padStart(digits, "0")}\0`, start, "latin1");
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.write(type, 156, "latin1");
  block.write("ustar\0" + "00", 257, "latin1");
  block.write(`${sumOf(block).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** The records of a pax extended header: `length key=value\n`. Null when they are damaged. */
function parsePaxRecords(bytes: Uint8Array): Map<string, string> | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records = new Map<string, string>();
  for (let at = 0; at < buffer.length; ) {
    const blank = buffer.indexOf(0x20, at);
    const length = Number(buffer.toString("latin1", at, blank < 0 ? at : blank));
    const end = at + length;
    if (!Number.isSafeInteger(length) || length < 5 || end > buffer.length || buffer[end - 1] !== 0x0a) return null;
    const record = buffer.toString("utf8", blank + 1, end - 1);
    const equals = record.indexOf("=");
    if (equals < 1) return null;
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

/** How much an archive may hold. */
export interface TarLimits {
  /** Most bytes of one member. Default 64 MiB. */
  readonly maxMemberBytes?: number;
  /** Most bytes out per byte in of a .gz archive, once 16 MiB are out. Default 200. */
  readonly maxRatio?: number;
}

/** One file of an archive. */
export interface TarMember {
  readonly name: string;
  readonly content: Uint8Array;
  /** Bytes of the archive file read so far. */
  readonly bytesRead: number;
}

const MEBIBYTE = 2 ** 20;
const EXTENDED = ["x", "g", "L", "K"];
const AGAIN = "Download the archive again.";

function refuse(place: string, rule: string, got: string, next = AGAIN, cause?: unknown): never {
  throw new DataError(`readTar: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got }, cause);
}

/** Hands out exact amounts of a stream of pieces. */
class ByteQueue {
  private held: Buffer = Buffer.alloc(0);
  constructor(private readonly pieces: AsyncGenerator<Buffer>) {}

  /** Closes the stream, wherever it stands. */
  async close(): Promise<void> {
    await this.pieces.return(undefined);
  }

  /** The next `count` bytes; fewer at the end of the stream. */
  async take(count: number): Promise<Buffer> {
    const parts = [this.held];
    let length = this.held.length;
    while (length < count) {
      const { value, done } = await this.pieces.next();
      if (done === true) break;
      parts.push(value);
      length += value.length;
    }
    const all = parts.length === 1 ? this.held : Buffer.concat(parts);
    this.held = all.subarray(count);
    return all.subarray(0, count);
  }
}

/** The archive's bytes, unpacked where it is a .gz; `counter.in` counts the bytes of the file. */
async function* piecesOf(path: string, counter: { in: number }, maxRatio: number): AsyncGenerator<Buffer> {
  const source = createReadStream(path);
  source.on("data", (piece) => {
    counter.in += piece.length;
  });
  const packed = /\.t?gz$/.test(path);
  const stream = packed ? source.pipe(createGunzip()) : source;
  if (packed) source.on("error", (error) => stream.destroy(error));
  let out = 0;
  try {
    for await (const piece of stream) {
      out += (piece as Buffer).length;
      if (packed && out > 16 * MEBIBYTE && out > maxRatio * counter.in) {
        const next = "If you trust the archive, raise maxRatio; it may be a gzip bomb.";
        refuse(path, `unfold at most ${maxRatio} times`, `${counter.in} to more than ${out} bytes`, next);
      }
      yield piece as Buffer;
    }
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    refuse(path, "be a readable archive", (cause as Error).message, AGAIN, cause);
  } finally {
    source.destroy();
  }
}

/** The member's name, if it stays in the folder it would be unpacked to. */
function assertInside(name: string, path: string): string {
  const plain = plainPathWithin(name);
  if (plain !== null) return plain;
  return refuse(path, "hold names that stay in its folder", JSON.stringify(name), "Do not use this archive.");
}

/** Takes the name, and the size, from extended headers that stood before. */
function applyExtended(header: TarHeader, extended: ReadonlyMap<string, string>, path: string): TarHeader {
  const size = extended.get("size");
  if (size !== undefined && !/^\d{1,15}$/.test(size)) refuse(path, "hold sizes in digits", JSON.stringify(size));
  return {
    ...header,
    name: extended.get("path") ?? header.name,
    size: size === undefined ? header.size : Number(size),
  };
}

async function takeContent(queue: ByteQueue, header: TarHeader, path: string, most: number): Promise<Buffer> {
  const place = `${path}, member ${header.name}`;
  if (header.size > most) {
    refuse(place, `have at most ${most} bytes`, String(header.size), "If you trust it, raise maxMemberBytes.");
  }
  const padded = Math.ceil(header.size / BLOCK) * BLOCK;
  const bytes = await queue.take(padded);
  if (bytes.length < padded) refuse(place, `have its ${header.size} bytes`, "a truncated archive");
  return bytes.subarray(0, header.size);
}

function extendedRecords(header: TarHeader, content: Buffer, path: string): ReadonlyMap<string, string> {
  if (header.type === "g") return new Map(); // says nothing about one member
  if (header.type === "L") return new Map([["path", content.toString("utf8").replace(/\0+$/, "")]]);
  if (header.type === "K") return new Map(); // the target of a link, which is refused when it comes
  return parsePaxRecords(content) ?? refuse(path, "have sound extended headers", "a damaged one");
}

/**
 * The files of a .tar or .tar.gz archive in their order, one at a time in memory. Folders are passed over.
 *
 * Read: ustar, pax names and sizes, GNU long names.
 * @throws DataError naming archive and member: damage, a truncated end, a name that leaves the folder, a link or device, a member
 * that is too large, a .gz that unfolds beyond the limit.
 * @example for await (const { name, content } of readTar("00000.tar")) …
 */
export async function* readTar(path: string, limits: TarLimits = {}): AsyncGenerator<TarMember> {
  const { maxMemberBytes = 64 * MEBIBYTE, maxRatio = 200 } = limits;
  const counter = { in: 0 };
  const queue = new ByteQueue(piecesOf(path, counter, maxRatio));
  try {
    for await (const { name, content } of membersOf(queue, path, maxMemberBytes)) {
      yield { name, content, bytesRead: counter.in };
    }
  } finally {
    await queue.close();
  }
}

async function* membersOf(queue: ByteQueue, path: string, most: number): AsyncGenerator<Omit<TarMember, "bytesRead">> {
  let extended: ReadonlyMap<string, string> = new Map();
  for (let headers = 0; ; headers++) {
    const block = await queue.take(BLOCK);
    if (block.length === 0 && headers > 0) return; // some writers leave out the two empty blocks at the end
    if (block.length < BLOCK) refuse(path, "consist of 512-byte blocks", "a truncated archive or another format");
    const found = parseTarHeader(block);
    if (found === null) return;
    if ("fault" in found) refuse(path, "be a tar archive", found.fault);
    const header = applyExtended(found, extended, path);
    const content = await takeContent(queue, header, path, EXTENDED.includes(header.type) ? MEBIBYTE : most);
    if (EXTENDED.includes(header.type)) {
      extended = new Map([...extended, ...extendedRecords(header, content, path)]);
      continue;
    }
    extended = new Map();
    const name = assertInside(header.name, path);
    if (header.type === "5") continue;
    if (header.type !== "0" && header.type !== "7") {
      refuse(`${path}, member ${name}`, "be a file or a folder", "a link or device", "Do not use this archive.");
    }
    yield { name, content };
  }
}

/** The bytes of a tar archive of these files: the same bytes for the same files. Names have at most 100 bytes. */
export function formatTar(files: Iterable<readonly [string, Uint8Array]>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, content] of files) {
    if (Buffer.byteLength(name) > 100) {
      throw new DataError(`formatTar: name must have at most 100 bytes; got ${name}. Shorten it.`, { name });
    }
    const padding = (BLOCK - (content.length % BLOCK)) % BLOCK;
    parts.push(formatTarHeader(name, content.length), content, new Uint8Array(padding));
  }
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK)]);
}
