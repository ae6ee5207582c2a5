import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { DataError, isKernelError } from "../../base/errors";
import { plainPathWithin } from "../../base/stays-inside";

/** How much an archive may unfold to. */
export interface ZipFileLimits {
  /** Most bytes of all members together, declared or real. Default 200 GiB. */
  readonly maxBytes?: number;
  /** Most bytes of one member. Default 256 MiB. */
  readonly maxMemberBytes?: number;
  /** Most bytes out per byte in, for members above 1 MiB. Default 200. */
  readonly maxRatio?: number;
}

/** One file of an archive on disk. */
export interface ZipFileMember {
  /** With slashes, staying in the folder it is unpacked to. */
  readonly name: string;
  readonly size: number;
  /** Bytes of the archive up to its end, for progress. */
  readonly bytesRead: number;
  /** Its content, checked. */
  readonly read: () => Promise<Uint8Array>;
  /** Its content piece by piece, for members that do not fit into memory; what is wrong is said with the last piece. */
  readonly pieces: () => AsyncGenerator<Buffer>;
}

const MEBIBYTE = 2 ** 20;
const GIBIBYTE = 2 ** 30;
const END_SIZE = 22;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const FULL = 0xffffffff;
const LINK = 0o120000;
const AGAIN = "Download it again.";
const SUSPECT = "Do not use it: it may be a zip bomb.";

