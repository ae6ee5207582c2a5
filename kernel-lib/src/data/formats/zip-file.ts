import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { isKernelError } from "../../base/errors";
import { plainPathWithin } from "../../base/paths";
import { readAt, readZipDirectory, refuseZip, type ZipEntry } from "./zip-directory";

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
const LOCAL = 0x04034b50;
const LINK = 0o120000;
const SUSPECT = "Do not use it: it may be a zip bomb.";

function assertEntry(entry: ZipEntry, place: string, { maxMemberBytes, maxRatio }: Required<ZipFileLimits>): string {
  const { name, size, packedSize, method, flags, mode } = entry;
  const plain = plainPathWithin(name);
  if (plain === null || (mode & 0o170000) === LINK) {
    return refuseZip(place, "stay in the folder it is unpacked to", JSON.stringify(name), "Do not use this archive.");
  }
  if ((flags & 1) !== 0) refuseZip(place, "not be encrypted", "an encrypted member");
  if (method !== 0 && method !== 8) refuseZip(place, "be stored or deflated", `method ${method}`);
  if (size > maxMemberBytes) refuseZip(place, `have at most ${maxMemberBytes} bytes`, size, SUSPECT);
  if (size > MEBIBYTE && size > maxRatio * packedSize) {
    refuseZip(place, `unfold at most ${maxRatio} times`, `${packedSize} to ${size} bytes`, SUSPECT);
  }
  return plain;
}

/** Where a member's packed bytes begin: behind a header of its own. */
async function contentStart(file: FileHandle, { offset, name }: ZipEntry, place: string): Promise<number> {
  const head = await readAt(file, offset, 30);
  if (head.length < 30 || head.readUInt32LE(0) !== LOCAL) refuseZip(place, "have a local header", "none");
  const nameLength = head.readUInt16LE(26);
  const found = (await readAt(file, offset + 30, nameLength)).toString("utf8");
  if (found !== name) refuseZip(place, "have the same name in both headers", JSON.stringify(found));
  return offset + 30 + nameLength + head.readUInt16LE(28);
}

async function readMember(file: FileHandle, entry: ZipEntry, place: string): Promise<Uint8Array> {
  const start = await contentStart(file, entry, place);
  const packed = await readAt(file, start, entry.packedSize);
  if (packed.length < entry.packedSize) refuseZip(place, "lie within the file", "a truncated file");
  const content = unpack(packed, entry, place);
  if (content.length !== entry.size) refuseZip(place, `unfold to its declared ${entry.size} bytes`, content.length);
  if (crc32(content) !== entry.crc) refuseZip(place, "match its checksum", "other content");
  return content;
}

function unpack(packed: Buffer, { method, size }: ZipEntry, place: string): Uint8Array {
  if (method === 0) return packed;
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
  } catch {
    return refuseZip(place, `unfold to its declared ${size} bytes`, "damaged data or more");
  }
}

/** Unpacks a member as it is read, never beyond its declared size. */
async function* memberPieces(file: FileHandle, path: string, entry: ZipEntry, place: string): AsyncGenerator<Buffer> {
  const { method, packedSize, size, crc } = entry;
  const start = await contentStart(file, entry, place);
  if (packedSize === 0) return void (size > 0 && refuseZip(place, `unfold to its declared ${size} bytes`, 0));
  const packed = createReadStream(path, { start, end: start + packedSize - 1 });
  const stream = method === 0 ? packed : packed.pipe(createInflateRaw());
  packed.on("error", (error) => stream.destroy(error));
  let [length, sum] = [0, 0];
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > size) refuseZip(place, `unfold to its declared ${size} bytes`, "more than that");
      sum = crc32(piece, sum);
      yield piece;
    }
  } catch (cause) {
    if (isKernelError(cause)) throw cause;
    refuseZip(place, `unfold to its declared ${size} bytes`, "damaged data");
  } finally {
    packed.destroy();
  }
  if (length !== size) refuseZip(place, `unfold to its declared ${size} bytes`, length);
  if (sum !== crc) refuseZip(place, "match its checksum", "other content");
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
    const { start, entries } = await readZipDirectory(file, path, length);
    let [total, end] = [0, 0];
    for (const entry of entries) {
      const place = `${path}, member ${entry.name}`;
      const name = assertEntry(entry, place, all);
      total += entry.size;
      if (total > all.maxBytes) refuseZip(place, `keep the archive within ${all.maxBytes} bytes`, total, SUSPECT);
      if (entry.offset < end || entry.offset + 30 + entry.packedSize > start) {
        refuseZip(place, "have bytes of its own", "bytes of another member", SUSPECT);
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
