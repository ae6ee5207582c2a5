import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32, createInflateRaw, deflateRawSync, inflateRawSync } from "node:zlib";
import { DataError, isKernelError } from "../../base/errors";
import { plainPathWithin } from "../../base/paths";

/**
 * Zip archives: a reader that trusts nothing, and a writer that gives the same bytes on every day.
 *
 * Its own reader, since `yauzl` takes archives that must be refused: a directory of more members than its end declares, or of
 * another size; it tells nobody where the directory ends, so that this cannot be checked around it.
 */

/** How much an archive may unfold to. */
export interface ZipLimits {
  /** Most bytes of all members together, declared or real. Default 200 GiB. */
  readonly maxBytes?: number;
  /** Most bytes of one member. Default 256 MiB. */
  readonly maxMemberBytes?: number;
  /** Most bytes out per byte in, for members above 1 MiB. Default 200. */
  readonly maxRatio?: number;
  /** Most bytes of a comment behind the archive. Default 65,535, which is all that the format has room for. */
  readonly maxCommentBytes?: number;
}

/** One file of an archive on disk. */
export interface ZipMember {
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

const END = { signature: 0x06054b50, size: 22 } as const;
const END_64 = { signature: 0x06064b50, size: 56 } as const;
const LOCATOR_64 = { signature: 0x07064b50, size: 20 } as const;
const ENTRY = { signature: 0x02014b50, size: 46 } as const;
const LOCAL = { signature: 0x04034b50, size: 30 } as const;
const [STORED, DEFLATED] = [0, 8];
const ENCRYPTED_FLAG = 1;
/** Upper bits of a Unix mode: kind of file, and the one of a symbolic link. */
const [KIND, LINK] = [0o170000, 0o120000];
/** A number that stands elsewhere, since it does not fit into its two or four bytes. */
const [FULL_16, FULL_32] = [0xffff, 0xffffffff];
const MEBIBYTE = 2 ** 20;
const GIBIBYTE = 2 ** 30;
const LONGEST_COMMENT = 0xffff;
const AGAIN = "Download it again.";
const SUSPECT = "Do not use it: it may be a zip bomb.";

function refuse(place: string, rule: string, got: string | number, next = AGAIN, cause?: unknown): never {
  throw new DataError(`readZip: ${place} must ${rule}; got ${got}. ${next}`, { place, rule, got }, cause);
}

const refuseDirectory = (path: string, got: string): never => refuse(path, "have one whole zip directory", got);

/** Bytes of a file; fewer at its end. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

interface Archive {
  readonly file: FileHandle;
  readonly path: string;
  /** Bytes of the whole file. */
  readonly length: number;
}

/** Where the directory lies, and how many members it should hold. */
interface Directory {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

/** The record at the end, and where it begins; only a comment may follow it. */
async function findEnd({ file, path, length }: Archive, maxComment: number): Promise<{ record: Buffer; at: number }> {
  const start = Math.max(0, length - END.size - LONGEST_COMMENT);
  const tail = await readAt(file, start, length - start);
  for (let at = tail.length - END.size; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END.signature) continue;
    const comment = tail.readUInt16LE(at + 20);
    if (at + END.size + comment !== tail.length) continue; // bytes of a comment that look like a record
    if (comment > maxComment) refuse(path, `have a comment of at most ${maxComment} bytes`, comment);
    return { record: tail.subarray(at, at + END.size), at: start + at };
  }
  return refuse(path, "end with a zip directory", "a truncated file, bytes behind the archive, or another format");
}

/** The second record of archives above 4 GiB, between directory and end; null where there is none. */
async function findEnd64({ file, path }: Archive, endAt: number): Promise<{ record: Buffer; at: number } | null> {
  const locatorAt = endAt - LOCATOR_64.size;
  if (locatorAt < END_64.size) return null;
  const locator = await readAt(file, locatorAt, LOCATOR_64.size);
  if (locator.readUInt32LE(0) !== LOCATOR_64.signature) return null;
  const at = Number(locator.readBigUInt64LE(8));
  if (at > locatorAt - END_64.size) return refuseDirectory(path, "one whose place is wrong");
  const record = await readAt(file, at, END_64.size);
  const isWhole = record.length === END_64.size && record.readUInt32LE(0) === END_64.signature;
  const isAlone = isWhole && at + 12 + Number(record.readBigUInt64LE(4)) === locatorAt;
  return isAlone ? { record, at } : refuseDirectory(path, "a damaged one");
}