function refuse(place: string, rule: string, got: string | number, next = AGAIN): never {
  throw new DataError(`readZipFile: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got });
}

interface Directory {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** Where the central directory lies; archives above 4 GiB say it in a second record. */
async function findDirectory(file: FileHandle, path: string, length: number): Promise<Directory> {
  const start = Math.max(0, length - END_SIZE - 0xffff);
  const tail = await readAt(file, start, length - start);
  let at = tail.length - END_SIZE;
  // a comment may follow, which holds no such record that fits its own length
  while (at >= 0 && !(tail.readUInt32LE(at) === END && at + END_SIZE + tail.readUInt16LE(at + 20) === tail.length))
    at--;
  if (at < 0) return refuse(path, "end with a zip directory", "a truncated file or another format");
  const [count, size, offset] = [tail.readUInt16LE(at + 10), tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
  if (count !== 0xffff && size !== FULL && offset !== FULL) return { count, size, offset };
  const locator = start + at - 20;
  const pointer = locator < 0 ? Buffer.alloc(0) : await readAt(file, locator, 20);
  if (pointer.length < 20 || pointer.readUInt32LE(0) !== LOCATOR_64) return { count, size, offset };
  const record = await readAt(file, Number(pointer.readBigUInt64LE(8)), 56);
  if (record.length < 56 || record.readUInt32LE(0) !== END_64)
    refuse(path, "have a whole zip directory", "a damaged one");
  const [count64, size64, offset64] = [32, 40, 48].map((k) => Number(record.readBigUInt64LE(k)));
  return { count: count64!, size: size64!, offset: offset64! };
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly offset: number;
  readonly mode: number;
}

/** Numbers that do not fit into 32 bits stand in an extra field, in this order, those that fit left out. */
function wideNumbers(extra: Buffer, narrow: readonly number[]): number[] | null {
  if (!narrow.includes(FULL)) return [...narrow];
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let next = at + 4;
    const end = Math.min(extra.length, next + extra.readUInt16LE(at + 2));
    return narrow.map((value) => {
      if (value !== FULL || next + 8 > end) return value;
      next += 8;
      return Number(extra.readBigUInt64LE(next - 8));
    });
  }
  return null;
}

function* entriesOf(bytes: Buffer, count: number, path: string): Generator<Entry> {
  let at = 0;
  for (let k = 0; k < count; k++) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== ENTRY)
      refuse(path, "have a whole zip directory", "a damaged one");
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const extraStart = at + 46 + nameLength!;
    const extra = bytes.subarray(extraStart, extraStart + extraLength!);
    const numbers = wideNumbers(
      extra,
      [24, 20, 42].map((field) => bytes.readUInt32LE(at + field)),
    );
    if (numbers === null) return refuse(path, "have a whole zip directory", "a damaged one");
    yield {
      name: bytes.toString("utf8", at + 46, extraStart),
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      mode: bytes.readUInt16LE(at + 40),
      size: numbers[0]!,
      packedSize: numbers[1]!,
      offset: numbers[2]!,
    };
    at = extraStart + extraLength! + commentLength!;
  }
  if (at !== bytes.length) refuse(path, "have a whole zip directory", "more bytes than members");
}

function assertEntry(entry: Entry, place: string, { maxMemberBytes, maxRatio }: Required<ZipFileLimits>): string {
  const { name, size, packedSize, method, flags, mode } = entry;
  const plain = plainPathWithin(name);
  if (plain === null || (mode & 0o170000) === LINK) {
    return refuse(place, "stay in the folder it is unpacked to", JSON.stringify(name), "Do not use this archive.");
  }
  if ((flags & 1) !== 0) refuse(place, "not be encrypted", "an encrypted member");
  if (method !== 0 && method !== 8) refuse(place, "be stored or deflated", `method ${method}`);
  if (size > maxMemberBytes) refuse(place, `have at most ${maxMemberBytes} bytes`, size, SUSPECT);
  if (size > MEBIBYTE && size > maxRatio * packedSize) {
    refuse(place, `unfold at most ${maxRatio} times`, `${packedSize} to ${size} bytes`, SUSPECT);
  }
  return plain;
}

/** Where a member's packed bytes begin: behind a header of its own. */
async function contentStart(file: FileHandle, { offset, name }: Entry, place: string): Promise<number> {
  const head = await readAt(file, offset, 30);
  if (head.length < 30 || head.readUInt32LE(0) !== LOCAL) refuse(place, "have a local header", "none");
  const nameLength = head.readUInt16LE(26);
  const found = (await readAt(file, offset + 30, nameLength)).toString("utf8");
  if (found !== name) refuse(place, "have the same name in both headers", JSON.stringify(found));
  return offset + 30 + nameLength + head.readUInt16LE(28);
}

async function readMember(file: FileHandle, entry: Entry, place: string): Promise<Uint8Array> {
  const start = await contentStart(file, entry, place);
  const packed = await readAt(file, start, entry.packedSize);
  if (packed.length < entry.packedSize) refuse(place, "lie within the file", "a truncated file");
  const content = unpack(packed, entry, place);
  if (content.length !== entry.size) refuse(place, `unfold to its declared ${entry.size} bytes`, content.length);
  if (crc32(content) !== entry.crc) refuse(place, "match its checksum", "other content");
  return content;
}

function unpack(packed: Buffer, { method, size }: Entry, place: string): Uint8Array {
  if (method === 0) return packed;
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
  } catch {
    return refuse(place, `unfold to its declared ${size} bytes`, "damaged data or more");
  }
}

/** Unpacks a member as it is read, never beyond its declared size. */
async function* memberPieces(file: FileHandle, path: string, entry: Entry, place: string): AsyncGenerator<Buffer> {
  const { method, packedSize, size, crc } = entry;
  const start = await contentStart(file, entry, place);
  if (packedSize === 0) return void (size > 0 && refuse(place, `unfold to its declared ${size} bytes`, 0));
  const packed = createReadStream(path, { start, end: start + packedSize - 1 });
  const stream = method === 0 ? packed : packed.pipe(createInflateRaw());
  packed.on("error", (error) => stream.destroy(error));
  let [length, sum] = [0, 0];
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > size) refuse(place, `unfold to its declared ${size} bytes`, "more than that");
      sum = crc32(piece, sum);
      yield piece;
    }
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    refuse(place, `unfold to its declared ${size} bytes`, "damaged data");
  } finally {
    packed.destroy();
  }
  if (length !== size) refuse(place, `unfold to its declared ${size} bytes`, length);
  if (sum !== crc) refuse(place, "match its checksum", "other content");
}

/**
 * The files of a zip archive on disk in its order, one at a time in memory; archives above 4 GiB too. Folders are passed over.
 *
 * Sizes and names of a member are checked before it is read. Members must follow one another: two that share bytes are refused.
 * @throws DataError naming archive and member: damage, a truncated end, a name that leaves the folder, a link, encryption,
 * a member that is too large or unfolds too far.
 * @example for await (const { name, read } of readZipFile("imgs.zip")) …
 */
export async function* readZipFile(path: string, limits: ZipFileLimits = {}): AsyncGenerator<ZipFileMember> {
  const all = { maxBytes: 200 * GIBIBYTE, maxMemberBytes: 256 * MEBIBYTE, maxRatio: 200, ...limits };
  const file = await open(path);
  try {
    const { size: length } = await file.stat();
    const { count, size, offset } = await findDirectory(file, path, length);
    if (!(offset >= 0 && offset + size <= length && count * 46 <= size && size <= GIBIBYTE)) {
      refuse(path, "have a whole zip directory", "a damaged one");
    }
    let [total, end] = [0, 0];
    for (const entry of entriesOf(await readAt(file, offset, size), count, path)) {
      const place = `${path}, member ${entry.name}`;
      const name = assertEntry(entry, place, all);
      total += entry.size;
      if (total > all.maxBytes) refuse(place, `keep the archive within ${all.maxBytes} bytes`, total, SUSPECT);
      if (entry.offset < end || entry.offset + 30 + entry.packedSize > offset) {
        refuse(place, "have bytes of its own", "bytes of another member", SUSPECT);
      }
      end = entry.offset + 30 + entry.packedSize;
      if (name.endsWith("/")) continue;
      const [read, pieces] = [() => readMember(file, entry, place), () => memberPieces(file, path, entry, place)];
      yield { name, size: entry.size, bytesRead: end, read, pieces };
    }
  } finally {
    await file.close();
  }
}