/** Where the central directory lies: it must fill the room up to the records at the end. */
async function findDirectory(archive: Archive, maxComment: number): Promise<Directory> {
  const { record, at: endAt } = await findEnd(archive, maxComment);
  const wide = await findEnd64(archive, endAt);
  const [disk, startDisk, here, total] = [4, 6, 8, 10].map((field) => record.readUInt16LE(field));
  const isFirst = (number: number): boolean => number === 0 || (number === FULL_16 && wide !== null);
  const isWhole = here === total || (total === FULL_16 && wide !== null);
  if (!isFirst(disk!) || !isFirst(startDisk!) || !isWhole) refuseDirectory(archive.path, "a part of one");
  const numberOf = (narrow: number, full: number, field: number): number =>
    narrow === full && wide !== null ? Number(wide.record.readBigUInt64LE(field)) : narrow;
  const count = numberOf(total!, FULL_16, 32);
  const size = numberOf(record.readUInt32LE(12), FULL_32, 40);
  const offset = numberOf(record.readUInt32LE(16), FULL_32, 48);
  const isSound = offset + size === (wide?.at ?? endAt) && count * ENTRY.size <= size && size <= GIBIBYTE;
  return isSound ? { count, size, offset } : refuseDirectory(archive.path, "a damaged one");
}

/** A member as the directory describes it. */
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
  if (!narrow.includes(FULL_32)) return [...narrow];
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let next = at + 4;
    const end = Math.min(extra.length, next + extra.readUInt16LE(at + 2));
    return narrow.map((value) => {
      if (value !== FULL_32 || next + 8 > end) return value;
      next += 8;
      return Number(extra.readBigUInt64LE(next - 8));
    });
  }
  return null;
}

function* entriesOf(bytes: Buffer, count: number, path: string): Generator<Entry> {
  let at = 0;
  for (let k = 0; k < count; k++) {
    const isEntry = at + ENTRY.size <= bytes.length && bytes.readUInt32LE(at) === ENTRY.signature;
    if (!isEntry) refuseDirectory(path, "a damaged one");
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const extraStart = at + ENTRY.size + nameLength!;
    const narrow = [24, 20, 42].map((field) => bytes.readUInt32LE(at + field));
    const numbers = wideNumbers(bytes.subarray(extraStart, extraStart + extraLength!), narrow);
    const [size, packedSize, offset] = numbers ?? refuseDirectory(path, "a damaged one");
    yield {
      name: bytes.toString("utf8", at + ENTRY.size, extraStart),
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      mode: bytes.readUInt16LE(at + 40),
      size: size!,
      packedSize: packedSize!,
      offset: offset!,
    };
    at = extraStart + extraLength! + commentLength!;
  }
  if (at !== bytes.length) refuseDirectory(path, "more bytes than members");
}

/** Refuses a member by what the directory says of it. @returns its name with slashes. */
function assertEntry(entry: Entry, place: string, { maxMemberBytes, maxRatio }: Required<ZipLimits>): string {
  const { name, size, packedSize, method, flags, mode } = entry;
  const plain = plainPathWithin(name);
  if (plain === null || (mode & KIND) === LINK) {
    return refuse(place, "stay in the folder it is unpacked to", JSON.stringify(name), "Do not use this archive.");
  }
  if ((flags & ENCRYPTED_FLAG) !== 0) refuse(place, "not be encrypted", "an encrypted member");
  if (method !== STORED && method !== DEFLATED) refuse(place, "be stored or deflated", `method ${method}`);
  if (size > maxMemberBytes) refuse(place, `have at most ${maxMemberBytes} bytes`, size, SUSPECT);
  if (size > MEBIBYTE && size > maxRatio * packedSize) {
    refuse(place, `unfold at most ${maxRatio} times`, `${packedSize} to ${size} bytes`, SUSPECT);
  }
  return plain;
}

/** Where a member's packed bytes begin: behind a header of its own. */
async function contentStart(file: FileHandle, { offset, name }: Entry, place: string): Promise<number> {
  const head = await readAt(file, offset, LOCAL.size);
  if (head.length < LOCAL.size || head.readUInt32LE(0) !== LOCAL.signature)
    refuse(place, "have a local header", "none");
  const nameLength = head.readUInt16LE(26);
  const found = (await readAt(file, offset + LOCAL.size, nameLength)).toString("utf8");
  if (found !== name) refuse(place, "have the same name in both headers", JSON.stringify(found));
  return offset + LOCAL.size + nameLength + head.readUInt16LE(28);
}

const unfoldTo = (size: number): string => `unfold to its declared ${size} bytes`;

function inflate(packed: Buffer, size: number, place: string): Uint8Array {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
  } catch (cause) {
    const isTooLong = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    return refuse(place, unfoldTo(size), isTooLong ? "more than that" : "damaged data", AGAIN, cause);
  }
}

async function readMember(file: FileHandle, entry: Entry, place: string): Promise<Uint8Array> {
  const { method, packedSize, size, crc } = entry;
  const packed = await readAt(file, await contentStart(file, entry, place), packedSize);
  if (packed.length < packedSize) refuse(place, "lie within the file", "a truncated file");
  const content = method === STORED ? packed : inflate(packed, size, place);
  if (content.length !== size) refuse(place, unfoldTo(size), content.length);
  if (crc32(content) !== crc) refuse(place, "match its checksum", "other content");
  return content;
}

/** Unpacks a member as it is read, never beyond its declared size. */
async function* memberPieces({ file, path }: Archive, entry: Entry, place: string): AsyncGenerator<Buffer> {
  const { method, packedSize, size, crc } = entry;
  const start = await contentStart(file, entry, place);
  if (packedSize === 0) return void (size > 0 && refuse(place, unfoldTo(size), 0));
  const packed = createReadStream(path, { start, end: start + packedSize - 1 });
  const stream = method === STORED ? packed : packed.pipe(createInflateRaw());
  packed.on("error", (error) => stream.destroy(error));
  let [length, sum] = [0, 0];
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > size) refuse(place, unfoldTo(size), "more than that");
      sum = crc32(piece, sum);
      yield piece;
    }
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    refuse(place, unfoldTo(size), "damaged data", AGAIN, cause);
  } finally {
    packed.destroy();
  }
  if (length !== size) refuse(place, unfoldTo(size), length);
  if (sum !== crc) refuse(place, "match its checksum", "other content");
}

/**
 * The files of a zip archive on disk in its order, one at a time in memory; archives above 4 GiB too. Folders are passed over.
 *
 * Sizes and names of a member are checked before it is read. Members must follow one another: two that share bytes are refused.
 * @throws DataError naming archive and member: damage, a truncated end, a name that leaves the folder, a link, encryption,
 * a member that is too large or unfolds too far.
 * @example for await (const { name, read } of readZip("imgs.zip")) …
 */
export async function* readZip(path: string, limits: ZipLimits = {}): AsyncGenerator<ZipMember> {
  const { maxBytes = 200 * GIBIBYTE, maxMemberBytes = 256 * MEBIBYTE, maxRatio = 200 } = limits;
  const { maxCommentBytes = LONGEST_COMMENT } = limits;
  const file = await open(path);
  try {
    const archive = { file, path, length: (await file.stat()).size };
    const { count, size, offset: directoryAt } = await findDirectory(archive, maxCommentBytes);
    let [total, end] = [0, 0];
    for (const entry of entriesOf(await readAt(file, directoryAt, size), count, path)) {
      const place = `${path}, member ${entry.name}`;
      const name = assertEntry(entry, place, { maxBytes, maxMemberBytes, maxRatio, maxCommentBytes });
      total += entry.size;
      if (total > maxBytes) refuse(place, `keep the archive within ${maxBytes} bytes`, total, SUSPECT);
      const next = entry.offset + LOCAL.size + entry.packedSize;
      if (entry.offset < end || next > directoryAt) {
        refuse(place, "have bytes of its own", "bytes of another member", SUSPECT);
      }
      end = next;
      if (name.endsWith("/")) continue;
      const [read, pieces] = [() => readMember(file, entry, place), () => memberPieces(archive, entry, place)];
      yield { name, size: entry.size, bytesRead: end, read, pieces };
    }
  } finally {
    await file.close();
  }
}

/** 1 January 1980, the first day a zip archive knows: the same content gives the same bytes on every day. */
const DATE = 0x21;

/** The fields that a member's own header and its entry in the directory share. */
function headerFields(content: Uint8Array, packed: Uint8Array, method: number): Buffer {
  const fields = Buffer.alloc(22);
  fields.writeUInt16LE(20, 0); // version needed
  fields.writeUInt16LE(method, 4);
  fields.writeUInt16LE(DATE, 8);
  fields.writeUInt32LE(crc32(content), 10);
  fields.writeUInt32LE(packed.length, 14);
  fields.writeUInt32LE(content.length, 18);
  return fields;
}

/** Packs members into a zip archive. Stored members give the same bytes on every machine. */
export function writeZip(members: ReadonlyMap<string, Uint8Array>, packing: "stored" | "deflated"): Uint8Array {
  const body: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, content] of members) {
    const packed = packing === "stored" ? content : deflateRawSync(content);
    const fields = headerFields(content, packed, packing === "stored" ? STORED : DEFLATED);
    const label = Buffer.from(name, "utf8");
    const local = Buffer.alloc(LOCAL.size);
    local.writeUInt32LE(LOCAL.signature, 0);
    fields.copy(local, 4);
    local.writeUInt16LE(label.length, 26);
    const entry = Buffer.alloc(ENTRY.size);
    entry.writeUInt32LE(ENTRY.signature, 0);
    entry.writeUInt16LE(20, 4); // version made by
    fields.copy(entry, 6);
    entry.writeUInt16LE(label.length, 28);
    entry.writeUInt32LE(offset, 42);
    body.push(local, label, packed);
    directory.push(entry, label);
    offset += local.length + label.length + packed.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(END.size);
  end.writeUInt32LE(END.signature, 0);
  end.writeUInt16LE(members.size, 8);
  end.writeUInt16LE(members.size, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...body, list, end]);
}
